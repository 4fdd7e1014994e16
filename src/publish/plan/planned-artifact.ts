import { type Checked, ok, refused } from '../../issue.ts';
import type { CreateArtifactRequest, ReleaseResponse } from '../../protocol/messages.ts';
import { MULTIPART_FROM } from '../../protocol/multipart.ts';
import { platformName } from '../../protocol/platform.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';

export interface PlannedArtifact extends LocalArtifact {
  readonly action: 'upload' | 'skip';
  /** The signature that an update check has to return for it. */
  readonly servedSignature: string;
  /** api.md, "Upload Artifacts": the request. */
  readonly body: CreateArtifactRequest;
  /** Extension `complete-upload`: a call follows the PUT. */
  readonly completed?: true;
}

/** Decides between uploading and skipping a file, by what the server stores for its platform in the release. */
export function planArtifact(
  artifact: LocalArtifact,
  existing: ReleaseResponse | undefined,
  server: ServerState,
): Checked<PlannedArtifact> {
  const { target, arch, bundleType, size: file_size, sha256, signature } = artifact;
  const body = {
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    file_size,
    ...(supports(server, 'artifact-signature') && { sha256, signature }),
    ...(supports(server, 'multipart') && file_size >= MULTIPART_FROM && { multipart: true }),
  };
  const planned = {
    ...artifact,
    body,
    ...(supports(server, 'complete-upload') && { completed: true as const }),
  };
  const stored = server.stored.get(platformName(artifact));
  if (stored === undefined) return ok({ ...planned, action: 'upload', servedSignature: signature });
  if (stored.sha256 === sha256) {
    return ok({ ...planned, action: 'skip', servedSignature: stored.signature ?? signature });
  }
  const draft = existing?.status === 'draft';
  const where = draft ? 'in the draft' : 'published';
  const message = `${platformName(artifact)} is already ${where} with different content (SHA-256 ${stored.sha256})`;
  const hint = draft
    ? 'Delete the draft with `releases delete` and publish all of it again, or publish a new version.'
    : 'Published files never change: publish a new version.';
  return refused({ id: 'file.other_bytes', code: 'conflict', message, hint, file: artifact.file });
}
