import { throwIssues } from '../issue.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput } from './inspect/local-artifact.ts';
import { joinRelease } from './plan/existing-release.ts';
import { signatureIssues } from './plan/plan.ts';
import { type PlannedArtifact, planArtifact } from './plan/planned-artifact.ts';
import { checkServerCompatibility } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import { readExtensions, readServerState } from './server-state/server-state.ts';
import { uploadArtifact } from './upload/upload-artifact.ts';

export interface PublishArtifactRequest extends ArtifactInput {
  /** Id or version of a release that exists. */
  readonly release: string;
  /** The app's slug: where a server does not list artifacts, it tells what is served already. */
  readonly slug?: string | undefined;
  readonly publicKey?: PublicKey | undefined;
}

/**
 * Uploads one file into an existing release, under the rules of a whole publish for what is added to one. That apps of the
 * release before know its key is not looked at.
 */
export async function publishArtifact(
  publisher: Publisher,
  request: PublishArtifactRequest,
): Promise<PlannedArtifact> {
  const { client, retry, appId, report, signal } = publisher;
  const { release: idOrVersion, publicKey, slug, ...input } = request;
  const releases = await retry.run(() => client.listReleases(appId));
  const release = requireRelease(releases, idOrVersion);
  const { version } = release;
  const inspection = await inspectArtifacts([input], { publicKey, version, signal });
  throwIssues(inspection.issues);
  for (const message of inspection.warnings) report({ type: 'warning', message });

  const extensions = await readExtensions(publisher);
  const { artifacts, issues } = checkServerCompatibility(
    inspection.artifacts,
    { extensions },
    { discovered: false },
  );
  throwIssues(issues);
  const server = await readServerState(publisher, {
    version,
    slug,
    platforms: artifacts,
    extensions,
    releases,
  });
  const [local] = artifacts;
  if (local === undefined) throw new Error('one file was inspected');
  const artifact = planArtifact(local, release, server);
  const files = { all: artifacts, uploads: artifacts };
  const visibility = joinRelease(release, { version, channel: release.channel }, files, server);
  throwIssues([
    ...signatureIssues(artifacts, server),
    ...(typeof visibility === 'string' ? [] : visibility.issues),
    ...('action' in artifact ? [] : [artifact]),
  ]);
  if (!('action' in artifact)) throw new Error('a file without issues has an action');
  if (artifact.action === 'upload') {
    await uploadArtifact(publisher, release, artifact, { slug: slug ?? server.slug ?? undefined });
  } else report({ type: 'skipped', artifact });
  return artifact;
}
