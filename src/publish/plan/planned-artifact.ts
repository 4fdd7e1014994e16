import { basename } from 'node:path';
import { type Checked, type Issue, ok, refused } from '../../issue.ts';
import { CreateArtifactRequest, type ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import {
  defaultKindsOf,
  isShutOut,
  kindOf,
  placeOf,
  type RecordedKinds,
} from '../../protocol/routing/default-kinds.ts';
import { isLaterRun, type JobRun } from '../../protocol/upload/job-run.ts';
import { MULTIPART_FROM } from '../../protocol/upload/multipart.ts';
import { sizeInWords } from '../../protocol/upload/size-in-words.ts';
import { fieldErrors, matches } from '../../protocol/validate.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { type ServerState, type StoredArtifact, supports } from '../server-state/server-state.ts';

export interface PlannedArtifact extends LocalArtifact {
  readonly action: 'upload' | 'skip';
  /** Extension `replace-draft-files`: the draft has a file of an earlier run of this job in its place. */
  readonly replaces?: true;
  /** Extension `lost-files`: the server has recorded this very file, and lost its bytes. */
  readonly repairs?: true;
  /** The signature that an update check has to return for it. */
  readonly servedSignature: string;
  /** api.md, "Upload Artifacts": the request. */
  readonly body: CreateArtifactRequest;
  /** Extensions `complete-upload` and `multipart`: a call follows the PUT. */
  readonly completed?: true;
  /** Extension `close`: only apps that ask for its bundle type get it. */
  readonly onlyByType?: true;
}

/** Where a file goes, and who uploads it. */
export interface ArtifactPlacement {
  /** The release, if it exists already. */
  readonly existing: ReleaseResponse | undefined;
  readonly run?: JobRun | undefined;
  /** Extension `close`: what the platforms of the version are or were answered with. */
  readonly recorded?: RecordedKinds | undefined;
}

/** Decides between uploading and skipping a file, by what the server stores for its platform in the release. */
export function planArtifact(
  artifact: LocalArtifact,
  { existing, run, recorded }: ArtifactPlacement,
  server: ServerState,
): Checked<PlannedArtifact> {
  const { sha256, signature } = artifact;
  const body = artifactBody(artifact, run, server);
  const planned = {
    ...artifact,
    body,
    ...((supports(server, 'complete-upload') || body.multipart) && { completed: true as const }),
  };
  const stored = server.stored.get(platformName(artifact));
  if (stored?.sha256 === sha256) return ok(planStored(planned, stored));
  const replaces = stored !== undefined && canReplace(stored, { existing, run }, server);
  if (stored !== undefined && !replaces) return refused(otherBytes(artifact, stored, existing));
  const issue =
    onceLiveIssue(artifact, server) ??
    answeredIssue(artifact, recorded) ??
    sizeIssue(planned, server) ??
    bodyIssue(planned, server);
  if (issue !== undefined) return refused(issue);
  return ok({
    ...planned,
    action: 'upload',
    servedSignature: signature,
    ...(replaces && { replaces: true as const }),
  });
}

/** What is recorded stays as it is, its signature too. */
function planStored(
  planned: LocalArtifact & Pick<PlannedArtifact, 'body' | 'completed'>,
  stored: StoredArtifact,
): PlannedArtifact {
  const servedSignature = stored.signature ?? planned.signature;
  const body = { ...planned.body, ...(planned.body.signature && { signature: servedSignature }) };
  const recorded = { ...planned, body, servedSignature };
  return stored.lost ? { ...recorded, action: 'upload', repairs: true } : { ...recorded, action: 'skip' };
}

function artifactBody(
  { target, arch, bundleType, size: file_size, sha256, signature, file }: LocalArtifact,
  run: JobRun | undefined,
  server: ServerState,
): CreateArtifactRequest {
  const multipartFrom = server.limits?.multipart_from ?? MULTIPART_FROM;
  return {
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    file_size,
    ...(supports(server, 'artifact-signature') && { sha256, signature }),
    ...(supports(server, 'multipart') && file_size >= multipartFrom && { multipart: true }),
    ...(supports(server, 'replace-draft-files') && run),
    ...(supports(server, 'file-name') && { file_name: basename(file) }),
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

/** Extension `close`: a file for all apps of a platform that gets others of this version would be offered to none. */
function answeredIssue(artifact: LocalArtifact, recorded: RecordedKinds = new Map()): Issue | undefined {
  if (!isShutOut(recorded, artifact)) return undefined;
  const kinds = recorded.get(placeOf(artifact)) ?? [];
  return {
    id: 'file.platform_answered',
    code: 'conflict',
    message: `${platformName(artifact)} of this version is or was live with another file (${kinds.join(', ')})`,
    hint: 'What apps were offered never changes: publish a new version.',
    file: artifact.file,
  };
}

export interface ClosedPlatforms {
  /** What the platforms of the version are or were answered with. */
  readonly recorded: RecordedKinds;
  /** What the release has besides. */
  readonly others: readonly Platform[];
  /** Whether each file is live as soon as it is uploaded. */
  readonly atOnce: boolean;
}

/**
 * Extension `close`: marks the files that only apps get which ask for their bundle type, as the others of their platform
 * get what it was first answered with.
 */
export function markClosed(
  planned: readonly PlannedArtifact[],
  { recorded, others, atOnce }: ClosedPlatforms,
): PlannedArtifact[] {
  const all = [...others, ...planned];
  return planned.map((artifact) => {
    const here = (file: Platform) => placeOf(file) === placeOf(artifact);
    const first = atOnce ? defaultKindsOf(planned.filter(here)).slice(0, 1) : undefined;
    const kinds = recorded.get(placeOf(artifact)) ?? first;
    const isDefault =
      kinds === undefined ||
      (kinds.includes(kindOf(artifact)) &&
        kinds.every((kind) => all.some((file) => here(file) && kindOf(file) === kind)));
    return isDefault ? artifact : { ...artifact, onlyByType: true };
  });
}

export function onlyByTypeWarnings(version: string, planned: readonly PlannedArtifact[]): string[] {
  return planned
    .filter(({ action, onlyByType, repairs }) => action === 'upload' && onlyByType && !repairs)
    .map(
      (artifact) =>
        `${platformName(artifact)} is offered only to apps that ask for their bundle type: the others of ` +
        `${platformName(withoutBundleType(artifact))} get what ${version} is first live with there`,
    );
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
    message: `${file} has ${size.toLocaleString('en')} bytes, and this server takes files of up to ${sizeInWords(largest)}`,
    hint: "Make it smaller, or raise the server's limit (`serve --max-artifact-size`).",
    file,
  };
}
