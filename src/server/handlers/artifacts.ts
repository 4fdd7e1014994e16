import type { FastifyInstance } from 'fastify';
import { strandedByChange } from '../../database/queries/app-files.ts';
import { findApp } from '../../database/queries/apps.ts';
import { createPendingArtifact, publishedBytes } from '../../database/queries/artifacts.ts';
import { findCompleteFile, isReplacement } from '../../database/queries/release-files.ts';
import { findRelease, type Release } from '../../database/queries/releases.ts';
import { CreateArtifactRequest, type CreateArtifactResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { isBundleTypeOf, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import { Problem, type ProblemCode } from '../../protocol/problem.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { MAX_SINGLE_PUT } from '../../protocol/upload/multipart.ts';
import { registerRoute } from '../http/register-route.ts';
import { wouldStrand } from '../http/would-strand.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';
import { alreadyPublished } from '../uploads/finalize-upload.ts';
import type { MultipartGrant } from '../uploads/multipart-grant.ts';
import type { RemoteUploads } from '../uploads/remote-uploads.ts';

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

/** @param uploads undefined when uploads arrive at this server */
export function registerArtifacts(
  app: FastifyInstance,
  services: Services,
  uploads: RemoteUploads | undefined,
): void {
  const { database, storage, clock } = services;

  // api.md, "Upload Artifacts"
  registerRoute(app, 'createArtifact', {
    body: CreateArtifactRequest,
    handle: async ({ params, body }, reply) => {
      const release = await findRelease(database.queries, {
        appId: params.app_id,
        releaseId: params.release_id,
      });
      if (release === undefined) throw noSuchRelease();
      const { file_size: fileSize, sha256 = null, signature = null } = body;
      const platform = platformOf(body);
      const isMultipart = uploads !== undefined && body.multipart === true;
      const run = requireJobRun(body);
      const artifact = { release, platform, fileSize, sha256, signature, isMultipart, run };
      requireAllowed(artifact, services, uploads);
      const now = clock();
      await requireUnpublished(artifact, now, services);
      await requireNotStranding(artifact, services);

      const expiresAt = new Date(now.getTime() + UPLOAD_URL_LIFE_MS);
      const pollAt = uploads?.poller.firstPollAt(now) ?? null;
      const declared = { ...platform, fileSize, sha256, signature, run };
      const pending = { releaseId: release.id, ...declared, expiresAt, pollAt };
      const created: (Partial<MultipartGrant> & { readonly id: string }) | 'release_gone' =
        isMultipart && sha256 !== null
          ? await uploads.grants.grant({ ...pending, sha256 })
          : await createPendingArtifact(database.queries, pending, now);
      if (created === 'release_gone') throw noSuchRelease();
      const slug = (await findApp(database.queries, params.app_id))?.slug ?? params.app_id;
      const response: CreateArtifactResponse = {
        upload_url: await storage.uploadUrl({ uploadId: created.id, size: fileSize, expiresAt }),
        s3_key: `ota/${slug}/${release.version}/${platformName(platform)}`,
        ...(platform.bundleType !== undefined && { bundle_type: platform.bundleType }),
        ...(signature !== null && { signature }),
        ...(sha256 !== null && { sha256 }),
        ...(sha256 !== null && uploads && { upload_id: created.id }),
        ...(created.multipart && { multipart: created.multipart }),
      };
      return reply.code(201).send(response);
    },
  });
}

/** @throws Problem `invalid_request`, `too_large` or `signature_required` */
function requireAllowed(
  { release, platform, fileSize, sha256, signature, isMultipart }: DeclaredArtifact,
  { maxArtifactSize }: Services,
  uploads: RemoteUploads | undefined,
): void {
  const { target, bundleType } = platform;
  if (bundleType !== undefined && !isBundleTypeOf(target, bundleType)) {
    throw invalid('invalid_request', 'bundle_type', `must be a bundle type of ${target}`);
  }
  if (fileSize > maxArtifactSize) {
    throw invalid('too_large', 'file_size', `must be at most ${maxArtifactSize} bytes on this server`);
  }
  if (uploads && !isMultipart && fileSize > MAX_SINGLE_PUT) {
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

/** Files of a live release are offered as soon as they are complete. @throws Problem `would_strand` */
async function requireNotStranding(
  { release, platform, signature }: DeclaredArtifact,
  { database }: Services,
): Promise<void> {
  if (release.status !== 'published' || release.allowStranding) return;
  const artifacts = [{ ...platform, signingKeyId: signingKeyOf({ release, signature }) }];
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

/** @throws Problem `immutable` */
async function requireUnpublished(
  { release, platform, sha256, run }: DeclaredArtifact,
  now: Date,
  { database, allowVersionReuse }: Services,
): Promise<void> {
  const { appId, version } = release;
  const published = await publishedBytes(database.queries, { appId, version }, platform);
  const differs = sha256 !== null && published !== undefined && published !== sha256;
  const current = await findCompleteFile(database.queries, release.id, platform);
  const announced = { run, at: now.getTime() };
  const taken =
    current !== undefined && !(release.status === 'draft' && isReplacement({ sha256, announced }, current));
  if (taken || (differs && !allowVersionReuse)) throw alreadyPublished({ version, ...platform });
}

function invalid(code: ProblemCode, field: string, message: string): Problem {
  return new Problem(code, `${field} ${message}.`, [{ field, message }]);
}

function noSuchRelease(): Problem {
  return new Problem('not_found', 'There is no such release.');
}
