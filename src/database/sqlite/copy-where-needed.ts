import { accessSync, constants, copyFileSync, existsSync, mkdtempSync, rmSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { hasInterruptedChange, statDatabase, usesWal } from './database-file.ts';

const UNWRITABLE = ['EROFS', 'EACCES', 'EPERM'];
/** What belongs to a database that was not closed; the -shm is made anew from the -wal. */
const PARTS = ['', '-wal', '-journal'];
const ATTEMPTS = 5;

/** A database in a folder of its own. */
export interface DatabaseCopy {
  readonly file: string;
  remove(): void;
}

/** Whether nothing can be created beside a file: on a read-only medium, or in another user's folder. */
export function isInUnwritableFolder(file: string): boolean {
  try {
    accessSync(dirname(file), constants.W_OK);
    return false;
  } catch (error) {
    return UNWRITABLE.includes(errorCode(error) ?? '');
  }
}

/**
 * Copies a database to this machine's temporary folder if it cannot be read where it is: SQLite opens one in WAL mode only
 * with files beside it that it may have to create, and undoes an interrupted change before it reads.
 * @param keepsAll whether such a change is not undone in place
 * @returns undefined if it can be opened where it is
 * @throws OtaError `store_unavailable` when it is being changed, or cannot be copied
 */
export function copyWhereNeeded(file: string, keepsAll: boolean): DatabaseCopy | undefined {
  if (!statDatabase(file)?.size) return undefined;
  const isUnwritable = isInUnwritableFolder(file);
  if (hasInterruptedChange(file)) return isUnwritable || keepsAll ? copy(file) : undefined;
  const isOpen = existsSync(`${file}-wal`) && existsSync(`${file}-shm`); // by a server that can write there
  return isUnwritable && usesWal(file) && !isOpen ? copy(file) : undefined;
}

function copy(file: string): DatabaseCopy {
  const folder = mkdtempSync(join(tmpdir(), 'synckit-ota-')); // 0700: it has secrets
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = stateOf(file);
      for (const part of PARTS) copyPart(file + part, join(folder, basename(file) + part));
      if (stateOf(file) === before) return { file: join(folder, basename(file)), remove };
    }
    throw new Error('it is being changed');
  } catch (cause) {
    remove();
    throw new OtaError('store_unavailable', `${file} cannot be copied to ${tmpdir()}: ${messageOf(cause)}`, {
      cause,
      hint: 'It cannot be read where it is without a change. TMPDIR names another folder for the copy.',
    });
  }
}

function copyPart(from: string, to: string): void {
  rmSync(to, { force: true });
  if (existsSync(from)) copyFileSync(from, to);
}

/** Changes when the database does. */
function stateOf(file: string): string {
  const states = PARTS.map((part) => statDatabase(file + part));
  return states.map((stats: Stats | undefined) => `${stats?.ino} ${stats?.size} ${stats?.mtimeMs}`).join();
}
