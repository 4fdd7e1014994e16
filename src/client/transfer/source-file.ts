import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { countUsedBuffer } from '../../runtime/used-buffers.ts';
import type { BufferPool, LentBuffer } from './buffer-pool.ts';
import { findIdentity, identityOf } from './file-identity.ts';

/** Bytes read from the file at once. */
const READ_SIZE = 1024 * 1024;
/** Bytes handed to the network at once. Each shows that an upload still moves, so they are smaller than a read. */
const CHUNK_SIZE = 256 * 1024;

export interface ExpectedFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** What `findIdentity` returned before it was hashed; undefined if that is unknown. */
  readonly identity?: string | undefined;
}

export interface FilePart extends LentBuffer {
  /** From 1. */
  readonly number: number;
}

export interface PartsOptions {
  /** Bytes of each part but the last. */
  readonly partSize: number;
  /** Whether a part is to be sent; the others are read at most for the hash. */
  readonly isWanted: (number: number) => boolean;
  readonly buffers: BufferPool;
}

/**
 * A file that is read once, and sent to its end only if it is still the file that was inspected, as a running build may
 * write or replace it: the last bytes are held back until size, hash and identity have been compared. For a file in parts
 * it is enough that the identity is known and the same: extension `multipart` has the server compare the hash.
 * Reading throws the OtaErrors `preflight_refused` when it changed, `usage` when it cannot be read any more.
 */
export class SourceFile {
  readonly #expected: ExpectedFile;

  constructor(expected: ExpectedFile) {
    this.#expected = expected;
  }

  get size(): number {
    return this.#expected.size;
  }

  get sha256(): string {
    return this.#expected.sha256;
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    const reader = await VerifyingReader.open(this.#expected, { hashes: true });
    try {
      do {
        // Not reused: the network may still hold the one before.
        const block = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, reader.left));
        await reader.fill(block);
        if (reader.left === 0) await reader.requireUnchanged();
        yield* chunksOf(block);
        countUsedBuffer(block.length);
      } while (reader.left > 0);
    } finally {
      await reader.close();
    }
  }

  async *parts({ partSize, isWanted, buffers }: PartsOptions): AsyncGenerator<FilePart> {
    const hashes = this.#expected.identity === undefined;
    const reader = await VerifyingReader.open(this.#expected, { hashes });
    const bufferSize = Math.min(partSize, this.size);
    try {
      for (let number = 1; reader.left > 0; number++) {
        const size = Math.min(partSize, reader.left);
        const buffer = isWanted(number) ? await buffers.take(bufferSize) : undefined;
        try {
          if (buffer) await reader.fill(buffer.bytes.subarray(0, size));
          else await reader.skip(size);
          if (reader.left === 0) await reader.requireUnchanged();
        } catch (error) {
          buffer?.release();
          throw error;
        }
        if (buffer) yield { number, bytes: buffer.bytes.subarray(0, size), release: buffer.release };
      }
    } finally {
      await reader.close();
    }
  }
}

/** Bytes in pieces as the network takes them, without copying. */
export function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_SIZE) yield bytes.subarray(at, at + CHUNK_SIZE);
}

interface OpenSource {
  readonly handle: FileHandle;
  /** Undefined if it is not compared. */
  readonly hash: Hash | undefined;
  /** It has to have the same in the end. */
  readonly identity: string;
}

class VerifyingReader {
  readonly #expected: ExpectedFile;
  readonly #handle: FileHandle;
  readonly #identity: string;
  readonly #hash: Hash | undefined;
  #position = 0;

  private constructor(expected: ExpectedFile, { handle, identity, hash }: OpenSource) {
    this.#expected = expected;
    this.#handle = handle;
    this.#identity = identity;
    this.#hash = hash;
  }

  /** The caller closes it. @param hashes whether to compare the hash, and not only the identity with the expected one */
  static async open(expected: ExpectedFile, { hashes }: { hashes: boolean }): Promise<VerifyingReader> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(expected.file);
      const identity = identityOf(await handle.stat());
      if (!hashes && identity !== expected.identity) throw changed(expected);
      return new VerifyingReader(expected, {
        handle,
        identity,
        hash: hashes ? createHash('sha256') : undefined,
      });
    } catch (error) {
      await handle?.close();
      throw error instanceof OtaError ? error : unreadable(expected, error);
    }
  }

  /** Bytes that were not read yet. */
  get left(): number {
    return this.#expected.size - this.#position;
  }

  /** Fills the memory, which is no larger than what is left. Hashes while it reads on. */
  async fill(target: Buffer): Promise<void> {
    let reading = this.#read(target, 0);
    for (let at = 0; at < target.length; ) {
      const next = at + (await reading);
      if (next === at) throw changed(this.#expected);
      if (next < target.length) reading = this.#read(target, next);
      this.#hash?.update(target.subarray(at, next));
      at = next;
    }
    this.#position += target.length;
  }

  /** Leaves out bytes that are not sent; they are read where the whole file is hashed. */
  async skip(size: number): Promise<void> {
    if (this.#hash === undefined) {
      this.#position += size;
      return;
    }
    const memory = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, size));
    for (let left = size; left > 0; left -= memory.length) await this.fill(memory.subarray(0, left));
  }

  /** To be called once, when all is read. */
  async requireUnchanged(): Promise<void> {
    const more = await this.#read(Buffer.alloc(1), 0); // it may have grown
    const { sha256 } = this.#expected;
    const isSame = more === 0 && (this.#hash?.digest('hex') ?? sha256) === sha256;
    if (!isSame || this.#identity !== (await findIdentity(this.#expected.file)))
      throw changed(this.#expected);
  }

  close(): Promise<void> {
    return this.#handle.close().catch(() => {}); // it was only read
  }

  async #read(target: Buffer, at: number): Promise<number> {
    const length = Math.min(READ_SIZE, target.length - at);
    try {
      return (await this.#handle.read(target, at, length, this.#position + at)).bytesRead;
    } catch (error) {
      throw unreadable(this.#expected, error);
    }
  }
}

function changed({ file }: ExpectedFile): OtaError {
  return new OtaError('preflight_refused', `${file} changed while it was being uploaded`, {
    hint: 'Publish again once no other process writes to the file.',
  });
}

function unreadable({ file }: ExpectedFile, cause: unknown): OtaError {
  return new OtaError('usage', `${file} cannot be read any more: ${messageOf(cause)}`, { cause });
}
