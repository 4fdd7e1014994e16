import { elsewhereWarning, placeOf } from '../../client/handed-out-url.ts';
import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import type { Publisher } from '../publisher.ts';
import type { AskingVersions } from '../server-state/asking-versions.ts';
import {
  type PublishedFile,
  type RepairFile,
  unverified,
  type VerifiedFile,
} from '../server-state/published-file.ts';
import { listedName } from '../server-state/server-state.ts';
import { refetchRelease } from '../server-state/withdrawal.ts';
import { verificationError, verifyPlatform } from './verify-platform.ts';

/** Files of a live release, and how to check what installed apps get. */
export interface VerifyRequest {
  readonly release: ReleaseResponse;
  readonly files: readonly PublishedFile[];
  /** Nothing is verified when it is unknown. */
  readonly slug: string | undefined;
  /** To check what is served against. */
  readonly keys: KnownKeys;
  /** By path: files that were hashed before. For others that is done as they are served. */
  readonly hashed?: ReadonlyMap<string, { readonly blake2b512?: Buffer }>;
  readonly askAs: AskingVersions;
  /** Concurrent downloads. */
  readonly concurrency: number;
  /** Whether it was checked before where the server's URLs lead. */
  readonly knowsPublicUrl?: boolean;
  /** Whether only what apps are offered is compared: the files then do not count as verified. */
  readonly skipDownload?: boolean | undefined;
  /** Tried once for each file that is not served. */
  readonly repair?: RepairFile;
}

/**
 * Checks for each platform of a live release what installed apps get.
 * @throws OtaError `verification_failed` naming every platform that does not get what was signed; `conflict` when
 *   the release was withdrawn
 */
export async function verifyRelease(publisher: Publisher, request: VerifyRequest): Promise<VerifiedFile[]> {
  const { release, files, slug, keys, askAs, concurrency } = request;
  if (slug === undefined) return unverified(files);
  const failed: { platform: Platform; reason: string }[] = [];
  const hidden: Platform[] = [];
  const { id: releaseId, version } = release;
  const channel = release.channel === STABLE ? undefined : release.channel; // as apps without a channel ask
  const isManual = release.rollout?.state === 'partial';
  const shared = { slug, releaseId, version, channel, isManual };
  // Extension `rollout`: what no one is offered now is fetched by its own URL.
  const isHeld = release.paused_at != null || release.rollout?.state === 'scheduled';
  const asking = (platform: Platform) => (isHeld ? ({ kind: 'no_version' } as const) : askAs(platform));
  const verify = async (file: PublishedFile): Promise<VerifiedFile> => {
    const expected = {
      ...file,
      ...shared,
      skipDownload: request.skipDownload,
      signature: file.servedSignature,
      publicKey: keyFor(file.servedSignature, keys),
      blake2b512: request.hashed?.get(file.file ?? '')?.blake2b512,
      askAs: asking(file),
      askWithoutTypeAs: asking(withoutBundleType(file)),
    };
    let repaired: Pick<VerifiedFile, 'action' | 'repairs'> | undefined;
    const repair = async () => {
      if (!(await request.repair?.(file))) return false;
      repaired = { action: 'upload', repairs: true };
      return true;
    };
    let verdict = await verifyPlatform(publisher, expected, repair);
    if (verdict.kind !== 'verified' && !file.onlyByType && (await isOnlyByType(publisher, release, file))) {
      verdict = await verifyPlatform(publisher, { ...expected, onlyByType: true }, repair);
      const message = `${platformName(file)} is offered only to apps that ask for its bundle type: ${version} was live with another file first`;
      publisher.report({ type: 'warning', message });
    }
    if (verdict.kind === 'verified' && request.skipDownload) {
      return { ...file, ...repaired, verified: false, url: verdict.url };
    }
    if (verdict.kind === 'verified') {
      publisher.report({ type: 'verified', platform: file });
      if (verdict.hiddenByCache) hidden.push(file);
      return { ...file, ...repaired, verified: true, url: verdict.url };
    }
    failed.push({ platform: file, reason: verdict.reason });
    return { ...file, verified: false };
  };
  const verified = await mapConcurrently(files, verify, { concurrency });
  if (hidden.length > 0) {
    const names = hidden.map(platformName).join(', ');
    const message = `caches still return the update before ${version} for ${names}: installed apps get it once they expire`;
    publisher.report({ type: 'warning', message });
  }
  if (!request.knowsPublicUrl) warnOfOtherPlaces(publisher, verified);
  if (failed.length === 0) return verified;
  await requireNotWithdrawnSince(publisher, release);
  throw verificationError(failed);
}

/** Extension `close`: whether another job was faster, so that other apps of the platform get its file. */
async function isOnlyByType(
  publisher: Publisher,
  release: ReleaseResponse,
  { bundleType, ...platform }: PublishedFile,
): Promise<boolean> {
  if (bundleType === undefined || !publisher.client.extensions.has('close')) return false;
  const { artifacts = [] } = await publisher.retry.run(() => refetchRelease(publisher, release));
  const name = platformName({ ...platform, bundleType });
  return artifacts.some((artifact) => artifact.only_by_bundle_type === true && listedName(artifact) === name);
}

/** Apps download from where the server says, which may be another place than it was reached at. */
function warnOfOtherPlaces({ client, report }: Publisher, files: readonly VerifiedFile[]): void {
  const urls = files.flatMap(({ url }) => (url === undefined ? [] : [new URL(url)]));
  const other = urls.find((url) => placeOf(url, client.server) === 'elsewhere');
  if (other !== undefined) report({ type: 'warning', message: elsewhereWarning(other, client.server) });
}

/** A release that was withdrawn is rightly not served. Where the server cannot be asked, that stays unknown. */
async function requireNotWithdrawnSince(publisher: Publisher, release: ReleaseResponse): Promise<void> {
  try {
    await publisher.retry.run(() => refetchRelease(publisher, release));
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'conflict') throw error;
  }
}
