import { randomBytes } from 'node:crypto';
import { OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { compareVersions, isVersion, LOWEST_VERSION, precedenceOf } from '../../protocol/version.ts';
import type { Publisher } from '../publisher.ts';
import { fetchUpdate } from './fetch-update.ts';
import { offeredFile, unusableBecause } from './update-check.ts';

/** A server that looks for uploads by itself may take a while: so long it is waited for, in milliseconds. */
const PATIENCE_MS = 30_000;
const POLL_MS = 1000;
/** So often it is asked as installed apps do, before caches are asked past. */
const LOOKS_AS_APPS = 3;

/** What installed apps of a platform have to get. */
export interface Expected extends Platform {
  readonly slug: string;
  readonly releaseId: string;
  readonly version: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly signature: string;
  /** The app's key, to check what is served by. */
  readonly publicKey: PublicKey | undefined;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
  /** The version that apps update from; the lowest there can be when nothing was live before. */
  readonly previousVersion?: string | undefined;
}

export type Verdict =
  | {
      readonly verified: true;
      readonly url: string;
      /** A cache still answers with what was before: apps get it once that has expired. */
      readonly hiddenByCache?: boolean;
    }
  /** `wait`: it may only not be there yet. */
  | { readonly verified: false; readonly reason: string; readonly wait: boolean };

/**
 * Acts as an installed app would: asks for an update, follows the redirect, downloads, and compares what came with
 * what was published. Where a higher version is offered instead, the file is fetched by its own address.
 */
export async function verifyServed(publisher: Publisher, expected: Expected): Promise<Verdict> {
  for (let look = 0; ; look++) {
    const pastCaches = look >= LOOKS_AS_APPS;
    const verdict = await askAndFetch(publisher, pastCaches ? pastAnyCache(expected) : expected);
    if (verdict.verified) {
      const hiddenByCache = pastCaches && 'verified' in (await askForVersion(publisher, expected));
      return hiddenByCache ? { ...verdict, hiddenByCache } : verdict;
    }
    if (!verdict.wait || look * POLL_MS >= PATIENCE_MS) return verdict;
    await publisher.sleep(POLL_MS);
  }
}

/** As an app of the same version asks whose address no cache has seen: build metadata is not compared (SemVer 10). */
function pastAnyCache({ previousVersion = LOWEST_VERSION, ...expected }: Expected): Expected {
  const unseen = `${precedenceOf(previousVersion)}+${randomBytes(4).toString('hex')}`;
  return { ...expected, previousVersion: isVersion(unseen) ? unseen : previousVersion };
}

async function askAndFetch(publisher: Publisher, expected: Expected): Promise<Verdict> {
  const { client } = publisher;
  const { slug, version } = expected;
  const update = await askForVersion(publisher, expected);
  if ('verified' in update) return update;
  if (isHigher(update.version, version))
    return fetchAndCompare(publisher, expected, client.downloadUrl(slug, expected.releaseId, expected));
  if (update.version !== version || update.signature !== expected.signature) {
    return broken('another signature or version text is offered');
  }
  if (expected.bundleType !== undefined) {
    // Apps whose endpoint does not ask for their kind of bundle look it up in the answer.
    const plain = await askForVersion(publisher, {
      ...expected,
      ...withoutBundleType(expected),
      bundleType: undefined,
    });
    if ('verified' in plain) return plain;
    const file = isHigher(plain.version, version) ? expected : offeredFile(plain, expected);
    if (file?.signature !== expected.signature) {
      return broken(`apps that do not ask for ${expected.bundleType} are offered another signature`);
    }
  }
  const again = await ask(publisher, expected, version);
  // A higher one may have been published meanwhile; the same or a lower one would be installed for ever.
  if (again !== undefined && again !== 'unknown_slug' && !isHigher(again.version, version)) {
    return broken(`${again.version} is offered to ${version}, so apps would loop`);
  }
  return fetchAndCompare(publisher, expected, new URL(update.url));
}

/** What apps of the version before are offered; the verdict where that is nothing, unusable, or older. */
async function askForVersion(publisher: Publisher, expected: Expected): Promise<UpdateResponse | Verdict> {
  const { slug, version, previousVersion = LOWEST_VERSION } = expected;
  const update = await ask(publisher, expected, previousVersion);
  if (update === 'unknown_slug') return notYet(`the server knows no app ${slug}`);
  if (update === undefined) return notYet('no update is offered');
  const unusable = unusableBecause(update);
  if (unusable !== undefined) return broken(`installed apps cannot use what is offered: ${unusable}`);
  if (compareVersions(update.version, version) < 0) return notYet(`${update.version} is offered instead`);
  return update;
}

async function ask({ client, retry }: Publisher, { slug, channel, ...platform }: Expected, version: string) {
  try {
    return await retry.run(() => client.check(slug, platform, version, channel));
  } catch (error) {
    if (error instanceof OtaError && error.code === 'usage') return 'unknown_slug'; // 404
    throw error;
  }
}

async function fetchAndCompare(
  { transport, retry, signal }: Publisher,
  { size, sha256, signature, version, publicKey }: Expected,
  url: URL,
): Promise<Verdict> {
  const request = { url, signature, version, publicKey, maxBytes: size, signal };
  const served = await retry
    .run(() => fetchUpdate(transport, request))
    .catch((error) => {
      if (error instanceof OtaError && error.code === 'not_the_api') return error;
      throw error;
    });
  if (served === 'not_served') return notYet('the download is not found');
  if (served instanceof OtaError) return broken(served.message);
  if (served.size !== size || served.sha256 !== sha256) {
    return broken(
      `${served.size} bytes with SHA-256 ${served.sha256} are served, not ${size} with ${sha256}`,
    );
  }
  if (served.signature?.valid === false) {
    return broken(`the signature that is served does not verify: ${served.signature.reason}`);
  }
  return { verified: true, url: url.href };
}

function isHigher(version: string, than: string): boolean {
  return isVersion(version) && compareVersions(version, than) > 0;
}

function notYet(reason: string): Verdict {
  return { verified: false, reason, wait: true };
}

function broken(reason: string): Verdict {
  return { verified: false, reason, wait: false };
}

/** The error for platforms that do not get what was published. */
export function verificationError(failed: readonly { platform: Platform; reason: string }[]): OtaError {
  const lines = failed.map(({ platform, reason }) => `${platformName(platform)}: ${reason}`);
  const message = `the server does not serve what was published: ${lines.join('; ')}`;
  return new OtaError('verification_failed', message, {
    hint: 'Installed apps may be offered something broken: look at the server, and delete the release if in doubt.',
  });
}
