import { download } from '../client/download.ts';
import { OtaError } from '../errors.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { compareVersions, isVersion } from '../protocol/version.ts';
import { LOWEST_VERSION } from './installed-client.ts';
import type { Publisher } from './publisher.ts';

/** A server that looks for uploads by itself may take a while: so long it is waited for, in milliseconds. */
const PATIENCE_MS = 30_000;
const POLL_MS = 1000;

/** What installed apps of a platform have to get. */
export interface Expected extends Platform {
  readonly slug: string;
  readonly releaseId: string;
  readonly version: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly signature: string;
}

export type Verdict =
  | { readonly verified: true; readonly url: string; readonly offered: boolean }
  /** `wait`: it may only not be there yet. */
  | { readonly verified: false; readonly reason: string; readonly wait: boolean };

/**
 * Acts as an installed app would: asks for an update, follows the redirect, downloads, and compares what came with
 * what was published. Where a higher version is offered instead, the file is fetched by its own address.
 */
export async function verifyServed(publisher: Publisher, expected: Expected): Promise<Verdict> {
  for (let waited = 0; ; waited += POLL_MS) {
    const verdict = await look(publisher, expected);
    if (verdict.verified || !verdict.wait || waited >= PATIENCE_MS) return verdict;
    await publisher.sleep(POLL_MS);
  }
}

async function look(publisher: Publisher, expected: Expected): Promise<Verdict> {
  const { client, retry } = publisher;
  const { slug, version } = expected;
  const update = await retry.run(() => client.check(slug, expected, LOWEST_VERSION));
  if (update === undefined) return { verified: false, reason: 'no update is offered', wait: true };
  if (!isVersion(update.version)) {
    return { verified: false, reason: `the offered version ${update.version} is not semver`, wait: false };
  }
  const order = compareVersions(update.version, version);
  if (order < 0) return { verified: false, reason: `${update.version} is offered instead`, wait: true };
  if (order > 0) {
    return compareBytes(
      publisher,
      expected,
      client.downloadUrl(slug, expected.releaseId, expected).href,
      false,
    );
  }
  if (update.version !== version || update.signature !== expected.signature) {
    return { verified: false, reason: 'another signature or version text is offered', wait: false };
  }
  if (!URL.canParse(update.url))
    return { verified: false, reason: 'the offered URL is not absolute', wait: false };
  const again = await retry.run(() => client.check(slug, expected, version));
  if (again !== undefined) {
    return {
      verified: false,
      reason: `${again.version} is offered to ${version}, so apps would loop`,
      wait: false,
    };
  }
  return compareBytes(publisher, expected, update.url, true);
}

async function compareBytes(
  { transport, retry, signal }: Publisher,
  { size, sha256 }: Expected,
  url: string,
  offered: boolean,
): Promise<Verdict> {
  try {
    const served = await retry.run(() => download(transport, { url: new URL(url), signal }));
    if (served.size === size && served.sha256 === sha256) return { verified: true, url, offered };
    const reason = `${served.size} bytes with SHA-256 ${served.sha256} are served, not ${size} with ${sha256}`;
    return { verified: false, reason, wait: false };
  } catch (error) {
    if (!(error instanceof OtaError) || error.code !== 'usage') throw error;
    return { verified: false, reason: 'the download is not found', wait: true };
  }
}

/** The error for platforms that do not get what was published. */
export function verificationError(failed: readonly { platform: Platform; reason: string }[]): OtaError {
  const lines = failed.map(({ platform, reason }) => `${platformName(platform)}: ${reason}`);
  return new OtaError(
    'verification_failed',
    `the server does not serve what was published: ${lines.join('; ')}`,
    {
      hint: 'Installed apps may be offered something broken: look at the server, and delete the release if in doubt.',
    },
  );
}
