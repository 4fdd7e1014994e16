import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { errorCode } from '../runtime/error-details.ts';

/** For `open`: refuses a symbolic link. Windows has no such flag. */
export const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
/** Opening a pipe would wait for its other end. */
const READ = constants.O_RDONLY | NO_FOLLOW | (constants.O_NONBLOCK ?? 0);

/** A folder, symbolic link, pipe, socket or device is in the place of a file. */
export class NotAFile extends Error {
  readonly code = 'NOT_A_FILE';

  constructor(path: string) {
    super(`${path} is not a regular file`);
  }
}

export interface RegularFile {
  readonly handle: FileHandle;
  /** Bytes. */
  readonly size: number;
}

/**
 * Opens a stored file for reading. What else is in its place is neither followed nor waited for.
 * @throws NotAFile; the file system's error
 */
export async function openRegularFile(path: string): Promise<RegularFile> {
  requireFile(path, await lstat(path)); // first: to open a device may do something
  const handle = await open(path, READ).catch((error: unknown) => {
    throw errorCode(error) === 'ELOOP' ? new NotAFile(path) : error;
  });
  try {
    const stats = await handle.stat();
    requireFile(path, stats); // it may have been replaced
    return { handle, size: stats.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether a file is there that `openRegularFile` would open, if this user may read it. */
export async function isRegularFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() ?? false;
}

/** All bytes of a stored file. Rejects as `openRegularFile`. */
export async function* readRegularFile(path: string, chunkBytes: number): AsyncIterable<Buffer> {
  const { handle } = await openRegularFile(path);
  yield* handle.createReadStream({ highWaterMark: chunkBytes });
}

/** The text of a small file. Rejects as `openRegularFile`. */
export async function readRegularText(path: string): Promise<string> {
  const { handle } = await openRegularFile(path);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function requireFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new NotAFile(path);
}
