import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { Kysely } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Schema } from '../schema.ts';
import type { ReadOnlyStore } from './open-read-only.ts';
import { connectSqlite } from './sqlite-connection.ts';
import { ImmediateSqliteDialect } from './sqlite-dialect.ts';
import { findBrokenReferences, findCorruption } from './threads/check-integrity.ts';

/** Pages that are copied at once; in between the process can be interrupted. */
const PAGES_AT_ONCE = 2000;
/** What SQLite puts beside a database while it is open. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

/**
 * Reads a store as it is at one moment, however long that takes and whatever is written to it. Nothing is written by
 * this, and no checkpoint is made, which programs that replicate the -wal rely on.
 */
export async function atOneMoment<T>({ connection }: ReadOnlyStore, read: () => Promise<T>): Promise<T> {
  connection.exec('begin; select 1 from sqlite_schema limit 1'); // the moment is that of the first read
  try {
    return await read();
  } finally {
    connection.exec('rollback');
  }
}

/**
 * Copies a database to a new file, with SQLite's online backup; inside `atOneMoment`, as it is then. The copy is durable,
 * checked, and can be opened without a -wal. One that a crash left there is replaced.
 * @param change made in the copy only
 * @throws OtaError `verification_failed` when it is damaged
 */
export async function copyDatabase(
  { connection }: ReadOnlyStore,
  file: string,
  change: (copy: Kysely<Schema>) => Promise<void>,
): Promise<void> {
  removeDatabase(file);
  closeSync(openSync(file, 'wx', 0o600)); // as secret as the store itself
  await connection.backup(file, { progress: () => PAGES_AT_ONCE });
  const copy = await connectSqlite(file, {});
  const queries = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: copy }) });
  try {
    copy.pragma('trusted_schema = OFF');
    copy.pragma('journal_mode = DELETE');
    const problems = findCorruption(copy);
    if (problems.length === 0) problems.push(...findBrokenReferences(copy));
    if (problems.length > 0) throw damagedSource(connection.name, problems);
    await change(queries);
  } finally {
    await queries.destroy();
  }
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Removes a database file, and what belongs to it. */
export function removeDatabase(file: string): void {
  for (const companion of [...COMPANIONS, '']) rmSync(file + companion, { force: true });
}

function damagedSource(file: string, problems: readonly string[]): OtaError {
  return new OtaError('verification_failed', `${file} is damaged: ${problems[0]}`, {
    hint: '`synckit-ota fsck` shows all of it; restore an earlier backup. Earlier backups are unchanged.',
  });
}
