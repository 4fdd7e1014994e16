import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import {
  changedMeanwhile,
  identify,
  identityOf,
  type PlannedFile,
  unreadable,
} from './transfer/source-file.ts';

/** Bytes read from the file at once. */
const READ_SIZE = 1024 * 1024;

/**
 * A file that is read from its begin to its end, and known at last to be what was planned: one that is written again, or
 * replaced, may not be what is to be published any more.
 *
 * Every method throws the OtaErrors `preflight_refused` when it changed, `usage` when it cannot be read any more.
 */
export class UnchangedFile {
  readonly #planned: PlannedFile;
  readonly #handle: FileHandle;
  readonly #identity: string;
  readonly #hash: Hash = createHash('sha256');
  #position = 0;

  private constructor(planned: PlannedFile, handle: FileHandle, identity: string) {
    this.#planned = planned;
    this.#handle = handle;
    this.#identity = identity;
  }

  /** The caller closes it. */
  static async open(planned: PlannedFile): Promise<UnchangedFile> {
    const handle = await open(planned.file).catch((error) => Promise.reject(unreadable(planned, error)));
    const stats = await handle.stat().catch((error) => Promise.reject(unreadable(planned, error)));
    return new UnchangedFile(planned, handle, identityOf(stats));
  }

  /** Bytes that were not read yet. */
  get left(): number {
    return this.#planned.size - this.#position;
  }

  /** Reads the next bytes until the memory is full: no more than are left. While some are hashed, the next are read. */
  async fill(target: Buffer): Promise<void> {
    let reading = this.#read(target, 0);
    for (let at = 0; at < target.length; ) {
      const next = at + (await reading);
      if (next === at) throw changedMeanwhile(this.#planned);
      if (next < target.length) reading = this.#read(target, next);
      this.#hash.update(target.subarray(at, next));
      at = next;
    }
    this.#position += target.length;
  }

  /** Reads bytes that nobody wants, to know of all. */
  async pass(size: number): Promise<void> {
    const memory = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, size));
    for (let left = size; left > 0; left -= memory.length) await this.fill(memory.subarray(0, left));
  }

  /** To be called once, when all is read. */
  async requireUnchanged(): Promise<void> {
    const more = await this.#read(Buffer.alloc(1), 0); // it may have grown
    const isSame = more === 0 && this.#hash.digest('hex') === this.#planned.sha256;
    if (!isSame || this.#identity !== (await identify(this.#planned))) throw changedMeanwhile(this.#planned);
  }

  close(): Promise<void> {
    return this.#handle.close().catch(() => {}); // all that is wanted of it was read
  }

  async #read(target: Buffer, at: number): Promise<number> {
    const length = Math.min(READ_SIZE, target.length - at);
    try {
      return (await this.#handle.read(target, at, length, this.#position + at)).bytesRead;
    } catch (error) {
      throw unreadable(this.#planned, error as Error);
    }
  }
}
