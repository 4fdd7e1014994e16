import type { FastifyInstance, FastifyRequest } from 'fastify';
import { strandedByChange } from '../../database/queries/app-files.ts';
import { findApp, requiresApproval } from '../../database/queries/apps.ts';
import { createPendingArtifact, publishedBytes } from '../../database/queries/artifacts.ts';
import { recordedKinds } from '../../database/queries/default-kinds.ts';
import {
  type CompleteFile,
  findCompleteFile,
  isRepair,
  isReplacement,
} from '../../database/queries/release-files.ts';
import { type Release, recordContributor } from '../../database/queries/releases.ts';
import type { TokenRecord } from '../../database/queries/tokens.ts';
import { CreateArtifactRequest, type CreateArtifactResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { isBundleTypeOf, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import { Problem, type ProblemCode } from '../../protocol/problem.ts';
import { closeKinds, isShutOut } from '../../protocol/routing/default-kinds.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { MAX_SINGLE_PUT } from '../../protocol/upload/multipart.ts';
import { sizeInWords } from '../../protocol/upload/size-in-words.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { authorOf } from '../audit/request-author.ts';
import { requireScope } from '../http/auth.ts';
import { uploadedName } from '../http/download-name.ts';
import { registerRoute } from '../http/register-route.ts';
import { wouldStrand } from '../http/would-strand.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';
import type { ArrivingUploads } from '../uploads/arriving-uploads.ts';
import { alreadyPublished } from '../uploads/finalize-upload.ts';
import type { MultipartGrant } from '../uploads/multipart-grant.ts';
import { noSuchRelease, releaseKey, requireRelease } from './require-release.ts';

/** What a client wants to upload. */
interface DeclaredArtifact {
  readonly release: Release;
  readonly platform: Platform;
  readonly fileSize: number;
  readonly sha256: string | null;
  readonly signature: string | null;
  readonly isMultipart: boolean;
  /** Extension `replace-draft-files`. */
  readonly run: JobRun | undefined;
}

/** How long the URLs of an upload are valid: not beyond the token that it is granted to. */
function urlExpiry(token: TokenRecord | undefined, now: Date): Date {
  return new Date(Math.min(now.getTime() + UPLOAD_URL_LIFE_MS, token?.expiresAt ?? Number.POSITIVE_INFINITY));
}

/** @param uploads undefined for a storage that takes no uploads in parts */
export function registerArtifacts(
  app: FastifyInstance,
  services: Services,
  uploads: ArrivingUploads | undefined,
): void {
  const { database, storage } = services;

  // api.md, "Upload Artifacts"
  registerRoute(app, 'createArtifact', {
    body: CreateArtifactRequest,
    handle: async ({ params, body, raw }, reply) => {
      const release = await requireRelease(services, releaseKey(params));
      const { channel } = release;
      requireScope(raw, { scope: 'release:upload', channel });
      const { file_size: fileSize, sha256 = null, signature = null, file_name: given = null } = body;
      const platform = platformOf(body);
      const isMultipart = uploads !== undefined && body.multipart === true;
      const run = requireJobRun(body);
      const artifact = { release, platform, fileSize, sha256, signature, isMultipart, run };
      requireAllowed(artifact, services);
      const by = authorOf(raw, services);
      const { now } = by;
      const takes = await requireUnpublished(artifact, now, services);
      if (takes === 'new_place') {
        if (release.status !== 'draft') await requireMayAddToLive(raw, release, services);
        await requireNotStranding(artifact, services);
        await recordContributor(database.queries, release, {
          job: raw.token?.job ?? undefined,
          by,
        });
      }

      const expiresAt = urlExpiry(raw.token, now);
      const pollAt = uploads?.poller?.firstPollAt(now) ?? null;
      const fileName = uploadedName(platform, { given, signature, releaseSignature: release.signature });
      const declared = { ...platform, fileSize, sha256, signature, run, fileName };
      const pending = { releaseId: release.id, ...declared, expiresAt, pollAt };
      const created: (Partial<MultipartGrant> & { readonly id: string }) | 'release_gone' =
        isMultipart && sha256 !== null
          ? await uploads.grants.grant({ ...pending, sha256 }, by)
          : await createPendingArtifact(database.queries, pending, by);
      if (created === 'release_gone') throw noSuchRelease();
      const slug = (await findApp(database.queries, params.app_id))?.slug ?? params.app_id;
      const response: CreateArtifactResponse = {
        upload_url: await storage.uploadUrl({ uploadId: created.id, size: fileSize, expiresAt }),
        s3_key: `ota/${slug}/${release.version}/${platformName(platform)}`,
        ...(platform.bundleType !== undefined && { bundle_type: platform.bundleType }),
        ...(signature !== null && { signature }),
        ...(sha256 !== null && { sha256 }),
        ...(sha256 !== null && (storage.remote || created.multipart) && { upload_id: created.id }),
        ...(created.multipart && { multipart: created.multipart }),
      };
      return reply.code(201).send(response);
    },
  });
}

/** @throws Problem `invalid_request`, `too_large`, `signature_required` or `wrong_signing_key` */
function requireAllowed(
  { release, platform, fileSize, sha256, signature, isMultipart }: DeclaredArtifact,
  { maxArtifactSize, storage }: Services,
): void {
  const { target, bundleType } = platform;
  if (bundleType !== undefined && !isBundleTypeOf(target, bundleType)) {
    throw invalid('invalid_request', 'bundle_type', `must be a bundle type of ${target}`);
  }
  if (fileSize > maxArtifactSize) {
    throw invalid('too_large', 'file_size', `must be at most ${sizeInWords(maxArtifactSize)} on this server`);
  }
  if (storage.remote && !isMultipart && fileSize > MAX_SINGLE_PUT) {
    throw invalid('too_large', 'file_size', `must be at most ${MAX_SINGLE_PUT} bytes without multipart`);
  }
  if (isMultipart && sha256 === null) {
    throw invalid('invalid_request', 'sha256', 'is required with multipart');
  }
  if (signature === null && release.signature === null) {
    throw invalid('signature_required', 'signature', 'is required here, because the release has none');
  }
  if (release.signingKeyId !== null && signingKeyOf({ release, signature }) !== release.signingKeyId) {
    const message = `must be made with the key ${release.signingKeyId}, as the release says`;
    throw invalid('wrong_signing_key', 'signature', message);
  }
}

function signingKeyOf({
  release,
  signature,
}: Pick<DeclaredArtifact, 'release' | 'signature'>): string | null {
  return signingKeyIdOf(signature ?? release.signature) ?? null;
}

/** Files of a live release are offered as soon as they are complete. @throws Problem `forbidden` or `approval_required` */
async function requireMayAddToLive(
  request: FastifyRequest,
  { appId, channel, version }: Release,
  { database }: Services,
): Promise<void> {
  requireScope(request, { scope: 'release:publish', channel });
  if (!(await requiresApproval(database.queries, appId))) return;
  throw new Problem(
    'approval_required',
    `The app requires approval, and ${version} is live: no files can be added to it. Publish them as a new version.`,
  );
}

/** @throws Problem `would_strand` */
async function requireNotStranding(
  { release, platform, signature }: DeclaredArtifact,
  { database }: Services,
): Promise<void> {
  if (release.status !== 'published' || release.allowStranding) return;
  const file = { ...platform, signingKeyId: signingKeyOf({ release, signature }) };
  const artifacts = closeKinds([file], await recordedKinds(database.queries, versionOf(release)));
  const change = { kind: 'go_live', release, artifacts } as const;
  const strandings = await strandedByChange(database.queries, release.appId, change);
  if (strandings.length > 0) throw wouldStrand(strandings);
}

/** @throws Problem `invalid_request` for an attempt of no job */
function requireJobRun({ job, attempt }: CreateArtifactRequest): JobRun | undefined {
  if (attempt !== undefined && job === undefined) {
    throw invalid('invalid_request', 'job', 'is required with attempt');
  }
  return jobRunOf({ job, attempt });
}

/**
 * @returns whether it repairs the same file, which is lost; that changes no decision about the release
 * @throws Problem `immutable`
 */
async function requireUnpublished(
  { release, platform, signature, sha256, run }: DeclaredArtifact,
  now: Date,
  services: Services,
): Promise<'new_place' | 'lost_file'> {
  const { database, allowVersionReuse } = services;
  const { appId, version } = release;
  const published = await publishedBytes(database.queries, { appId, version }, platform);
  const differs = sha256 !== null && published !== undefined && published !== sha256;
  const recorded = await recordedKinds(database.queries, versionOf(release));
  const isRefused = differs || isShutOut(recorded, platform);
  if (isRefused && !allowVersionReuse) throw alreadyPublished({ version, ...platform });
  const current = await findCompleteFile(database.queries, release.id, platform);
  if (current === undefined) return 'new_place';
  const announced = { run, at: now.getTime() };
  if (release.status === 'draft' && isReplacement({ sha256, announced }, current)) return 'new_place';
  const declared = { sha256, signature: signature ?? release.signature };
  // All files are compared each hour: this one may be lost since.
  const isRepaired =
    isRepair(declared, { ...current, isLost: true }) && (current.isLost || (await isLost(current, services)));
  if (!isRepaired) throw alreadyPublished({ version, ...platform });
  return 'lost_file';
}

function versionOf({ appId, version }: Release) {
  return { app_id: appId, precedence: precedenceOf(version) };
}

/** Where the storage cannot be asked, the records count. */
async function isLost({ storageKey, fileSize }: CompleteFile, { lostFiles }: Services): Promise<boolean> {
  const lost = await lostFiles?.find([{ storageKey, fileSize }]).catch(() => undefined);
  return lost?.has(storageKey) ?? false;
}

function invalid(code: ProblemCode, field: string, message: string): Problem {
  return new Problem(code, `${field} ${message}.`, [{ field, message }]);
}
