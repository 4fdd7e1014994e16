import { type FileHandle, open, opendir, stat, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import type { ContentDigest, DigestOptions } from '../artifact-storage.ts';
import { StreamDigest } from '../stream-digest.ts';

/** Bytes gathered before a write: at 16 KiB a PUT takes twice as long. */
const WRITE_SIZE = 1024 * 1024;

/** Writes a stream to a new file and hashes it. Not yet durable: see `sync`. */
export async function writeHashed(
  handle: FileHandle,
  body: AsyncIterable<Buffer>,
  options: DigestOptions,
): Promise<ContentDigest | 'size_differs'> {
  const digest = new StreamDigest(options);
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing; // one write at a time, in order, while the next bytes arrive
    writing = writeAll(handle, gathered, gatheredBytes);
    writing.catch(() => {}); // awaited by the next flush; without this, a rejection before that counts as unhandled
    gathered = [];
    gatheredBytes = 0;
  };
  for await (const chunk of body) {
    if (!digest.update(chunk)) return 'size_differs';
    gathered.push(chunk);
    gatheredBytes += chunk.length;
    if (gatheredBytes >= WRITE_SIZE) await flush();
  }
  await flush();
  await writing;
  return digest.finish();
}

/** `writev` may write less than it was given, as on a disk that is filling up. */
async function writeAll(handle: FileHandle, pieces: Buffer[], length: number): Promise<void> {
  if (length === 0) return;
  const { bytesWritten } = await handle.writev(pieces);
  if (bytesWritten < length) await handle.writeFile(Buffer.concat(pieces).subarray(bytesWritten));
}

/** @throws OtaError `durability_lost`: after a failed fsync the next one would succeed, though the bytes are lost */
export async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (cause) {
    throw new OtaError('durability_lost', `fsync failed: ${messageOf(cause)}`, { cause });
  }
}

export async function syncFolder(folder: string): Promise<void> {
  if (platform() === 'win32') return; // a folder cannot be opened there; NTFS journals its entries
  const handle = await open(folder, 'r');
  try {
    await sync(handle);
  } finally {
    await handle.close();
  }
}

export async function unlinkIfThere(file: string): Promise<void> {
  await unlink(file).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw toDiskError(error);
  });
}

/** The names of the files in a folder that were last written before `olderThan`. */
export async function* filesOlderThan(folder: string, olderThan: Date): AsyncIterable<string> {
  for await (const entry of await opendir(folder)) {
    const stats = await stat(join(folder, entry.name)).catch(() => undefined);
    if (stats?.isFile() && stats.mtime < olderThan) yield entry.name;
  }
}

/** The `OtaError` for a full or broken disk; any other error unchanged. */
export function toDiskError(error: unknown): unknown {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OtaError('no_space', 'the disk of the data folder is full', { cause: error });
  }
  if (code === 'EIO') return new OtaError('durability_lost', 'the disk failed', { cause: error });
  return error;
}
