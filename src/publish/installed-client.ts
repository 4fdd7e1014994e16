import { download } from '../client/download.ts';
import type { OtaClient } from '../client/ota-client.ts';
import type { Retry } from '../client/retry.ts';
import type { Transport } from '../client/transport.ts';
import { OtaError } from '../errors.ts';
import type { UpdateAnswer } from '../protocol/messages.ts';
import { type PublicKey, parseSignature, type Verification, verifySignature } from '../protocol/minisign.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { isVersion } from '../protocol/version.ts';

/** The version every other one updates: the lowest there is. */
export const LOWEST_VERSION = '0.0.0-0';

/** Largest file whose signature is checked when it is not prehashed: all of it must be in memory then. */
const MAX_UNHASHED_BYTES = 512 * 1024 * 1024;

/** RFC 3339 with an offset, which is all that Tauri's updater reads. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The way to the server that an installed app has: no token. */
export interface InstalledClient {
  readonly client: OtaClient;
  readonly transport: Transport;
  readonly retry: Retry;
  readonly signal?: AbortSignal | undefined;
}

/** What an installed app knows of itself. */
export interface Installed extends Platform {
  readonly slug: string;
  readonly currentVersion: string;
}

export interface FetchedUpdate {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** Undefined when there was no key to check by. */
  readonly signature: Verification | undefined;
}

/**
 * Asks for an update as an installed app does, and finds out why there is none.
 * @throws OtaError `not_the_api` when Tauri's updater could not use the answer, naming why; `usage` for a 404
 */
export async function askForUpdate(
  { client, retry }: Pick<InstalledClient, 'client' | 'retry'>,
  installed: Installed,
): Promise<{ readonly update: UpdateAnswer } | { readonly reason: string }> {
  const update = await retry.run(() => client.check(installed.slug, installed, installed.currentVersion));
  if (update !== undefined) {
    requireUsable(update);
    return { update };
  }
  const newest = await retry.run(() => client.check(installed.slug, installed, LOWEST_VERSION));
  const platform = platformName(installed);
  const reason =
    newest === undefined
      ? `nothing is published for ${platform}: no release has a complete artifact for it`
      : `${newest.version} is the newest for ${platform}, and not newer than ${installed.currentVersion}`;
  return { reason };
}

/** Downloads an update and checks its signature as Tauri's updater would. */
export async function fetchUpdate(
  { transport, signal }: Pick<InstalledClient, 'transport' | 'signal'>,
  update: UpdateAnswer,
  publicKey: PublicKey | undefined,
  onProgress?: (receivedBytes: number) => void,
): Promise<FetchedUpdate> {
  const signature = parseSignature(update.signature);
  const kept: Uint8Array[] | undefined =
    publicKey !== undefined && !('malformed' in signature) && !signature.prehashed ? [] : undefined;
  let keptBytes = 0;
  const { size, sha256, blake2b512 } = await download(transport, {
    url: new URL(update.url),
    signal,
    ...(onProgress && { onProgress }),
    onChunk: (chunk) => {
      keptBytes += chunk.length;
      if (kept && keptBytes <= MAX_UNHASHED_BYTES) kept.push(chunk);
    },
  });
  const fetched = { size, sha256 };
  if (publicKey === undefined) return { ...fetched, signature: undefined };
  if ('malformed' in signature) {
    return { ...fetched, signature: { valid: false, reason: `the signature ${signature.malformed}` } };
  }
  if (kept && keptBytes > MAX_UNHASHED_BYTES) {
    return {
      ...fetched,
      signature: { valid: false, reason: 'the file is too large for a signature without prehash' },
    };
  }
  const content = kept ? { bytes: Buffer.concat(kept) } : { blake2b512 };
  return { ...fetched, signature: verifySignature(signature, publicKey, content, update.version) };
}

/** What Tauri's updater would stumble over in an answer whose fields have the right types. */
function requireUsable({ version, url, pub_date: date }: UpdateAnswer): void {
  const fault = !isVersion(version.replace(/^v/, ''))
    ? `version "${version}" is not strict semver`
    : !URL.canParse(url)
      ? `url "${url}" is not absolute`
      : date != null && !RFC_3339.test(date)
        ? `pub_date "${date}" is not RFC 3339`
        : undefined;
  if (fault === undefined) return;
  throw new OtaError(
    'not_the_api',
    `the update is offered in a way that installed apps cannot use: ${fault}`,
    {
      hint: 'Correct the release on the server; until then its users get no update.',
    },
  );
}
