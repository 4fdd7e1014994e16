import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';

/** What is wanted of an entry: its first bytes. */
export interface Wanted {
  readonly bytes: number;
  readonly take: (head: Buffer) => void;
  /** Whether the rest of the archive need not be read. */
  readonly enough: () => boolean;
}

/**
 * Walks a tar, gzipped or not, and stops as soon as it has enough.
 * @param want what is wanted of the file at a path, if anything is
 * @throws when it is damaged
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  want: (path: string) => Wanted | undefined,
): Promise<void> {
  let failure: unknown;
  let enough = false;
  const onReadEntry = (entry: ReadEntry) => {
    const wanted = entry.type === 'File' ? want(entry.path) : undefined;
    if (wanted === undefined) return entry.resume();
    const chunks: Buffer[] = [];
    let kept = 0;
    entry.on('data', (chunk) => {
      if (kept < wanted.bytes) chunks.push(chunk.subarray(0, wanted.bytes - kept));
      kept += chunk.length;
    });
    entry.on('end', () => {
      wanted.take(Buffer.concat(chunks));
      enough ||= wanted.enough();
    });
  };
  const parser = new Parser({ strict: true, onReadEntry });
  parser.on('error', (error) => {
    failure ??= error;
  });
  const ended = new Promise<void>((resolve) => {
    parser.on('end', resolve).on('error', () => resolve());
  });
  for await (const chunk of source) {
    parser.write(chunk);
    if (enough || failure !== undefined) break;
  }
  if (!enough && failure === undefined) {
    parser.end();
    await ended;
  }
  if (!enough && failure !== undefined) throw failure;
}
