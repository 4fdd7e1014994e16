import { createPendingArtifact, type NewArtifact } from '../../database/queries/artifacts.ts';
import { findResumableUpload, recordMultipart } from '../../database/queries/pending-uploads.ts';
import type { CreateArtifactResponse } from '../../protocol/messages.ts';
import { PART_URLS_AT_ONCE, partSizeOf, partsOf } from '../../protocol/multipart.ts';
import type { ArrivedPart, MultipartUploadKey, RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';

/** An upload in parts that was promised. */
export interface MultipartGrant {
  /** The upload's. */
  readonly id: string;
  readonly multipart: NonNullable<CreateArtifactResponse['multipart']>;
}

type NewParts = NewArtifact & { readonly sha256: string };

/**
 * Extension `multipart`: promises an upload in parts, or goes on with one of the same file that was promised before.
 * A repeated request so gets fresh URLs, is told what has arrived, and has the promise hold for longer.
 * @returns `release_gone` when the release was deleted meanwhile
 */
export async function grantMultipart(
  services: Services,
  storage: RemoteStorage,
  artifact: NewParts,
): Promise<MultipartGrant | 'release_gone'> {
  const { queries } = services.database;
  const { expiresAt } = artifact;
  for (;;) {
    const earlier = await findResumableUpload(queries, artifact);
    const upload = earlier ?? (await createPendingArtifact(queries, artifact, services.clock()));
    if (upload === 'release_gone') return upload;
    const before = earlier?.multipartId ?? null;
    const { multipartId, arrived } = await goOn(storage, upload.id, before);
    const parted = { uploadId: upload.id, multipartId };
    if (await recordMultipart(queries, upload.id, { before, multipartId, expiresAt })) {
      return { id: upload.id, multipart: await answer(storage, artifact, parted, arrived) };
    }
    // Another request was quicker, or the upload is promised no more: what counts now is found by looking again.
    if (multipartId !== before) await storage.parts.abort(parted);
  }
}

/** What is there of an upload. */
interface There {
  readonly multipartId: string;
  /** `whole`: the parts were put together, and the server has not taken the file yet. */
  readonly arrived: ReadonlyMap<number, ArrivedPart> | 'whole';
}

/** Finds what is there, or starts anew when the store knows of nothing. */
async function goOn(storage: RemoteStorage, uploadId: string, before: string | null): Promise<There> {
  if (before !== null) {
    const arrived = await storage.parts.arrived({ uploadId, multipartId: before });
    if (arrived !== undefined) return { multipartId: before, arrived };
    if (await storage.hasArrived(uploadId)) return { multipartId: before, arrived: 'whole' };
  }
  return { multipartId: await storage.parts.start(uploadId), arrived: new Map() };
}

async function answer(
  { parts }: RemoteStorage,
  { fileSize, expiresAt }: NewParts,
  upload: MultipartUploadKey,
  arrived: There['arrived'],
): Promise<MultipartGrant['multipart']> {
  const base = { id: upload.multipartId, part_size: partSizeOf(fileSize) };
  if (arrived === 'whole') return { ...base, parts: [], done: [] };
  const done: { number: number; etag: string }[] = [];
  const missing: { number: number; size: number }[] = [];
  for (const part of partsOf(fileSize)) {
    const there = arrived.get(part.number);
    if (there?.size === part.size) done.push({ number: part.number, etag: there.etag });
    else missing.push(part);
  }
  const urls = missing.slice(0, PART_URLS_AT_ONCE).map(async ({ number, size }) => ({
    number,
    url: await parts.url({ ...upload, number, size, expiresAt }),
  }));
  return { ...base, parts: await Promise.all(urls), done };
}
