import pMap from 'p-map';
import { OtaError } from '../../errors.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import type { Publisher } from '../publisher.ts';
import type { Servable } from '../server-state/published-file.ts';
import { findKept } from '../server-state/withdrawal.ts';
import { verificationError, verifyServed } from './verify-platform.ts';

/** A file that was asked for as installed apps do, or could not be. */
export type Verified<T extends Servable> = T & {
  /** Where installed apps are sent to; undefined when it was not verified. */
  readonly url?: string;
  readonly verified: boolean;
};

export interface VerifyOptions {
  /** Undefined when nobody knows it: then nothing is verified. */
  readonly slug: string | undefined;
  /** The app's key, to check what is served by. */
  readonly publicKey: PublicKey | undefined;
  /** The version that apps update from. */
  readonly previousVersion: string | undefined;
  /** Downloads at once. */
  readonly concurrency: number;
}

/**
 * Sees for each platform of a live release what installed apps get.
 * @throws OtaError `verification_failed` naming every platform that does not get what was signed; `conflict` when
 *   the release was withdrawn meanwhile
 */
export async function verifyRelease<T extends Servable>(
  publisher: Publisher,
  release: ReleaseResponse,
  artifacts: readonly T[],
  { slug, publicKey, previousVersion, concurrency }: VerifyOptions,
): Promise<Verified<T>[]> {
  if (slug === undefined) return unverified(artifacts);
  const failed: { platform: Platform; reason: string }[] = [];
  const hidden: Platform[] = [];
  const { id: releaseId, version } = release;
  const channel = release.channel === STABLE ? undefined : release.channel; // as an app without one asks
  const verify = async (artifact: T): Promise<Verified<T>> => {
    const { servedSignature: signature } = artifact;
    const expected = {
      ...artifact,
      slug,
      releaseId,
      version,
      signature,
      publicKey,
      channel,
      previousVersion,
    };
    const verdict = await verifyServed(publisher, expected);
    if (verdict.verified) {
      publisher.report({ type: 'verified', platform: artifact });
      if (verdict.hiddenByCache) hidden.push(artifact);
      return { ...artifact, verified: true, url: verdict.url };
    }
    failed.push({ platform: artifact, reason: verdict.reason });
    return { ...artifact, verified: false };
  };
  const verified = await pMap(artifacts, verify, { concurrency });
  if (hidden.length > 0) {
    const message = `caches still answer ${hidden.map(platformName).join(', ')} with what was before ${version}: installed apps get it once that expires`;
    publisher.report({ type: 'warning', message });
  }
  if (failed.length === 0) return verified;
  await requireStillKept(publisher, release);
  throw verificationError(failed);
}

/** What somebody withdrew meanwhile is not served, and rightly so. Where the server cannot be asked, nothing is known. */
async function requireStillKept(publisher: Publisher, release: ReleaseResponse): Promise<void> {
  try {
    await publisher.retry.run(() => findKept(publisher, release));
  } catch (error) {
    if (!(error instanceof OtaError) || error.code === 'conflict') throw error;
  }
}

export function unverified<T extends Servable>(artifacts: readonly T[]): Verified<T>[] {
  return artifacts.map((artifact) => ({ ...artifact, verified: false }));
}
