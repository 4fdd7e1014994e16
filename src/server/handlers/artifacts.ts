import type { FastifyInstance } from 'fastify';
import { findApp } from '../../database/queries/apps.ts';
import { createPendingArtifact, isComplete, publishedBytes } from '../../database/queries/artifacts.ts';
import { findRelease } from '../../database/queries/releases.ts';
import { CreateArtifactRequest, type CreateArtifactResponse } from '../../protocol/messages.ts';
import { MAX_SINGLE_PUT } from '../../protocol/multipart.ts';
import { isBundleTypeOf, platformName, platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';
import { alreadyPublished } from '../uploads/finalize-upload.ts';
import { grantMultipart, type MultipartGrant } from '../uploads/multipart-grant.ts';
import type { UploadPoller } from '../uploads/upload-poller.ts';

/** @param uploads who looks for uploads, where they do not arrive here */
export function registerArtifacts(
  app: FastifyInstance,
  services: Services,
  uploads: UploadPoller | undefined,
): void {
  const { database, storage, clock, maxArtifactSize, allowVersionReuse } = services;

  // api.md, "Upload Artifacts"
  registerRoute(app, 'createArtifact', {
    body: CreateArtifactRequest,
    handle: async ({ params, body }, reply) => {
      const db = database.queries;
      const release = await findRelease(db, params.app_id, params.release_id);
      if (release === undefined) throw new Problem('not_found', 'There is no such release.');
      const { file_size: fileSize, sha256 = null, signature = null } = body;
      const platform = platformOf(body);
      const { target, bundleType } = platform;
      if (bundleType !== undefined && !isBundleTypeOf(target, bundleType)) {
        const message = `must be a kind of bundle for ${target}`;
        throw new Problem('invalid_request', `bundle_type ${message}.`, [{ field: 'bundle_type', message }]);
      }
      if (fileSize > maxArtifactSize) throw tooLarge(maxArtifactSize, 'on this server');
      const inParts = isRemote(storage) && body.multipart === true;
      if (isRemote(storage) && !inParts && fileSize > MAX_SINGLE_PUT) {
        throw tooLarge(MAX_SINGLE_PUT, 'without multipart');
      }
      if (inParts && sha256 === null) {
        const message = 'is required with multipart';
        throw new Problem('invalid_request', `sha256 ${message}.`, [{ field: 'sha256', message }]);
      }
      if (signature === null && release.signature === null) {
        const message = 'is required here, because the release has none';
        throw new Problem('signature_required', `signature ${message}.`, [{ field: 'signature', message }]);
      }
      const version = release.version;
      const published = await publishedBytes(db, params.app_id, version, platform);
      const differs = sha256 !== null && published !== undefined && published !== sha256;
      if ((await isComplete(db, release.id, platform)) || (differs && !allowVersionReuse)) {
        throw alreadyPublished({ version, ...platform });
      }

      const now = clock();
      const expiresAt = new Date(now.getTime() + UPLOAD_URL_LIFE_MS);
      const pollAt = uploads?.firstLook(now) ?? null;
      const pending = { releaseId: release.id, ...platform, fileSize, sha256, signature, expiresAt, pollAt };
      const created: (Partial<MultipartGrant> & { readonly id: string }) | 'release_gone' =
        inParts && sha256 !== null
          ? await grantMultipart(services, storage, { ...pending, sha256 })
          : await createPendingArtifact(db, pending, now);
      if (created === 'release_gone') throw new Problem('not_found', 'There is no such release.');
      const slug = (await findApp(db, params.app_id))?.slug ?? params.app_id;
      const answer: CreateArtifactResponse = {
        upload_url: await storage.uploadUrl({ uploadId: created.id, size: fileSize, expiresAt }),
        s3_key: `ota/${slug}/${version}/${platformName(platform)}`,
        ...(bundleType !== undefined && { bundle_type: bundleType }),
        ...(signature !== null && { signature }),
        ...(sha256 !== null && { sha256 }),
        ...(sha256 !== null && uploads && { upload_id: created.id }),
        ...(created.multipart && { multipart: created.multipart }),
      };
      return reply.code(201).send(answer);
    },
  });
}

function tooLarge(bytes: number, where: string): Problem {
  const message = `must be at most ${bytes} bytes ${where}`;
  return new Problem('too_large', `file_size ${message}.`, [{ field: 'file_size', message }]);
}
