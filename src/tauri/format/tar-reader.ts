import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';

/** More than any app has: whoever makes an archive decides what reading it costs. */
export const MAX_MEMBERS = 100_000;
const MAX_UNPACKED_BYTES = 8 * 1024 ** 3;
const PIECE_BYTES = 256 * 1024;

/** What to read of a file in a tar: its first bytes. */
export interface TarSelection {
  readonly bytes: number;
  readonly take: (head: Buffer) => void;
  /** Whether the rest of the archive can be skipped. */
  readonly enough: () => boolean;
}

/**
 * Reads a tar, gzipped or not, and stops as soon as it has enough.
 * @param select what to read of the file at a path
 * @throws Error when it is damaged, or too large
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  select: (path: string) => TarSelection | undefined,
): Promise<void> {
  let failure: unknown;
  let enough = false;
  let members = 0;
  let bytes = 0;
  const onReadEntry = (entry: ReadEntry) => {
    if (++members > MAX_MEMBERS) failure ??= new Error(`it has more than ${MAX_MEMBERS} members`);
    const selection = entry.type === 'File' ? select(entry.path) : undefined;
    if (selection === undefined) return entry.resume();
    const chunks: Buffer[] = [];
    let kept = 0;
    entry.on('data', (chunk) => {
      if (kept < selection.bytes) chunks.push(chunk.subarray(0, selection.bytes - kept));
      kept += chunk.length;
    });
    entry.on('end', () => {
      selection.take(Buffer.concat(chunks));
      enough ||= selection.enough();
    });
  };
  const parser = new Parser({ strict: true, onReadEntry });
  parser.on('error', (error) => {
    failure ??= error;
  });
  // Whatever follows the end of the archive would be kept in memory.
  parser.on('eof', () => {
    enough = true;
  });
  const ended = new Promise<void>((resolve) => {
    parser.on('end', resolve).on('error', () => resolve());
  });
  for await (const chunk of unpacked(source)) {
    bytes += chunk.length;
    if (bytes > MAX_UNPACKED_BYTES)
      failure ??= new Error(`it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
    parser.write(chunk);
    if (enough || failure !== undefined) break;
  }
  if (!enough && failure === undefined) {
    parser.end();
    await ended;
  }
  if (!enough && failure !== undefined) throw failure;
}

/** In pieces of a size that does not depend on how well the archive is compressed. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    const first = await chunks.next();
    if (first.done) return;
    const whole = startingWith(first.value, chunks);
    const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
    if (!isGzip) yield* whole;
    else yield* pipeline(whole, createGunzip({ chunkSize: PIECE_BYTES }), () => {}); // it throws its error by itself
  } finally {
    await chunks.return?.(); // closes the file
  }
}

async function* startingWith(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
