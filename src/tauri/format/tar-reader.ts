import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';

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
 * @throws Error when it is damaged
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  select: (path: string) => TarSelection | undefined,
): Promise<void> {
  let failure: unknown;
  let enough = false;
  const onReadEntry = (entry: ReadEntry) => {
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
