import { OtaError } from '../../errors.ts';
import type { CreateReleaseRequest, ReleaseResponse } from '../../protocol/messages.ts';
import type { Publisher } from '../publisher.ts';
import { findRelease } from '../server-state/find-release.ts';

type ReleaseCreator = Pick<Publisher, 'client' | 'retry' | 'appId'>;

/** A release that is there, and whether it is known to have been created by this run. */
export interface EnsuredRelease {
  readonly release: ReleaseResponse;
  readonly created: boolean;
}

/**
 * Creates a release so that there is one, whatever happens in between: a request that got no answer may have been
 * applied, and another job may have been quicker. So before any second try the server is asked (reliability, trap 16).
 * @throws OtaError `conflict` when the version is there with other content
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
      if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
      const found = await findSame(publisher, body);
      if (found === undefined) throw error;
      return { release: found, created: false };
    }
  });
}

async function findSame(
  { client, appId }: ReleaseCreator,
  { version, signature }: CreateReleaseRequest,
): Promise<ReleaseResponse | undefined> {
  const release = findRelease(await client.listReleases(appId), version);
  if (release === undefined) return undefined;
  // A server may leave signatures out of its list.
  const sameSignature = release.signature === undefined || release.signature === (signature ?? null);
  if (release.version === version && sameSignature) return release;
  throw new OtaError('conflict', `${release.version} exists with other content`, {
    hint: 'Publish it as a new version.',
  });
}
