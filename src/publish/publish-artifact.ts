import { BufferPool } from '../client/transfer/buffer-pool.ts';
import { issuesOf, refused, requireOk } from '../issue.ts';
import type { JobRun } from '../protocol/job-run.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { inspectArtifact } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact } from './inspect/local-artifact.ts';
import { checkExistingRelease } from './plan/existing-release.ts';
import { type ArtifactPlacement, type PlannedArtifact, planArtifact } from './plan/planned-artifact.ts';
import { checkStorable } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import { readCapabilities, readServerState, type ServerState } from './server-state/server-state.ts';
import { uploadArtifact } from './upload/upload-artifact.ts';

export interface PublishArtifactRequest extends ArtifactInput {
  /** Id or version of an existing release. */
  readonly release: string;
  /** The app's slug, to read what is stored where a server does not list artifacts. */
  readonly slug?: string | undefined;
  readonly publicKey?: PublicKey | undefined;
  /** Extension `replace-draft-files`: the job that uploads it. */
  readonly run?: JobRun | undefined;
}

/**
 * Uploads one file into an existing release, under the rules that a whole publish has for that. Whether apps on the
 * previous release trust its key is not checked.
 */
export async function publishArtifact(
  publisher: Publisher,
  request: PublishArtifactRequest,
): Promise<PlannedArtifact> {
  const { client, retry, appId, report, signal } = publisher;
  const { release: idOrVersion, publicKey, slug, run, ...input } = request;
  const releases = await retry.run(() => client.listReleases(appId));
  const release = requireRelease(releases, idOrVersion);
  const { version } = release;
  const inspected = requireOk(await inspectArtifact(input, { publicKey, version, signal }));
  for (const message of inspected.warnings) report({ type: 'warning', message });

  const capabilities = await readCapabilities(publisher);
  const local = requireOk(checkStorable(inspected.artifact, capabilities));
  const options = { ...capabilities, version, slug, platforms: [local], releases };
  const server = await readServerState(publisher, options);
  const artifact = planAddition({ existing: release, run }, local, server);
  const context = { publisher, release, slug: slug ?? server.slug ?? undefined, buffers: new BufferPool() };
  if (artifact.action === 'upload') await uploadArtifact(context, artifact);
  else report({ type: 'skipped', artifact });
  return artifact;
}

/** @throws OtaError with every reason why the file must not be added to the release */
function planAddition(
  placement: ArtifactPlacement & { readonly existing: ReleaseResponse },
  artifact: LocalArtifact,
  server: ServerState,
): PlannedArtifact {
  const { existing } = placement;
  const { version, channel } = existing;
  const addition = { request: { version, channel }, artifacts: [artifact], uploads: [artifact] };
  const planned = planArtifact(artifact, placement, server);
  const issues = [...issuesOf(checkExistingRelease(existing, addition, server)), ...issuesOf(planned)];
  return requireOk(issues.length > 0 ? refused(...issues) : planned);
}
