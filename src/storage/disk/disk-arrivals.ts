import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, lstat } from 'node:fs/promises';
import { errorCode } from '../../runtime/error-details.ts';
import { FileHash } from '../../runtime/hashing/file-hash.ts';
import type { ContentDigest, StagedUpload } from '../artifact-storage.ts';
import type { ReceiveOptions, ReceiveResult, UploadArrivals } from '../remote-storage.ts';
import { storedPath } from '../stored-path.ts';
import { DiskUploadParts, type DiskUploadPartsOptions } from './disk-upload-parts.ts';
import { toDiskError, unlinkIfThere } from './durable-file.ts';
import { notHashed } from './write-hashed.ts';

export interface DiskArrivalsOptions extends DiskUploadPartsOptions {
  readonly staged: (storageKey: string, digest: ContentDigest) => StagedUpload;
}

/**
 * Files that were uploaded in parts. Once assembled, a file lies in `staging/<upload id>`, where nothing writes to it:
 * it is linked to where it is served from, and never copied.
 */
export class DiskArrivals implements UploadArrivals {
  readonly parts: DiskUploadParts;
  readonly #options: DiskArrivalsOptions;

  constructor(options: DiskArrivalsOptions) {
    this.parts = new DiskUploadParts(options);
    this.#options = options;
  }

  async hasArrived(uploadId: string): Promise<boolean> {
    return (await fileAt(this.#path(uploadId))) !== undefined;
  }

  async receive(
    uploadId: string,
    { size, blake2b512, newStorageKey = async () => randomUUID() }: ReceiveOptions,
  ): Promise<ReceiveResult> {
    const arrived = await fileAt(this.#path(uploadId));
    const known = this.parts.takeHash(uploadId);
    const discardArrived = () => this.#discardArrived(uploadId, arrived);
    if (arrived?.size !== size) {
      known?.cancel();
      return arrived === undefined ? { kind: 'not_there' } : { kind: 'wrong_size', discardArrived };
    }
    let hash = known;
    let file: string | undefined;
    try {
      const storageKey = await newStorageKey();
      file = this.#path(storageKey);
      await link(this.#path(uploadId), file);
      if (hash === undefined || (blake2b512 && !hash.blake2b512)) {
        hash?.cancel();
        hash = new FileHash(file, { blake2b512 });
      }
      const digest = await hash.finish(size).catch(notHashed);
      const staged = this.#options.staged(storageKey, digest);
      return { kind: 'received', ...staged, discardArrived, requireFaithful: async () => {} };
    } catch (error) {
      hash?.cancel();
      if (file !== undefined) await unlinkIfThere(file);
      throw toDiskError(error);
    }
  }

  /** It may be a link to what is served by now, or another file may have been assembled since. */
  async #discardArrived(uploadId: string, arrived: Stats | undefined): Promise<void> {
    const current = await fileAt(this.#path(uploadId));
    if (current?.ino === arrived?.ino) await unlinkIfThere(this.#path(uploadId));
  }

  #path(name: string): string {
    return storedPath(this.#options.staging, name);
  }
}

async function fileAt(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw toDiskError(error);
  }
}
