import { BufferPool } from '../client/transfer/buffer-pool.ts';
import { OtaError } from '../errors.ts';
import { type Issue, issuesOf, refused, requireOk, throwIssues } from '../issue.ts';
import { STABLE } from '../protocol/channel.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import type { JobRun } from '../protocol/upload/job-run.ts';
import { type AttestOptions, attestRelease } from './execute/attest-release.ts';
import { canSign, signManifest } from './execute/sign-manifest.ts';
import { checkSignatures } from './inspect/check-signatures.ts';
import { inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact, ProjectApp } from './inspect/local-artifact.ts';
import { knownKeys } from './known-keys.ts';
import { checkExistingRelease } from './plan/existing-release.ts';
import {
  type ArtifactPlacement,
  markClosed,
  onlyByTypeWarnings,
  type PlannedArtifact,
  planArtifact,
} from './plan/planned-artifact.ts';
import { checkStorable } from './plan/server-compatibility.ts';
import { signingKeyIssues } from './plan/signing-key.ts';
import { strandingIssues } from './plan/stranding.ts';
import { scopeIssues } from './plan/token-scopes.ts';
import { approvalIssues, attestationIssues } from './plan/visibility.ts';
import type { Publisher } from './publisher.ts';
import type { ManifestSigner } from './release-request.ts';
import { recordedKindsOf } from './server-state/app-files.ts';
import { requireRelease } from './server-state/find-release.ts';
import { listedFiles } from './server-state/published-file.ts';
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
  /** Extension `manifest`: signs a statement about the file; undefined where there is no key for that. */
  readonly manifest?: ManifestSigner | undefined;
  /** Extension `attestation`: has the job's identity sign the same; undefined where nothing is to be attested. */
  readonly attestation?: AttestOptions | undefined;
}

/**
 * Uploads one file into an existing release, under the rules that a whole publish has for that. Whether a draft leaves
 * apps behind is checked when it goes live.
 */
export async function publishArtifact(
  publisher: Publisher,
  request: PublishArtifactRequest,
): Promise<PlannedArtifact> {
  const { retry, report, signal } = publisher;
  const { release: idOrVersion, publicKey, allowMismatch, projectApp, run, ...input } = request;
  const capabilities = await readCapabilities(publisher);
  const { release, releases } = await retry.run(() => requireRelease(publisher, idOrVersion));
  const { version, channel } = release;
  const inspection = await inspectArtifacts([input], { version, signal, allowMismatch, projectApp });
  throwIssues(inspection.issues);
  const rules = { version, isTauri: projectApp !== undefined, allowMismatch };
  const ownKeys = checkSignatures(inspection, { keys: knownKeys({ ...request, version }), ...rules });
  throwIssues(ownKeys.issues);
  const [inspected] = inspection.artifacts;
  if (inspected === undefined) throw new Error('a file without issues was inspected');

  const local = requireOk(checkStorable(inspected, capabilities));
  const options = { ...capabilities, version, channel, slug: request.slug, platforms: [local], releases };
  const server = await readServerState(publisher, options);
  const signatures = checkSignatures(inspection, {
    keys: knownKeys({ ...request, version }, server),
    serverNeedsVersion: server.requiresBoundSignatures,
    ...rules,
  });
  throwIssues(signatures.issues);
  for (const message of [...signatures.warnings, ...inspection.warnings])
    report({ type: 'warning', message });
  const recorded = supports(server, 'close') ? recordedKindsOf(version, server) : undefined;
  const placement = { existing: release, run, recorded };
  const artifact = planAddition(placement, { artifact: local, publicKey }, server);
  const others = listedFiles(release);
  const atOnce = release.status !== 'draft';
  const closed = recorded ? markClosed([artifact], { recorded, others, atOnce }) : [];
  for (const message of onlyByTypeWarnings(version, closed)) report({ type: 'warning', message });
  const slug = request.slug ?? server.slug ?? undefined;
  await stateFile(publisher, request, { release, slug, artifact, server });
  const context = { publisher, release, slug, buffers: new BufferPool() };
  if (artifact.action === 'upload') await uploadArtifact(context, artifact);
  else report({ type: 'skipped', artifact });
  return artifact;
}

interface StatedFile {
  readonly release: ReleaseResponse;
  readonly slug: string | undefined;
  readonly artifact: PlannedArtifact;
  readonly server: ServerState;
}

/** Before the file is uploaded, which may take the release live. */
async function stateFile(
  publisher: Publisher,
  { manifest, attestation }: Pick<PublishArtifactRequest, 'manifest' | 'attestation'>,
  { release, slug, artifact, server }: StatedFile,
): Promise<void> {
  throwIssues(attestationIssues(attestation?.attestor, server));
  const facts = { release, artifacts: [artifact], expects: [] };
  if (canSign(publisher, manifest, { slug, server }) && slug !== undefined)
    await signManifest(publisher, manifest, { ...facts, slug });
  if (attestation === undefined) return;
  if (slug === undefined) {
    throw new OtaError('preflight_refused', "nothing can be attested: the app's slug is unknown", {
      hint: 'Pass --slug.',
    });
  }
  await attestRelease(publisher, attestation, { ...facts, slug });
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
  if (planned.kind === 'ok' && planned.value.repairs) return planned.value;
  const writes = { channel: channel ?? STABLE, upload: true, goLive: existing.status !== 'draft' };
  const issues = [
    ...scopeIssues({ ...writes, slug: undefined, rollBack: false }, server),
    ...approvalIssues(version, writes.goLive, server),
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
