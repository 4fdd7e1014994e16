import { atHandedOutUrl, isUnsafeUrlError } from '../../client/handed-out-url.ts';
import type { InstalledApp } from '../../client/ota-client.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { compareVersions, isVersion, LOWEST_VERSION } from '../../protocol/version.ts';
import type { Publisher } from '../publisher.ts';
import type { AskingVersion } from '../server-state/asking-versions.ts';
import { uncachedVersion } from '../uncached-version.ts';
import { fetchUpdate } from './fetch-update.ts';
import { offeredFile, onlyLocalBecause, unusableBecause } from './update-check.ts';

/** How long to wait for a server that polls its storage for uploads, in milliseconds. */
const MAX_WAIT_MS = 30_000;
const POLL_INTERVAL_MS = 1000;
/** Checks with the URL that installed apps use, before caches are bypassed. */
const CHECKS_THROUGH_CACHES = 3;
const AS_LOWEST: AskingVersion = { kind: 'version', version: LOWEST_VERSION };

/** What installed apps of a platform have to get. */
export interface ExpectedUpdate extends Platform {
  readonly slug: string;
  readonly releaseId: string;
  readonly version: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly signature: string;
  /** The key that it is signed with, to check what is served against. */
  readonly publicKey: PublicKey | undefined;
  /** Of the file, where it was inspected here. */
  readonly blake2b512?: Buffer | undefined;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
  /** What apps ask as that are offered it; by default the lowest version. */
  readonly askAs?: AskingVersion | undefined;
  /** The same for apps that do not ask for a bundle type. */
  readonly askWithoutTypeAs?: AskingVersion | undefined;
  /** Extension `rollout`: ask as a user does who asks for the update, as it is not for all apps yet. */
  readonly isManual?: boolean;
  /** Extension `close`: apps that do not ask for a bundle type get another file. */
  readonly onlyByType?: true;
  /** Whether the file is not downloaded. */
  readonly skipDownload?: boolean | undefined;
}

export type Verdict =
  | {
      readonly kind: 'verified';
      readonly url: string;
      /** Whether a cache still returns the previous update: apps get this one once it expires. */
      readonly hiddenByCache: boolean;
    }
  | NotVerified;

interface NotVerified {
  /** `not_yet`: it may only not be served yet. */
  readonly kind: 'not_yet' | 'broken';
  readonly reason: string;
}

/**
 * Acts as an installed app would: checks for an update, follows the redirect, downloads, and compares the result with
 * what was published. Where a higher version is offered instead, or it is offered to none, the file is fetched by its
 * own URL.
 * @param repair called once if it is not served; returns whether that has changed something
 */
export async function verifyPlatform(
  publisher: Publisher,
  expected: ExpectedUpdate,
  repair: () => Promise<boolean> = async () => false,
): Promise<Verdict> {
  let isRepaired: boolean | undefined;
  for (let checks = 0; ; checks++) {
    const pastCaches = checks >= CHECKS_THROUGH_CACHES;
    const verdict = await checkAndFetch(publisher, pastCaches ? withUncachedVersion(expected) : expected);
    if (verdict.kind === 'verified') {
      if (!pastCaches) return verdict;
      const throughCaches = await checkForVersion(publisher, expected);
      return { ...verdict, hiddenByCache: throughCaches.kind !== 'offered' };
    }
    if (isRepaired === undefined) {
      isRepaired = await repair();
      if (isRepaired) continue;
    }
    if (verdict.kind === 'broken' || checks * POLL_INTERVAL_MS >= MAX_WAIT_MS) return verdict;
    await publisher.sleep(POLL_INTERVAL_MS);
  }
}

function withUncachedVersion({ askAs, askWithoutTypeAs, ...expected }: ExpectedUpdate): ExpectedUpdate {
  return { ...expected, askAs: uncached(askAs), askWithoutTypeAs: uncached(askWithoutTypeAs) };
}

function uncached(asking: AskingVersion = AS_LOWEST): AskingVersion {
  return asking.kind === 'no_version'
    ? asking
    : { kind: 'version', version: uncachedVersion(asking.version) };
}

async function checkAndFetch(publisher: Publisher, expected: ExpectedUpdate): Promise<Verdict> {
  const { slug, version, releaseId } = expected;
  const offer = await checkForVersion(publisher, expected);
  const ownUrl = publisher.client.downloadUrl(slug, releaseId, expected);
  if (offer.kind === 'to_no_version') return fetchAndCompare(publisher, expected, ownUrl);
  if (offer.kind !== 'offered') return offer;
  const { update } = offer;
  if (isHigher(update.version, version)) return fetchAndCompare(publisher, expected, ownUrl);
  const file = offeredFile(update, expected);
  if (file === undefined) return broken('the update that is offered has no file for it');
  if (update.version !== version || file.signature !== expected.signature) {
    return broken('a different signature or version text is offered');
  }
  const plain = await checkWithoutBundleType(publisher, expected);
  if (plain !== undefined) return plain;
  const again = await check(publisher, expected, version);
  // A higher one may have been published since; the same or a lower one would be installed over and over.
  if (again.kind === 'update' && !isHigher(again.update.version, version)) {
    return broken(`apps on ${version} are offered ${again.update.version}, so they would update in a loop`);
  }
  return fetchAndCompare(publisher, expected, new URL(file.url));
}

/** Apps with an endpoint that has no bundle type find theirs in the response. */
async function checkWithoutBundleType(
  publisher: Publisher,
  expected: ExpectedUpdate,
): Promise<NotVerified | undefined> {
  const { bundleType, signature, version, onlyByType } = expected;
  if (bundleType === undefined || onlyByType) return undefined;
  const { bundleType: _, askWithoutTypeAs: askAs, ...platform } = expected;
  const offer = await checkForVersion(publisher, { ...platform, ...withoutBundleType(expected), askAs });
  if (offer.kind === 'to_no_version') return undefined;
  if (offer.kind !== 'offered') return offer;
  const { update } = offer;
  const file = isHigher(update.version, version) ? expected : offeredFile(update, expected);
  if (file?.signature === signature) return undefined;
  return broken(`apps that do not ask for ${bundleType} are offered a different signature`);
}

type Offer =
  | { readonly kind: 'offered'; readonly update: UpdateResponse }
  /** There is no version to ask as. */
  | { readonly kind: 'to_no_version' }
  | NotVerified;

/** The update that apps on a lower version are offered, if it is usable and not older than expected. */
async function checkForVersion(publisher: Publisher, expected: ExpectedUpdate): Promise<Offer> {
  const { slug, version, askAs = AS_LOWEST } = expected;
  if (askAs.kind === 'no_version') return { kind: 'to_no_version' };
  const result = await check(publisher, expected, askAs.version);
  if (result.kind === 'unknown_slug') return notYet(`the server has no app with the slug ${slug}`);
  if (result.kind === 'no_update') return notYet('no update is offered');
  const { update } = result;
  const unusable = unusableBecause(update) ?? onlyLocalBecause(update, publisher.client.server);
  if (unusable !== undefined) return broken(`installed apps cannot use what is offered: ${unusable}`);
  if (compareVersions(update.version, version) < 0) return notYet(`${update.version} is offered instead`);
  return { kind: 'offered', update };
}

type CheckResult =
  | { readonly kind: 'update'; readonly update: UpdateResponse }
  | { readonly kind: 'no_update' }
  | { readonly kind: 'unknown_slug' };

async function check(
  { client, retry }: Publisher,
  { slug, target, arch, bundleType, channel, isManual }: ExpectedUpdate,
  currentVersion: string,
): Promise<CheckResult> {
  const platform: Platform = { target, arch, ...(bundleType !== undefined && { bundleType }) };
  const app: InstalledApp = { ...platform, slug, currentVersion, channel, isManual };
  try {
    const update = await retry.run(() => client.check(app));
    return update === undefined ? { kind: 'no_update' } : { kind: 'update', update };
  } catch (error) {
    if (hasStatus(error, 404)) return { kind: 'unknown_slug' };
    throw error;
  }
}

async function fetchAndCompare(
  { client, transport, retry, signal }: Publisher,
  { size, sha256, blake2b512, signature, version, publicKey, skipDownload }: ExpectedUpdate,
  url: URL,
): Promise<Verdict> {
  if (skipDownload) return { kind: 'verified', url: url.href, hiddenByCache: false };
  const server = client.serverKind;
  const expected = blake2b512 && { sha256, blake2b512 };
  const request = { url, signature, version, publicKey, expected, maxBytes: size, server, signal };
  try {
    const fetch = () => atHandedOutUrl(url.href, client.server, () => fetchUpdate(transport, request));
    const served = await retry.run(fetch);
    if (served.kind === 'not_served') return notYet('the download does not exist');
    if (served.size !== size || served.sha256 !== sha256) {
      return broken(
        `${served.size} bytes with SHA-256 ${served.sha256} are served, not ${size} with ${sha256}`,
      );
    }
    if (served.signature?.valid === false) {
      return broken(`the served signature does not verify: ${served.signature.reason}`);
    }
    return { kind: 'verified', url: url.href, hiddenByCache: false };
  } catch (error) {
    if (!(error instanceof OtaError) || isUnsafeUrlError(error)) throw error;
    if (error.code === 'not_the_api' && !error.inFront) return broken(error.message);
    throw error;
  }
}

function isHigher(version: string, than: string): boolean {
  return isVersion(version) && compareVersions(version, than) > 0;
}

function notYet(reason: string): NotVerified {
  return { kind: 'not_yet', reason };
}

function broken(reason: string): NotVerified {
  return { kind: 'broken', reason };
}

/** The error for platforms that do not get what was published. */
export function verificationError(failed: readonly { platform: Platform; reason: string }[]): OtaError {
  const lines = failed.map(({ platform, reason }) => `${platformName(platform)}: ${reason}`);
  const message = `the server does not serve what was published: ${lines.join('; ')}`;
  return new OtaError('verification_failed', message, {
    hint: 'Installed apps may be offered a broken update: check the server, and delete the release if in doubt.',
  });
}
