import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { changedMeanwhile, identify, type PlannedFile, unreadable } from './transfer/source-file.ts';

/** Bytes read from the file at once. */
const READ_SIZE = 256 * 1024;

/**
 * The file's bytes. The last of them are held back until all are known to be those that were planned, and the file to
 * be what it was: one that is written again, or replaced, may not be what is to be published any more.
 * @throws OtaError `preflight_refused` when it changed, `usage` when it cannot be read any more
 */
export async function* readUnchanged(file: PlannedFile): AsyncGenerator<Uint8Array> {
  const { size, sha256 } = file;
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
    throw changedMeanwhile(file);
  }
  if (heldBack !== undefined) yield heldBack;
}

async function* readFile(planned: PlannedFile): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(planned.file, { highWaterMark: READ_SIZE });
  } catch (error) {
    throw unreadable(planned, error as Error);
  }
}
