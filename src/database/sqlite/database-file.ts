import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { RUN_AS_ITS_USER } from '../../runtime/private-file.ts';

// What a store's files show before SQLite opens them, and perhaps changes them: it would apply a foreign -wal
// to a database that was just restored, and delete the -wal of one that was cut to zero bytes.

/** What to do where a store is damaged. */
export const RESTORE_HINT =
  'Restore a backup into another folder with `synckit-ota restore <backup> --data-dir <folder>`; leave the damaged one as it is until that works.';

const MAGIC = 'SQLite format 3\0';
const HEADER_SIZE = 100;
/** The version of the file format in the header, for WAL; with a rollback journal it is 1. */
const WAL_FORMAT = 2;
const WAL_HEADER_SIZE = 32;
const WAL_FRAME_HEADER_SIZE = 24;
/** https://www.sqlite.org/fileformat2.html#the_rollback_journal */
const JOURNAL_MAGIC = 'd9d505f920a163d7';
const JOURNAL_HEADER_SIZE = 28;

/** What the main file of a SQLite database says of itself, without its -wal. */
interface MainFile {
  readonly bytes: number;
  readonly pageSize: number;
  /** Whether it was ever written in WAL mode: copies that SQLite makes of a database were not. */
  readonly usesWal: boolean;
  /** The size that it should have, in bytes; undefined where the header does not know. */
  readonly expectedBytes: number | undefined;
  /** Whether there is room for a table: the first page only lists them. */
  readonly hasTables: boolean;
}

export interface DatabaseFileOptions {
  /** Whether files are stored beside the database that it must have records of. */
  readonly hasFiles: () => boolean;
}

/**
 * Refuses a database file that SQLite would open although it is not the store's, or not all of it.
 * @throws OtaError `store_unavailable`
 */
export function requireUsableDatabase(file: string, { hasFiles }: DatabaseFileOptions): void {
  const stats = statDatabase(file);
  if (stats !== undefined && !stats.isFile()) {
    throw refused(`${file} is not a file`, 'Put the database in its place, or restore a backup.');
  }
  const hasWal = hasWalFrames(`${file}-wal`);
  const main = stats === undefined || stats.size === 0 ? undefined : readMainFile(file);
  if (main === undefined) {
    const state = stats === undefined ? 'is missing' : 'is empty';
    if (hasWal) throw refused(`${file} ${state}, although its -wal has changes for it`, PUT_BACK_HINT);
    if (hasFiles()) throw refused(`${file} ${state}, although there are files beside it`, PUT_BACK_HINT);
    if (stats !== undefined && !isBeingCreated(file)) throw refused(`${file} is empty`, EMPTY_HINT);
    return;
  }
  if (hasWal && !main.usesWal) {
    throw refused(`${file}-wal belongs to another database than the one beside it`, FOREIGN_WAL_HINT);
  }
  // A store in WAL mode had a rollback journal only while that mode was set, which leaves its size.
  const pages = readJournal(file)?.pages;
  const isForeign = pages !== undefined && pages !== main.bytes / main.pageSize;
  if (main.usesWal && main.hasTables && isForeign) {
    throw refused(`${file}-journal belongs to another database than the one beside it`, FOREIGN_JOURNAL_HINT);
  }
  if (hasWal) return; // the rest of the database may be in there
  if (!main.hasTables && hasFiles()) {
    throw refused(`${file} has no tables, although there are files beside it`, WITHOUT_WAL_HINT);
  }
  if (!main.hasTables && !isBeingCreated(file)) throw refused(`${file} has no tables`, EMPTY_HINT);
  if (main.expectedBytes !== undefined && main.bytes < main.expectedBytes) {
    throw refused(`${file} is cut off: it has ${main.bytes} of ${main.expectedBytes} bytes`, RESTORE_HINT);
  }
}

/** The file that is beside a database until it has its tables: a crash of the first start leaves both. */
export function creationMarkOf(file: string): string {
  return `${file}.new`;
}

/** Whether a database without tables is not the copy of one without its -wal: another process may have finished it since. */
function isBeingCreated(file: string): boolean {
  if (statDatabase(creationMarkOf(file)) !== undefined || hasWalFrames(`${file}-wal`)) return true;
  return (statDatabase(file)?.size ?? 0) > 0 && readMainFile(file).hasTables;
}

/** Whether a store was not closed by its last process, or is open: changes are in its -wal. */
export function hasUnmergedChanges(file: string): boolean {
  return hasWalFrames(`${file}-wal`);
}

/** Whether a database that is there was ever written in WAL mode. @throws OtaError `store_unavailable` when it is none */
export function usesWal(file: string): boolean {
  return readMainFile(file).usesWal;
}

/** Whether nothing has opened a database for writing since SQLite made it as a copy. */
export function isUntouchedCopy(file: string): boolean {
  return !readMainFile(file).usesWal && !hasWalFrames(`${file}-wal`);
}

const PUT_BACK_HINT =
  'Put the database back, or restore a backup with `synckit-ota restore`; for a new store use an empty folder.';
const WITHOUT_WAL_HINT =
  'It was copied without its -wal, which had the content: copy that too, or restore a backup with `synckit-ota restore`.';
const EMPTY_HINT =
  'If it was copied without its -wal, which had the content, copy that too. If there never was a store, delete the file.';
const FOREIGN_WAL_HINT =
  'It was left by the database that was there before: move it and the -shm away, and the database is as it was put there.';

const FOREIGN_JOURNAL_HINT =
  'It was left by the database that was there before: move it away, and the database is as it was put there.';

function refused(message: string, hint: string): OtaError {
  return new OtaError('store_unavailable', message, { hint });
}

/**
 * @returns undefined when there is none
 * @throws OtaError `store_unavailable` when this user may not even see whether there is one
 */
export function statDatabase(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw cannotRead(file, error);
  }
}

function readMainFile(file: string): MainFile {
  const { bytes, start } = readStart(file, HEADER_SIZE);
  if (start.toString('latin1', 0, MAGIC.length) !== MAGIC || start.length < HEADER_SIZE) {
    throw refused(`${file} is not a SQLite database`, RESTORE_HINT);
  }
  const stored = start.readUInt16BE(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  // Only where both counters agree has the last writer kept the number of pages up to date.
  const knowsPages = start.readUInt32BE(24) === start.readUInt32BE(92);
  return {
    bytes,
    pageSize,
    usesWal: start[18] === WAL_FORMAT,
    expectedBytes: knowsPages ? start.readUInt32BE(28) * pageSize : undefined,
    hasTables: bytes > pageSize,
  };
}

/** Whether a -wal has a frame that SQLite would apply: one with the salts of its header. */
function hasWalFrames(file: string): boolean {
  if ((statDatabase(file)?.size ?? 0) < WAL_HEADER_SIZE + WAL_FRAME_HEADER_SIZE) return false;
  const { start } = readStart(file, WAL_HEADER_SIZE + WAL_FRAME_HEADER_SIZE);
  const salts = start.subarray(16, 24);
  return salts.equals(start.subarray(WAL_HEADER_SIZE + 8, WAL_HEADER_SIZE + 16));
}

/** Whether a change was interrupted before it was committed, without a -wal: SQLite undoes it with this journal. */
export function hasInterruptedChange(file: string): boolean {
  return readJournal(file) !== undefined;
}

/** @returns the number of pages that the database had; undefined where there is no journal that SQLite would apply */
function readJournal(file: string): { readonly pages: number } | undefined {
  const journal = `${file}-journal`;
  if ((statDatabase(journal)?.size ?? 0) < JOURNAL_HEADER_SIZE) return undefined;
  const { start } = readStart(journal, JOURNAL_HEADER_SIZE);
  return start.toString('hex', 0, 8) === JOURNAL_MAGIC ? { pages: start.readUInt32BE(16) } : undefined;
}

function readStart(file: string, length: number): { bytes: number; start: Buffer } {
  try {
    const handle = openSync(file, 'r');
    try {
      const start = Buffer.alloc(length);
      const read = readSync(handle, start, 0, length, 0);
      return { bytes: fstatSync(handle).size, start: start.subarray(0, read) };
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function cannotRead(file: string, cause: unknown): OtaError {
  return new OtaError('store_unavailable', `${file} cannot be read: ${messageOf(cause)}`, {
    cause,
    hint: errorCode(cause) === 'ENAMETOOLONG' ? 'Give a shorter --data-dir.' : RUN_AS_ITS_USER,
  });
}
