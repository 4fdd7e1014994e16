import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { DOCUMENTED_ARCHS, platformName, TARGETS } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { listedArtifacts, type StoredArtifact, servedArtifacts } from '../server-state/server-state.ts';

export interface RollbackRequest {
  /** A release that this run created. */
  readonly release: ReleaseResponse;
  /** What this run was to put into it. */
  readonly artifacts: readonly PlannedArtifact[];
  /** Where a server lists no artifacts, it tells what is served. */
  readonly slug: string | undefined;
}

/**
 * Deletes a release that this run created, unless others have put something into it meanwhile. A failure is reported,
 * not thrown: why the publish failed is the error to tell of.
 */
export async function rollBack(publisher: Publisher, request: RollbackRequest): Promise<void> {
  const { report } = publisher;
  const { release } = request;
  const warn = (message: string) => report({ type: 'warning', message: `${release.version} ${message}` });
  try {
    const outcome = await deleteIfOwn(publisher, request);
    if (outcome === 'deleted') report({ type: 'taken_back', release });
    else if (outcome !== 'gone') warn(`stays: ${outcome.because}`);
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    warn(`could not be taken back: ${error.message}`);
  }
}

type Outcome = 'deleted' | 'gone' | { readonly because: string };

async function deleteIfOwn(publisher: Publisher, request: RollbackRequest): Promise<Outcome> {
  const { client, retry, appId } = publisher;
  const { id } = request.release;
  const current = (await retry.run(() => client.listReleases(appId))).find((release) => release.id === id);
  if (current === undefined) return 'gone';
  const stored = await storedIn(publisher, current, request.slug);
  if (stored === undefined)
    return { because: 'without --slug nobody can tell whether others have added to it' };
  const mine = new Map(request.artifacts.map((artifact) => [platformName(artifact), artifact.sha256]));
  const others = [...stored].filter(([name, { sha256 }]) => mine.get(name) !== sha256);
  if (others.length > 0) {
    return { because: `${others.map(([name]) => name).join(', ')} in it came from elsewhere` };
  }
  // Only our server lists artifacts, and knows this condition.
  const only = current.artifacts === undefined ? undefined : stored.size;
  try {
    await retry.run(() => client.deleteRelease(appId, id, only));
  } catch (error) {
    const code = error instanceof OtaError ? error.code : undefined;
    if (code === 'preflight_refused') return { because: 'others have added to it meanwhile' }; // 412
    if (code !== 'usage') throw error; // 404: an earlier try whose answer was lost has done it
  }
  return 'deleted';
}

/** What the release has: as the server lists it, else as far as it is served. Undefined where nobody knows. */
async function storedIn(
  publisher: Publisher,
  release: ReleaseResponse,
  slug: string | undefined,
): Promise<ReadonlyMap<string, StoredArtifact> | undefined> {
  if (release.artifacts !== undefined) return listedArtifacts(release);
  if (slug === undefined) return undefined;
  const platforms = TARGETS.flatMap((target) => DOCUMENTED_ARCHS.map((arch) => ({ target, arch })));
  return servedArtifacts(publisher, release, slug, platforms);
}
