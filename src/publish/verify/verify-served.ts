import { atHandedOutUrl } from '../../client/handed-out-url.ts';
import type { OtaClient } from '../../client/ota-client.ts';
import type { Retry } from '../../client/retry.ts';
import { download } from '../../client/transfer/download.ts';
import type { Transport } from '../../client/transport/transport.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { digestOfNotes, type Subject } from '../../protocol/manifest/release-statement.ts';
import { type Platform, parsePlatform } from '../../protocol/platform.ts';
import { LOWEST_VERSION } from '../../protocol/version.ts';

/** The connection of anybody: without a token. */
export interface PublicConnection {
  readonly client: OtaClient;
  readonly transport: Transport;
  readonly retry: Retry;
  readonly signal?: AbortSignal | undefined;
}

export interface ServedFile {
  readonly platform: string;
  readonly file: Subject;
  /** What is wrong with what is served; undefined where it is what was signed. */
  readonly problem: string | undefined;
}

/** Downloads each file of a manifest as an installed app would, and compares it. */
export async function verifyServed(
  connection: PublicConnection,
  slug: string,
  manifest: Manifest,
): Promise<ServedFile[]> {
  const served: ServedFile[] = [];
  for (const [name, file] of manifest.files) {
    const platform = parsePlatform(name);
    if (platform === undefined) continue;
    const options = { slug, manifest, file, platform };
    const problem = (await fileProblem(connection, options)) ?? (await offerProblem(connection, options));
    served.push({ platform: name, file, problem });
  }
  return served;
}

interface Asked {
  readonly slug: string;
  readonly manifest: Manifest;
  readonly file: Subject;
  readonly platform: Platform;
}

async function fileProblem(
  { client, transport, retry, signal }: PublicConnection,
  { slug, manifest, file, platform }: Asked,
): Promise<string | undefined> {
  const url = client.downloadUrl(slug, manifest.releaseId, platform);
  const { size } = file.annotations;
  const request = { url, maxBytes: size, server: client.serverKind, signal };
  try {
    const fetch = () => atHandedOutUrl(url.href, client.server, () => download(transport, request));
    const found = await retry.run(fetch);
    if (found.kind === 'not_served') return 'it is not served';
    if (found.sha256 === file.digest.sha256 && found.size === size) return undefined;
    return `${found.size} bytes with SHA-256 ${found.sha256} are served`;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'not_the_api' && !error.inFront) return error.message;
    throw error;
  }
}

/** What apps get to know of the release where it is what they are offered now. */
async function offerProblem(
  { client, retry }: PublicConnection,
  { slug, manifest, platform }: Asked,
): Promise<string | undefined> {
  const { requires, channel, version, notesSha256 } = manifest;
  const app = {
    ...platform,
    slug,
    currentVersion: requires ?? LOWEST_VERSION,
    channel: channel === STABLE ? undefined : channel,
  };
  try {
    const update = await retry.run(() => client.check(app));
    if (update?.version !== version || notesSha256 === undefined) return undefined;
    return digestOfNotes(update.notes ?? null) === notesSha256
      ? undefined
      : 'apps are shown other release notes';
  } catch (error) {
    if (hasStatus(error, 400, 404)) return undefined; // nothing is offered
    throw error;
  }
}
