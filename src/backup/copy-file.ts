import { constants, createReadStream } from 'node:fs';
import { copyFile, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { OtaError } from '../errors.ts';
import { errorCode, isNoSpace, messageOf } from '../runtime/error-details.ts';
import { freeBuffer } from '../runtime/used-buffers.ts';
import { digestProblem, type FileProblem, type HashedRecord } from '../storage/compare-files.ts';
import { sync } from '../storage/disk/durable-file.ts';
import { writeHashed } from '../storage/disk/write-hashed.ts';
import { isRegularFile, openRegularFile, type RegularFile } from '../storage/regular-file.ts';
import { digestStream } from '../storage/stream-digest.ts';

const READ_SIZE = 1024 * 1024;

/** A served file that is open, so that it can be read to its end although it is removed. */
export interface OpenFile<R extends HashedRecord = HashedRecord> {
  readonly record: R;
  readonly path: string;
  readonly handle: FileHandle;
}

/** What opening a recorded file led to; `gone`: there is none. */
export type OpenResult<R extends HashedRecord> =
  | { readonly kind: 'open'; readonly file: OpenFile<R> }
  | { readonly kind: 'gone' }
  | { readonly kind: 'damaged'; readonly problem: FileProblem };

export interface CopyFileTarget {
  /** Where the file is to be. */
  readonly path: string;
  /** Where it is until it is complete, on the same file system. */
  readonly unfinished: string;
  /** The folder that the copy is made in, for people. */
  readonly folder: string;
}

/** Opens a recorded file, and compares its size. */
export async function openRecorded<R extends HashedRecord>(path: string, record: R): Promise<OpenResult<R>> {
  let opened: RegularFile;
  try {
    opened = await openRegularFile(path);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? { kind: 'gone' } : { kind: 'damaged', problem: 'unreadable' };
  }
  const { handle, size } = opened;
  if (size === record.size) return { kind: 'open', file: { record, path, handle } };
  await handle.close();
  return { kind: 'damaged', problem: 'wrong_size' };
}

/**
 * Copies a file durably, and compares the copy's hash with the record. Where the file system can share the blocks of
 * files, it does. Nothing is at the target unless it is right.
 * @returns what is wrong with the file; undefined when it was copied
 * @throws OtaError `no_space`, `durability_lost`, `store_unavailable` when the target cannot be written
 */
export async function copyVerified(
  { record, path, handle }: OpenFile,
  target: CopyFileTarget,
): Promise<FileProblem | undefined> {
  const { unfinished } = target;
  try {
    const isClone = await clone(path, unfinished);
    const copy = await open(unfinished, isClone ? 'r+' : 'w+', 0o600);
    try {
      const options = { size: record.size, blake2b512: false };
      const digest = isClone
        ? await digestStream(readFrom(copy), options)
        : await writeHashed({ handle: copy, file: unfinished }, readSource(handle), options);
      const problem = digestProblem(record, digest);
      if (problem !== undefined) {
        await rm(unfinished, { force: true });
        return problem;
      }
      await copy.chmod(0o600);
      await sync(copy);
    } finally {
      await copy.close();
    }
    await rename(unfinished, target.path);
    return undefined;
  } catch (error) {
    if (error instanceof UnreadableSource) {
      await rm(unfinished, { force: true });
      return 'unreadable';
    }
    throw toTargetError(error, target.folder);
  }
}

/** Makes a copy that shares its blocks with the original. @returns false where that is not possible */
export async function clone(path: string, copy: string): Promise<boolean> {
  await rm(copy, { force: true });
  if (!(await isRegularFile(path))) return false;
  return copyFile(path, copy, constants.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
}

class UnreadableSource extends Error {}

async function* readSource(handle: FileHandle): AsyncIterable<Buffer> {
  try {
    for await (const chunk of readFrom(handle)) {
      yield chunk;
      freeBuffer(chunk); // it was copied
    }
  } catch (cause) {
    throw new UnreadableSource(messageOf(cause), { cause });
  }
}

function readFrom(handle: FileHandle): AsyncIterable<Buffer> {
  return createReadStream('', { fd: handle, autoClose: false, start: 0, highWaterMark: READ_SIZE });
}

/** What a failure to write a copy means. */
export function toTargetError(error: unknown, folder: string): unknown {
  if (error instanceof OtaError) return error;
  const code = errorCode(error) ?? '';
  if (isNoSpace(error)) {
    return new OtaError('no_space', `the disk of ${folder} is full`, {
      cause: error,
      hint: 'Free space there, or choose a folder on another disk, and run the same command again.',
    });
  }
  if (/^(E[A-Z]+|SQLITE_IOERR_WRITE)$/.test(code)) {
    return new OtaError('store_unavailable', `${folder} cannot be written: ${messageOf(error)}`, {
      cause: error,
      hint: 'Choose a folder that this user can write to.',
    });
  }
  return error;
}
