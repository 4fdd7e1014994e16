import type { UploadState } from '../../database/queries/pending-uploads.ts';
import { Problem } from '../../protocol/problem.ts';
import { partSizeOf, partsOf } from '../../protocol/upload/multipart.ts';
import type { UploadParts } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';

/** Extension `multipart`: has the store assemble parts, which may take minutes. */
export class PartAssembly {
  readonly #parts: UploadParts;
  readonly #partSizeOf: (fileSize: number) => number;
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: UploadParts, services: Pick<Services, 'partSizeOf'> = {}) {
    this.#parts = parts;
    this.#partSizeOf = services.partSizeOf ?? partSizeOf;
  }

  /**
   * Assembles an upload's parts, or waits for the same assembly that is already running. Resolves also when the store no
   * longer knows the parts: whether they were assembled before is found by polling.
   * @param etags of all parts, in order
   * @throws Problem `not_uploaded` when other parts have arrived, `invalid_request` for an upload without parts
   */
  assemble(uploadId: string, upload: UploadState, etags: readonly string[]): Promise<void> {
    const key = JSON.stringify([uploadId, upload.multipartId, etags]);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const assembly = this.#assemble(uploadId, upload, etags).finally(() => this.#running.delete(key));
    this.#running.set(key, assembly);
    return assembly;
  }

  async #assemble(
    uploadId: string,
    { multipartId, fileSize }: UploadState,
    etags: readonly string[],
  ): Promise<void> {
    if (multipartId === null) {
      const message = 'must not be given for an upload without parts';
      throw new Problem('invalid_request', `parts ${message}.`, [{ field: 'parts', message }]);
    }
    // A store would also assemble the first few parts only.
    const isComplete = etags.length === partsOf(fileSize, this.#partSizeOf(fileSize)).length;
    const outcome = isComplete ? await this.#parts.assemble({ uploadId, multipartId }, etags) : 'differ';
    if (outcome === 'differ') {
      throw new Problem('not_uploaded', 'The uploaded parts do not have these ETags.');
    }
  }
}
