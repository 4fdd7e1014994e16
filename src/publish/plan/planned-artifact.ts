import { type Checked, type Issue, ok, refused } from '../../issue.ts';
import { CreateArtifactRequest, type ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import { isLaterRun, type JobRun } from '../../protocol/upload/job-run.ts';
import { MULTIPART_FROM } from '../../protocol/upload/multipart.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { type ServerState, type StoredArtifact, supports } from '../server-state/server-state.ts';

export interface PlannedArtifact extends LocalArtifact {
  readonly action: 'upload' | 'skip';
  /** Extension `replace-draft-files`: the draft has a file of an earlier run of this job in its place. */
  readonly replaces?: true;
  /** The signature that an update check has to return for it. */
  readonly servedSignature: string;
  /** api.md, "Upload Artifacts": the request. */
  readonly body: CreateArtifactRequest;
  /** Extension `complete-upload`: a call follows the PUT. */
  readonly completed?: true;
}

/** Where a file goes, and who uploads it. */
export interface ArtifactPlacement {
  /** The release, if it exists already. */
  readonly existing: ReleaseResponse | undefined;
  readonly run?: JobRun | undefined;
}

/** Decides between uploading and skipping a file, by what the server stores for its platform in the release. */
export function planArtifact(
  artifact: LocalArtifact,
  { existing, run }: ArtifactPlacement,
  server: ServerState,
): Checked<PlannedArtifact> {
  const { sha256, signature } = artifact;
  const planned = {
    ...artifact,
    body: artifactBody(artifact, run, server),
    ...(supports(server, 'complete-upload') && { completed: true as const }),
  };
  const stored = server.stored.get(platformName(artifact));
  if (stored?.sha256 === sha256) {
    return ok({ ...planned, action: 'skip', servedSignature: stored.signature ?? signature });
  }
  const replaces = stored !== undefined && canReplace(stored, { existing, run }, server);
  if (stored !== undefined && !replaces) return refused(otherBytes(artifact, stored, existing));
  const issue = onceLiveIssue(artifact, server) ?? sizeIssue(planned, server) ?? bodyIssue(planned, server);
  if (issue !== undefined) return refused(issue);
  return ok({
    ...planned,
    action: 'upload',
    servedSignature: signature,
    ...(replaces && { replaces: true as const }),
  });
}

function artifactBody(
  { target, arch, bundleType, size: file_size, sha256, signature }: LocalArtifact,
  run: JobRun | undefined,
  server: ServerState,
): CreateArtifactRequest {
  return {
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    file_size,
    ...(supports(server, 'artifact-signature') && { sha256, signature }),
    ...(supports(server, 'multipart') && file_size >= MULTIPART_FROM && { multipart: true }),
    ...(supports(server, 'replace-draft-files') && run),
  };
}

/** Nothing in a draft is offered yet, so a job that is run again may change what it has put there. */
function canReplace(
  stored: StoredArtifact,
  { existing, run }: ArtifactPlacement,
  server: Pick<ServerState, 'extensions'>,
): boolean {
  const isDraft = existing?.status === 'draft';
  return isDraft && supports(server, 'replace-draft-files') && isLaterRun(run, stored.run);
}

function otherBytes(
  artifact: LocalArtifact,
  { sha256, run }: StoredArtifact,
  existing: ReleaseResponse | undefined,
): Issue {
  const draft = existing?.status === 'draft';
  const where = draft ? 'in the draft' : 'published';
  const by = run === undefined ? '' : `, uploaded by ${run.job}`;
  const message = `${platformName(artifact)} is already ${where} with different content (SHA-256 ${sha256}${by})`;
  const hint = draft
    ? 'Run the job again that uploaded it, delete the draft with `releases delete` and publish all of it again, or publish a new version.'
    : 'Published files never change: publish a new version.';
  return { id: 'file.other_bytes', code: 'conflict', message, hint, file: artifact.file };
}

/** Also a deleted version keeps the bytes that it was live with. */
function onceLiveIssue(
  artifact: LocalArtifact,
  { onceLive }: Pick<ServerState, 'onceLive'>,
): Issue | undefined {
  const sha256 = onceLive?.get(platformName(artifact));
  if (sha256 === undefined || artifact.sha256 === '' || sha256 === artifact.sha256) return undefined;
  const name = platformName(artifact);
  return {
    id: 'file.once_live',
    code: 'conflict',
    message: `${name} of this version was live with different content (SHA-256 ${sha256}) before it was deleted`,
    hint: 'Published files never change: publish a new version.',
    file: artifact.file,
  };
}

/** Our server checks requests by the same schema. */
function bodyIssue(
  { file, body }: Pick<PlannedArtifact, 'file' | 'body'>,
  server: Pick<ServerState, 'extensions'>,
): Issue | undefined {
  const sent = body.sha256 === '' ? { ...body, sha256: null } : body; // not hashed yet
  if (!supports(server, 'artifact-signature') || matches(CreateArtifactRequest, sent)) return undefined;
  const errors = fieldErrors(CreateArtifactRequest, sent).map(({ field, message }) => `${field} ${message}`);
  const message = `the server would refuse ${file}: ${errors.join('; ')}`;
  const hint = 'Correct it, or leave the file out.';
  return { id: 'file.unacceptable', code: 'preflight_refused', message, hint, file };
}

/** What the server accepts is known before anything is sent. */
function sizeIssue(
  { file, size, body }: Pick<PlannedArtifact, 'file' | 'size' | 'body'>,
  { limits }: Pick<ServerState, 'limits'>,
): Issue | undefined {
  const largest = Math.min(
    limits?.artifact_size ?? Number.POSITIVE_INFINITY,
    body.multipart ? Number.POSITIVE_INFINITY : (limits?.single_put ?? Number.POSITIVE_INFINITY),
  );
  if (size <= largest) return undefined;
  return {
    id: 'file.too_large',
    code: 'preflight_refused',
    message: `${file} has ${size} bytes, and this server takes files of up to ${largest}`,
    hint: "Make it smaller, or raise the server's limit (`serve --max-artifact-size`).",
    file,
  };
}
