import pMap from 'p-map';
import { elsewhereWarning, placeOf } from '../../client/handed-out-url.ts';
import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import type { Publisher } from '../publisher.ts';
import type { AskingVersions } from '../server-state/asking-versions.ts';
import { type PublishedFile, unverified, type VerifiedFile } from '../server-state/published-file.ts';
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
  readonly askAs: AskingVersions;
  /** Concurrent downloads. */
  readonly concurrency: number;
  /** Whether it was checked before where the server's URLs lead. */
  readonly knowsPublicUrl?: boolean;
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
  const shared = { slug, releaseId, version, channel };
  const verify = async (file: PublishedFile): Promise<VerifiedFile> => {
    const expected = {
      ...file,
      ...shared,
      signature: file.servedSignature,
      publicKey: keyFor(file.servedSignature, keys),
      askAs: askAs(file),
      askWithoutTypeAs: askAs(withoutBundleType(file)),
    };
    const verdict = await verifyPlatform(publisher, expected);
    if (verdict.kind === 'verified') {
      publisher.report({ type: 'verified', platform: file });
      if (verdict.hiddenByCache) hidden.push(file);
      return { ...file, verified: true, url: verdict.url };
    }
    failed.push({ platform: file, reason: verdict.reason });
    return { ...file, verified: false };
  };
  const verified = await pMap(files, verify, { concurrency });
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
