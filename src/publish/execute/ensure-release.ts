import { hasStatus, OtaError } from '../../errors.ts';
import type { CreateReleaseRequest, ReleaseResponse } from '../../protocol/messages.ts';
import type { Publisher } from '../publisher.ts';
import { lookUpRelease } from '../server-state/find-release.ts';

type ReleaseCreator = Pick<Publisher, 'client' | 'retry' | 'appId'>;

export interface EnsuredRelease {
  readonly release: ReleaseResponse;
  /** Whether this run is known to have created it. */
  readonly created: boolean;
}

/**
 * Creates a release, or finds it: a request that got no response may have been applied, and another job may have been
 * faster. So every further attempt starts by looking for it.
 * @throws OtaError `conflict` when the version exists with different content
 */
export async function ensureRelease(
  publisher: ReleaseCreator,
  body: CreateReleaseRequest,
): Promise<EnsuredRelease> {
  const { client, retry, appId } = publisher;
  return retry.run(async (attempt) => {
    const applied = attempt > 1 ? await findSame(publisher, body) : undefined;
    if (applied !== undefined) return { release: applied, created: false };
    try {
      return { release: await client.createRelease(appId, body), created: true };
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      const found = await findSame(publisher, body);
      if (found === undefined) throw error;
      return { release: found, created: false };
    }
  });
}

async function findSame(
  publisher: ReleaseCreator,
  { version, signature }: CreateReleaseRequest,
): Promise<ReleaseResponse | undefined> {
  const { release } = await lookUpRelease(publisher, version);
  if (release === undefined) return undefined;
  // A server may leave signatures out of its list.
  const sameSignature = release.signature === undefined || release.signature === (signature ?? null);
  if (release.version === version && sameSignature) return release;
  throw new OtaError('conflict', `${release.version} already exists with different content`, {
    hint: 'Publish it as a new version.',
  });
}
