import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OtaError } from '../errors.ts';

/** Bytes read from the file at once. */
const READ_SIZE = 256 * 1024;

/** A file as it was when it was planned. */
export interface PlannedFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/**
 * The file's bytes. The last of them are held back until all are known to be those that were planned, and the file to
 * be what it was: one that is written again, or replaced, may not be what is to be published any more.
 * @throws OtaError `preflight_refused` when it changed, `usage` when it cannot be read any more
 */
export async function* readUnchanged({ file, size, sha256 }: PlannedFile): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const opened = await identify(file);
  let read = 0;
  let heldBack: Buffer | undefined;
  for await (const chunk of readFile(file)) {
    hash.update(chunk);
    if (read + (heldBack?.length ?? 0) + chunk.length > size) break; // what is held back would be the last of it
    if (heldBack !== undefined) {
      yield heldBack;
      read += heldBack.length;
    }
    heldBack = chunk;
  }
  const planned = read + (heldBack?.length ?? 0) === size && hash.digest('hex') === sha256;
  if (!planned || opened !== (await identify(file))) {
    throw new OtaError('preflight_refused', `${file} changed while it was being uploaded`, {
      hint: 'Publish again once nothing writes to the file any more.',
    });
  }
  if (heldBack !== undefined) yield heldBack;
}

/** What differs once a file is written or another takes its place; undefined when there is none. */
async function identify(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`;
}

async function* readFile(file: string): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: READ_SIZE });
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read any more: ${(cause as Error).message}`, { cause });
  }
}
