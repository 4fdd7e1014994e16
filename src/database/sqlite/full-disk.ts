import { dirname } from 'node:path';
import type Sqlite from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { OtaError } from '../../errors.ts';
import { isFull } from '../../runtime/disk-room.ts';
import { errorCode } from '../../runtime/error-details.ts';

/** How SQLite reports a file that cannot be written or made longer. Only where it saw ENOSPC itself, it says FULL. */
const MAY_BE_FULL = /^SQLITE_(FULL|CANTOPEN|IOERR_(WRITE|TRUNCATE|SHMSIZE|SHMOPEN|SHMMAP))/;

/**
 * The failure of a database on a full disk, or with a used up quota.
 * @returns undefined for any other error
 */
export function fullDisk(file: string, error: unknown): OtaError | undefined {
  if (error instanceof OtaError) return undefined;
  const code = errorCode(error) ?? '';
  if (!MAY_BE_FULL.test(code) || (code !== 'SQLITE_FULL' && !isFull(dirname(file)))) return undefined;
  return new OtaError('no_space', `the disk of ${dirname(file)} is full`, {
    cause: error,
    hint: 'Free space there, and run the same command again.',
  });
}

/** A connection with queries that fail with `no_space` on a full disk, however SQLite calls it. */
export function withFullDisk(connection: Sqlite.Database): SqliteDatabase {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fullDisk(connection.name, error) ?? error;
    }
  };
  return {
    close: () => connection.close(),
    prepare(text): SqliteStatement {
      const statement = attempt(() => connection.prepare(text));
      return {
        reader: statement.reader,
        all: (parameters) => attempt(() => statement.all(parameters)),
        run: (parameters) => attempt(() => statement.run(parameters)),
        iterate: (parameters) => attempt(() => statement.iterate(parameters)) as IterableIterator<unknown>,
      };
    },
  };
}
