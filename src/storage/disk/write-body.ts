import type { FileHandle } from 'node:fs/promises';
import { syncData } from './durable-file.ts';

/** Bytes gathered before a write: at 16 KiB a PUT takes twice as long, and with twice as many it is no faster. */
const WRITE_SIZE = 512 * 1024;
/** Buffers that are kept for later uploads. */
const MAX_FREE = 8;
/** From this many uploads at once on each further one gets smaller buffers, so that they all fit into memory. */
const SMALLER_FROM = [
  { writers: 48, size: 64 * 1024 },
  { writers: 16, size: 256 * 1024 },
] as const;
/** Bytes after which the disk starts on them, so that the last fsync of a large file finds most of it written. */
const SYNC_EVERY = 32 * 1024 * 1024;

export interface WriteOptions {
  /** How many bytes are expected; more are not written. */
  readonly size: number;
  /** Where in the file they begin. */
  readonly offset?: number;
  /** Called with all bytes in order, before they are written. */
  readonly onBytes?: (bytes: Buffer) => void;
  /** Called with the end of what is written by now. */
  readonly onWritten?: (end: number) => void;
}

/** Writes a stream to a file. Not yet durable: see `sync`. */
export async function writeBody(
  handle: FileHandle,
  body: AsyncIterable<Buffer>,
  options: WriteOptions,
): Promise<'written' | 'size_differs'> {
  const { size, onBytes } = options;
  let received = 0;
  const writer = new GatheringWriter(handle, options);
  try {
    for await (const chunk of body) {
      received += chunk.length;
      if (received > size) return 'size_differs';
      onBytes?.(chunk);
      await writer.add(chunk);
    }
    await writer.flush();
  } finally {
    await writer.close();
  }
  return received === size ? 'written' : 'size_differs';
}

/** Writes large pieces, one at a time and in order, while the next bytes arrive in a second buffer. */
class GatheringWriter {
  readonly #handle: FileHandle;
  readonly #onWritten: ((end: number) => void) | undefined;
  #filling: Buffer;
  #spare: Buffer;
  #filled = 0;
  #position: number;
  #writing: Promise<unknown> = Promise.resolve();
  #unsynced = 0;
  #syncing: Promise<unknown> | undefined;

  constructor(handle: FileHandle, { size, offset = 0, onWritten }: WriteOptions) {
    this.#handle = handle;
    this.#position = offset;
    this.#onWritten = onWritten;
    [this.#filling, this.#spare] = takeBuffers(size);
  }

  /** Copies the bytes: if the network's small buffers waited for their write, they would outlive the cheap collections. */
  async add(chunk: Buffer): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      const count = chunk.copy(this.#filling, this.#filled, taken);
      taken += count;
      this.#filled += count;
      if (this.#filled === this.#filling.length) await this.#start();
    }
  }

  /** Resolves when all is written. */
  async flush(): Promise<void> {
    await this.#start();
    await this.#writing;
    await this.#syncing;
  }

  /** Ends it, also after a failure; resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
    returnBuffers(this.#filling, this.#spare);
  }

  async #start(): Promise<void> {
    await this.#writing;
    const [bytes, position] = [this.#filling.subarray(0, this.#filled), this.#position];
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#filled = 0;
    this.#position += bytes.length;
    this.#writing = this.#write(bytes, position);
    this.#writing.catch(() => {}); // awaited by the next; without this, a rejection before that counts as unhandled
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // It may write less than it was given, as on a disk that is filling up.
      at += (await this.#handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
    this.#onWritten?.(position + bytes.length);
    this.#unsynced += bytes.length;
    if (this.#unsynced >= SYNC_EVERY && this.#syncing === undefined) this.#sync();
  }

  #sync(): void {
    this.#unsynced = 0;
    const syncing = syncData(this.#handle);
    this.#syncing = syncing;
    syncing.then(
      () => {
        this.#syncing = undefined;
      },
      () => {}, // stays, for `flush` to throw
    );
  }
}

/** Buffers of finished writers, for the next ones. */
const free: Buffer[] = [];
let writers = 0;

/** Two for a writer, which has to return them. */
function takeBuffers(size: number): [Buffer, Buffer] {
  const length = SMALLER_FROM.find((step) => writers >= step.writers)?.size ?? WRITE_SIZE;
  writers += 1;
  const take = () => {
    const kept = length === WRITE_SIZE && size >= length ? free.pop() : undefined;
    return kept ?? Buffer.allocUnsafeSlow(Math.min(size, length));
  };
  return [take(), take()];
}

function returnBuffers(...buffers: readonly [Buffer, Buffer]): void {
  writers -= 1;
  for (const buffer of buffers) if (buffer.length === WRITE_SIZE && free.length < MAX_FREE) free.push(buffer);
}
