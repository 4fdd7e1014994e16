import { BufferPool } from '../client/transfer/buffer-pool.ts';
import { type Issue, issuesOf, refused, requireOk, throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import type { JobRun } from '../protocol/upload/job-run.ts';
import { checkSignatures } from './inspect/check-signatures.ts';
import { inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact, ProjectApp } from './inspect/local-artifact.ts';
import { knownKeys } from './known-keys.ts';
import { checkExistingRelease } from './plan/existing-release.ts';
import { type ArtifactPlacement, type PlannedArtifact, planArtifact } from './plan/planned-artifact.ts';
import { checkStorable } from './plan/server-compatibility.ts';
import { signingKeyIssues } from './plan/signing-key.ts';
import { strandingIssues } from './plan/stranding.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import {
  readCapabilities,
  readServerState,
  type ServerState,
  supports,
} from './server-state/server-state.ts';
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
  /** Extension `replace-draft-files`: the job that uploads it. */
  readonly run?: JobRun | undefined;
}

/**
 * Uploads one file into an existing release, under the rules that a whole publish has for that. Whether a draft leaves
 * apps behind is checked when it goes live.
 */
export async function publishArtifact(
  publisher: Publisher,
  request: PublishArtifactRequest,
): Promise<PlannedArtifact> {
  const { client, retry, appId, report, signal } = publisher;
  const { release: idOrVersion, publicKey, slug, allowMismatch, projectApp, run, ...input } = request;
  const releases = await retry.run(() => client.listReleases(appId));
  const release = requireRelease(releases, idOrVersion);
  const { version } = release;
  const inspection = await inspectArtifacts([input], { version, signal, allowMismatch, projectApp });
  throwIssues(inspection.issues);
  const rules = { version, isTauri: projectApp !== undefined };
  const ownKeys = await checkSignatures(inspection, { keys: knownKeys(request), ...rules });
  throwIssues(ownKeys.issues);
  const [inspected] = inspection.artifacts;
  if (inspected === undefined) throw new Error('a file without issues was inspected');

  const capabilities = await readCapabilities(publisher);
  const local = requireOk(checkStorable(inspected, capabilities));
  const options = { ...capabilities, version, slug, platforms: [local], releases };
  const server = await readServerState(publisher, options);
  const signatures = await checkSignatures(inspection, { keys: knownKeys(request, server), ...rules });
  throwIssues(signatures.issues);
  for (const message of [...signatures.warnings, ...inspection.warnings])
    report({ type: 'warning', message });
  const artifact = planAddition({ existing: release, run }, { artifact: local, publicKey }, server);
  const context = { publisher, release, slug: slug ?? server.slug ?? undefined, buffers: new BufferPool() };
  if (artifact.action === 'upload') await uploadArtifact(context, artifact);
  else report({ type: 'skipped', artifact });
  return artifact;
}

interface AddedArtifact {
  readonly artifact: LocalArtifact;
  readonly publicKey: PublicKey | undefined;
}

/** @throws OtaError with every reason why the file must not be added to the release */
function planAddition(
  placement: ArtifactPlacement & { readonly existing: ReleaseResponse },
  { artifact, publicKey }: AddedArtifact,
  server: ServerState,
): PlannedArtifact {
  const { existing } = placement;
  const { version, channel } = existing;
  const addition = { request: { version, channel }, artifacts: [artifact], uploads: [artifact] };
  const planned = planArtifact(artifact, placement, server);
  const request = { version, channel, publicKey, allowPrerelease: true };
  const issues = [
    ...issuesOf(checkExistingRelease(existing, addition, server)),
    ...signingKeyIssues(request, [artifact], server),
    ...issuesOf(planned),
  ];
  if (issues.length === 0) issues.push(...strandedByAddition(existing, artifact, server));
  return requireOk(issues.length > 0 ? refused(...issues) : planned);
}

/** What is uploaded to a live release is offered at once. */
function strandedByAddition(release: ReleaseResponse, artifact: LocalArtifact, server: ServerState): Issue[] {
  if (release.status === 'draft' || !supports(server, 'key-routing')) return [];
  const hint =
    'First publish a file for them that leads them on; or add this one with `publish --allow-stranding`, which leaves them behind.';
  return strandingIssues({ ...release, files: [artifact] }, server).map((issue) => ({ ...issue, hint }));
}
