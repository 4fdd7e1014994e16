import type { Attribution } from '../../database/attribution.ts';
import { createPendingArtifact, type NewArtifact } from '../../database/queries/artifacts.ts';
import { findResumableUpload, recordMultipart } from '../../database/queries/pending-uploads.ts';
import type { CreateArtifactResponse } from '../../protocol/messages.ts';
import { PART_URLS_AT_ONCE, partSizeOf, partsOf } from '../../protocol/upload/multipart.ts';
import type { ArrivedPart, MultipartUploadKey, UploadArrivals } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';

/** Permission to upload a file in parts. */
export interface MultipartGrant {
  /** The upload's id. */
  readonly id: string;
  readonly multipart: NonNullable<CreateArtifactResponse['multipart']>;
}

type NewMultipartArtifact = NewArtifact & { readonly sha256: string };

/** A multipart upload as the store has it. */
interface StoredUpload {
  readonly multipartId: string;
  /** `whole`: the parts were assembled, and the upload is not finalized yet. */
  readonly arrived: ReadonlyMap<number, ArrivedPart> | 'whole';
}

/** Extension `multipart`: grants uploads in parts. */
export class MultipartGrants {
  readonly #services: Services;
  readonly #arrivals: UploadArrivals;
  readonly #partSizeOf: (fileSize: number) => number;

  constructor(services: Services, arrivals: UploadArrivals) {
    this.#services = services;
    this.#arrivals = arrivals;
    this.#partSizeOf = services.partSizeOf ?? partSizeOf;
  }

  /**
   * Grants an upload, or resumes an earlier one of the same file. A repeated request thus gets new URLs, learns which
   * parts have arrived, and extends the grant.
   * @returns `release_gone` when the release was deleted in the meantime
   * @throws OtaError `store_unavailable`
   */
  async grant(artifact: NewMultipartArtifact, by: Attribution): Promise<MultipartGrant | 'release_gone'> {
    const { queries } = this.#services.database;
    const { expiresAt, run } = artifact;
    const announced = { run, by };
    for (;;) {
      const earlier = await findResumableUpload(queries, artifact);
      const upload = earlier ?? (await createPendingArtifact(queries, artifact, by));
      if (upload === 'release_gone') return upload;
      const before = earlier?.multipartId ?? null;
      const { multipartId, arrived } = await this.#resumeOrStart(upload.id, before, artifact.fileSize);
      const key = { uploadId: upload.id, multipartId };
      if (await recordMultipart(queries, upload.id, { before, multipartId, expiresAt, announced })) {
        return { id: upload.id, multipart: await this.#describe(artifact, key, arrived) };
      }
      // Another request was faster, or the upload was forgotten: start over from what the database has now.
      if (multipartId !== before) await this.#arrivals.parts.abort(key);
    }
  }

  async #resumeOrStart(uploadId: string, before: string | null, fileSize: number): Promise<StoredUpload> {
    const { parts } = this.#arrivals;
    if (before !== null) {
      const arrived = await parts.arrived({ uploadId, multipartId: before });
      if (arrived !== undefined) return { multipartId: before, arrived };
      if (await this.#arrivals.hasArrived(uploadId)) return { multipartId: before, arrived: 'whole' };
    }
    return { multipartId: await parts.start(uploadId, fileSize), arrived: new Map() };
  }

  async #describe(
    { fileSize, expiresAt }: NewMultipartArtifact,
    key: MultipartUploadKey,
    arrived: StoredUpload['arrived'],
  ): Promise<MultipartGrant['multipart']> {
    const partSize = this.#partSizeOf(fileSize);
    const base = { id: key.multipartId, part_size: partSize };
    if (arrived === 'whole') return { ...base, parts: [], done: [] };
    const done: { number: number; etag: string }[] = [];
    const missing: { number: number; size: number }[] = [];
    for (const part of partsOf(fileSize, partSize)) {
      const found = arrived.get(part.number);
      if (found?.size === part.size) done.push({ number: part.number, etag: found.etag });
      else missing.push(part);
    }
    const urls = missing.slice(0, PART_URLS_AT_ONCE).map(async ({ number, size }) => ({
      number,
      url: await this.#arrivals.parts.url({ ...key, number, size, expiresAt }),
    }));
    return { ...base, parts: await Promise.all(urls), done };
  }
}
