import { constants } from 'node:fs';
import { access, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errorCode } from '../../runtime/error-details.ts';
import { FileHash } from '../../runtime/hashing/file-hash.ts';
import { NO_FOLLOW } from '../regular-file.ts';
import type { ArrivedPart } from '../remote-storage.ts';
import { syncData, syncFolder } from './durable-file.ts';
import { PartJournal } from './part-journal.ts';
import { type Turn, TurnRefused } from './part-turns.ts';
import { writeBody } from './write-body.ts';

const DATA = 'data';
const JOURNAL = 'parts';

export interface IncomingPart {
  /** From 1. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  /** Where in the file it begins. */
  readonly offset: number;
  /** Whether the whole file's BLAKE2b-512 will be needed too. */
  readonly blake2b512: boolean;
  readonly body: AsyncIterable<Buffer>;
}

export type PartResult =
  | { readonly kind: 'stored'; readonly etag: string }
  | { readonly kind: 'size_differs' }
  /** Another request took over, the whole upload ended, or others send the same part and wait to send it. */
  | { readonly kind: 'superseded' | 'gone' | 'in_progress' };

export interface PartedFileOptions {
  readonly folder: string;
  /** Waits for the turn to write a part. Rejects with `TurnRefused`. */
  readonly takeTurn: (part: number) => Promise<Turn>;
  /** Whether this process writes all parts, and so can hash the file as they arrive. */
  readonly writesAll: boolean;
}

/**
 * A file that arrives in parts, each written where it belongs in the file, so that nothing is copied to assemble it. A
 * part counts once its bytes and then its line in the journal are durable. All that is known of it is on the disk.
 */
export class PartedFile {
  readonly #options: PartedFileOptions;
  readonly #data: string;
  readonly #journal: PartJournal;
  #writers = 0;
  /** Follows the parts from the start of the file to the first that is missing. */
  #hash: { readonly running: FileHash; upTo: number } | undefined;

  constructor(options: PartedFileOptions) {
    this.#options = options;
    this.#data = join(options.folder, DATA);
    this.#journal = new PartJournal(join(options.folder, JOURNAL));
  }

  /** Creates an empty one in an empty folder. */
  static async create(folder: string): Promise<void> {
    for (const name of [DATA, JOURNAL]) await (await open(join(folder, name), 'wx', 0o600)).close();
    await syncFolder(folder);
  }

  /** Undefined when there is none, or it was assembled. */
  async parts(): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    return unlessGone(async () => {
      await access(this.#data);
      return this.#journal.read();
    });
  }

  get isIdle(): boolean {
    return this.#writers === 0;
  }

  async write(part: IncomingPart): Promise<PartResult> {
    this.#writers += 1;
    try {
      return await this.#writeInTurn(part);
    } catch (error) {
      if (error instanceof TurnRefused) return { kind: 'in_progress' };
      throw error;
    } finally {
      this.#writers -= 1;
    }
  }

  /**
   * Moves the file to where nothing writes to it. Call in a turn for all of it.
   * @returns its hash as far as it is computed, which has to be finished or cancelled
   */
  async moveTo(target: string): Promise<FileHash | undefined> {
    await rename(this.#data, target);
    const hash = this.#hash?.running;
    this.#hash = undefined;
    return hash;
  }

  /** Stops what hashes it. */
  close(): void {
    this.#hash?.running.cancel();
    this.#hash = undefined;
  }

  async #writeInTurn(part: IncomingPart): Promise<PartResult> {
    const turn = await this.#options.takeTurn(part.number);
    try {
      return (await unlessGone(() => this.#write(part, turn))) ?? { kind: 'gone' };
    } catch (error) {
      if (turn.signal.aborted && error === turn.signal.reason) return { kind: 'superseded' };
      throw error;
    } finally {
      turn.end();
    }
  }

  async #write(part: IncomingPart, turn: Turn): Promise<PartResult> {
    const { number, size, offset, blake2b512 } = part;
    const handle = await open(this.#data, constants.O_RDWR | NO_FOLLOW);
    let checksum = 0;
    const onBytes = (bytes: Buffer) => {
      checksum = crc32(bytes, checksum);
      turn.moved();
    };
    const onFirst = async () => {
      await this.#journal.remove(number);
      this.#forgetHashFrom(offset); // last: until then, another part that is stored may have it hashed
    };
    try {
      const body = until(part.body, turn.signal, onFirst);
      const written = await writeBody(handle, body, { size, offset, onBytes });
      if (written === 'size_differs') return { kind: 'size_differs' };
      await syncData(handle);
    } finally {
      await handle.close();
    }
    const etag = `"${checksum.toString(16).padStart(8, '0')}-${size}"`;
    const parts = await this.#journal.add(number, { size, etag });
    if (this.#options.writesAll) this.#hashOn(parts, blake2b512);
    return { kind: 'stored', etag };
  }

  #hashOn(parts: ReadonlyMap<number, ArrivedPart>, blake2b512: boolean): void {
    let upTo = 0;
    for (let number = 1; ; number++) {
      const size = parts.get(number)?.size;
      if (size === undefined) break;
      upTo += size;
    }
    if (upTo === 0) return;
    this.#hash ??= { running: new FileHash(this.#data, { blake2b512 }), upTo: 0 };
    if (upTo <= this.#hash.upTo) return;
    this.#hash.upTo = upTo;
    this.#hash.running.advance(upTo);
  }

  /** Bytes that were hashed are about to change: it begins again. */
  #forgetHashFrom(offset: number): void {
    if (this.#hash !== undefined && offset < this.#hash.upTo) this.close();
  }
}

/** Undefined when the file is not there, or not any more. */
async function unlessGone<T>(use: () => Promise<T>): Promise<T | undefined> {
  try {
    return await use();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The body until `signal` aborts, even while it does not move: then it throws the signal's reason.
 * @param onFirst called before the first bytes are passed on
 */
async function* until(
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
  onFirst: () => Promise<void>,
): AsyncIterable<Buffer> {
  const iterator = body[Symbol.asyncIterator]();
  let giveUp = (_reason: unknown) => {};
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    for (let isFirst = true; ; isFirst = false) {
      signal.throwIfAborted();
      const { done, value } = await new Promise<IteratorResult<Buffer>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (done) return;
      if (isFirst) await onFirst();
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
