import { OtaError } from '../errors.ts';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import { DOCUMENTED_ARCHS, platformName, TARGETS } from '../protocol/platform.ts';
import type { PlannedArtifact } from './plan.ts';
import type { Publisher } from './publisher.ts';
import { listedArtifacts, type StoredArtifact, servedArtifacts } from './server-view.ts';

export interface TakeBackRequest {
  /** A release that this run created. */
  readonly release: ReleaseAnswer;
  /** What this run was to put into it. */
  readonly artifacts: readonly PlannedArtifact[];
  /** Where a server lists no artifacts, it tells what is served. */
  readonly slug: string | undefined;
}

/**
 * Deletes a release that this run created, unless others have put something into it meanwhile. A failure is reported,
 * not thrown: why the publish failed is the error to tell of.
 */
export async function takeBack(publisher: Publisher, request: TakeBackRequest): Promise<void> {
  const { client, retry, appId, report } = publisher;
  const { version } = request.release;
  try {
    const stored = await storedIn(publisher, request);
    if (stored === 'gone') return;
    const mine = new Map(request.artifacts.map((artifact) => [platformName(artifact), artifact.sha256]));
    const others = [...stored.artifacts].filter(([name, { sha256 }]) => mine.get(name) !== sha256);
    if (others.length > 0) {
      const names = others.map(([name]) => name).join(', ');
      const message = `${version} stays: ${names} in it came from elsewhere`;
      report({ type: 'warning', message });
      return;
    }
    const only = stored.listed ? stored.artifacts.size : undefined;
    await retry.run(() => client.deleteRelease(appId, request.release.id, only));
    report({ type: 'taken_back', release: request.release });
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    const message = `${version} could not be taken back: ${error.message}`;
    report({ type: 'warning', message });
  }
}

/** What the release has: as the server lists it, else as far as it is served. */
async function storedIn(
  publisher: Publisher,
  { release, slug }: TakeBackRequest,
): Promise<{ artifacts: ReadonlyMap<string, StoredArtifact>; listed: boolean } | 'gone'> {
  const { client, retry, appId } = publisher;
  const releases = await retry.run(() => client.listReleases(appId));
  const current = releases.find(({ id }) => id === release.id);
  if (current === undefined) return 'gone';
  if (current.artifacts !== undefined) return { artifacts: listedArtifacts(current), listed: true };
  const platforms = TARGETS.flatMap((target) => DOCUMENTED_ARCHS.map((arch) => ({ target, arch })));
  const artifacts =
    slug === undefined ? new Map() : await servedArtifacts(publisher, release, slug, platforms);
  return { artifacts, listed: false };
}
