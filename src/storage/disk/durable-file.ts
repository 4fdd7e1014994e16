import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { OtaError } from '../../errors.ts';
import { errorCode, isNoSpace, messageOf } from '../../runtime/error-details.ts';
import { NotAFile } from '../regular-file.ts';

/** @throws OtaError `durability_lost`: after a failed fsync the next one would succeed, though the bytes are lost */
export async function sync(handle: FileHandle): Promise<void> {
  await handle.sync().catch(durabilityLost);
}

/** The same for a file's bytes and size alone. */
export async function syncData(handle: FileHandle): Promise<void> {
  await handle.datasync().catch(durabilityLost);
}

function durabilityLost(cause: unknown): never {
  throw new OtaError('durability_lost', `fsync failed: ${messageOf(cause)}`, { cause });
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

/** The same for a stored file. Nothing that was stored is in a folder of its name, so that a folder is left. */
export async function unlinkStored(file: string): Promise<void> {
  const stats = await lstat(file).catch(() => undefined);
  if (!stats?.isDirectory()) await unlinkIfThere(file);
}

/** Codes of a disk that cannot be written, or not now. */
const UNWRITABLE = [
  'EROFS',
  'EACCES',
  'EPERM',
  'EFBIG',
  'EMFILE',
  'ENFILE',
  'ENODEV',
  'ENXIO',
  'ESTALE',
  'ELOOP',
];

/** The `OtaError` for a full, broken or unwritable disk; any other error unchanged. */
export function toDiskError(error: unknown): unknown {
  if (error instanceof OtaError) return error;
  const code = errorCode(error);
  if (isNoSpace(error)) {
    return new OtaError('no_space', 'the disk of the data folder is full', { cause: error });
  }
  if (error instanceof NotAFile) {
    const hint = 'Put the file back from a backup, or remove what is in its place.';
    return new OtaError('store_unavailable', error.message, { cause: error, hint });
  }
  if (code === 'EIO') return new OtaError('durability_lost', 'the disk failed', { cause: error });
  if (code !== undefined && UNWRITABLE.includes(code)) {
    return new OtaError('store_unavailable', `the data folder cannot be written: ${messageOf(error)}`, {
      cause: error,
      hint: 'Check its permissions, whether its disk is mounted read-only, and the limits of the process.',
    });
  }
  return error;
}
