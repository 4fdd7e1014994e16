import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import Type, { type Static } from 'typebox';
import { matches } from '../../protocol/validate.ts';
import { NO_FOLLOW } from '../regular-file.ts';
import type { ArrivedPart } from '../remote-storage.ts';
import { sync } from './durable-file.ts';

/** One line: a part that has arrived, or one that is about to be written again, which has no ETag until then. */
const LINE = Type.Object({
  part: Type.Integer({ minimum: 1 }),
  size: Type.Integer({ minimum: 1 }),
  etag: Type.Union([Type.String(), Type.Null()]),
});

const NEWLINE = '\n'.charCodeAt(0);

/**
 * Which parts of an upload are on the disk: a file that is only appended to, durably, one line of JSON a part. Of several
 * lines for a part the last counts; one that was cut off does not. Other processes append to it, too: each line is one
 * write, and what is known is what was read.
 *
 * Every method rejects with the file system's error, `ENOENT` once the journal is gone.
 */
export class PartJournal {
  readonly #file: string;
  readonly #parts = new Map<number, ArrivedPart>();
  /** How much of the file is read, in bytes. */
  #end = 0;
  /** Reads one after the other. */
  #reading: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** What is on the disk now, and durable. */
  async read(): Promise<ReadonlyMap<number, ArrivedPart>> {
    const handle = await open(this.#file, constants.O_RDWR | NO_FOLLOW);
    try {
      await this.#readOn(handle);
      await sync(handle); // another process may have appended a line a moment ago
    } finally {
      await handle.close();
    }
    return this.#parts;
  }

  /** Durable when it resolves. @returns all parts by then */
  async add(part: number, { size, etag }: ArrivedPart): Promise<ReadonlyMap<number, ArrivedPart>> {
    const handle = await open(this.#file, constants.O_RDWR | constants.O_APPEND | NO_FOLLOW);
    try {
      await append(handle, { part, size, etag });
      await this.#readOn(handle);
    } finally {
      await handle.close();
    }
    return this.#parts;
  }

  /** Durable when it resolves: from then on the part's bytes may be overwritten. */
  async remove(part: number): Promise<void> {
    const handle = await open(this.#file, constants.O_RDWR | constants.O_APPEND | NO_FOLLOW);
    try {
      await this.#readOn(handle);
      const known = this.#parts.get(part);
      if (known === undefined) return;
      await append(handle, { part, size: known.size, etag: null });
      this.#parts.delete(part);
    } finally {
      await handle.close();
    }
  }

  #readOn(handle: FileHandle): Promise<void> {
    const read = this.#reading.then(() => this.#readLines(handle));
    this.#reading = read.catch(() => {});
    return read;
  }

  async #readLines(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat();
    if (size <= this.#end) return;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - this.#end), { position: this.#end });
    const lines = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1);
    this.#end += lines.length;
    for (const { part, size: partSize, etag } of lines.toString().split('\n').flatMap(parseLine)) {
      if (etag === null) this.#parts.delete(part);
      else this.#parts.set(part, { size: partSize, etag });
    }
  }
}

/** Begins with a newline, as the line before may be cut off. */
async function append(handle: FileHandle, line: Static<typeof LINE>): Promise<void> {
  await handle.appendFile(`\n${JSON.stringify(line)}\n`);
  await sync(handle);
}

function parseLine(text: string): Static<typeof LINE>[] {
  try {
    const line: unknown = JSON.parse(text);
    return isLine(line) ? [line] : [];
  } catch {
    return []; // empty, or cut off
  }
}

function isLine(value: unknown): value is Static<typeof LINE> {
  return matches(LINE, value);
}
