import { stat } from 'node:fs/promises';
import { hashFile } from '../../client/transfer/hash-file.ts';

interface Remembered {
  readonly size: number;
  readonly mtimeMs: number;
  readonly sha256: string;
}

/** The hashes of files that do not change: each is read once, unless it is written. */
export class RememberedHashes {
  readonly #files = new Map<string, Remembered>();

  async hashOf(file: string, signal: AbortSignal): Promise<string> {
    const { size, mtimeMs } = await stat(file);
    const known = this.#files.get(file);
    if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
    const { sha256 } = await hashFile(file, signal);
    this.#files.set(file, { size, mtimeMs, sha256 });
    return sha256;
  }
}
