import type { UploadState } from '../../database/queries/pending-uploads.ts';
import { partsOf } from '../../protocol/multipart.ts';
import { Problem } from '../../protocol/problem.ts';
import type { UploadParts } from '../../storage/remote-storage.ts';

/** Extension `multipart`: has the store put parts together, which may take minutes. */
export class PartAssembly {
  readonly #parts: UploadParts;
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: UploadParts) {
    this.#parts = parts;
  }

  /**
   * Puts an upload's parts together, or joins whoever is at just that. Parts that are gone were put together before, or
   * never will be: looking tells.
   * @param etags of all parts, in order
   * @throws Problem `not_uploaded` when other parts have arrived, `invalid_request` when it has none
   */
  join(uploadId: string, { multipartId, fileSize }: UploadState, etags: readonly string[]): Promise<void> {
    const key = JSON.stringify([uploadId, multipartId, etags]);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const join = this.#join(uploadId, multipartId, fileSize, etags).finally(() => this.#running.delete(key));
    this.#running.set(key, join);
    return join;
  }

  async #join(
    uploadId: string,
    multipartId: string | null,
    fileSize: number,
    etags: readonly string[],
  ): Promise<void> {
    if (multipartId === null) {
      const message = 'must not be given for an upload without parts';
      throw new Problem('invalid_request', `parts ${message}.`, [{ field: 'parts', message }]);
    }
    const all = etags.length === partsOf(fileSize).length; // a store puts together what it is told, not all there is
    const joined = all ? await this.#parts.assemble({ uploadId, multipartId }, etags) : 'differ';
    if (joined === 'differ') throw new Problem('not_uploaded', 'Other parts than these have arrived.');
  }
}
