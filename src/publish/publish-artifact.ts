import { BufferPool } from '../client/transfer/buffer-pool.ts';
import { issuesOf, refused, requireOk } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { inspectArtifact } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact, ProjectApp } from './inspect/local-artifact.ts';
import { checkExistingRelease } from './plan/existing-release.ts';
import { type PlannedArtifact, planArtifact } from './plan/planned-artifact.ts';
import { checkStorable } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import { readExtensions, readServerState, type ServerState } from './server-state/server-state.ts';
import { uploadArtifact } from './upload/upload-artifact.ts';

export interface PublishArtifactRequest extends ArtifactInput {
  /** Id or version of an existing release. */
  readonly release: string;
  /** The app's slug, to read what is stored where a server does not list artifacts. */
  readonly slug?: string | undefined;
  readonly publicKey?: PublicKey | undefined;
  /** Whether the file may contradict its platform and the release's version. */
  readonly allowMismatch?: boolean;
  /** Of the Tauri project that this runs in; undefined where there is none. */
  readonly projectApp?: ProjectApp | undefined;
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
  const { release: idOrVersion, publicKey, slug, allowMismatch, projectApp, ...input } = request;
  const releases = await retry.run(() => client.listReleases(appId));
  const release = requireRelease(releases, idOrVersion);
  const { version } = release;
  const rules = { allowMismatch, projectApp };
  const inspected = requireOk(await inspectArtifact(input, { publicKey, version, signal, ...rules }));
  for (const message of inspected.warnings) report({ type: 'warning', message });

  const extensions = await readExtensions(publisher);
  const local = requireOk(checkStorable(inspected.artifact, { extensions }));
  const options = { version, slug, platforms: [local], extensions, releases };
  const server = await readServerState(publisher, options);
  const artifact = planAddition(release, local, server);
  const context = { publisher, release, slug: slug ?? server.slug ?? undefined, buffers: new BufferPool() };
  if (artifact.action === 'upload') await uploadArtifact(context, artifact);
  else report({ type: 'skipped', artifact });
  return artifact;
}

/** @throws OtaError with every reason why the file must not be added to the release */
function planAddition(
  release: ReleaseResponse,
  artifact: LocalArtifact,
  server: ServerState,
): PlannedArtifact {
  const { version, channel } = release;
  const addition = { request: { version, channel }, artifacts: [artifact], uploads: [artifact] };
  const planned = planArtifact(artifact, release, server);
  const issues = [...issuesOf(checkExistingRelease(release, addition, server)), ...issuesOf(planned)];
  return requireOk(issues.length > 0 ? refused(...issues) : planned);
}
