import { OtaError } from '../errors.ts';

/** A query that breaks the schema is a mistake in this program, not a failure of the store. */
const MISTAKES = /^SQLITE_CONSTRAINT_(CHECK|FOREIGNKEY|NOTNULL|PRIMARYKEY|UNIQUE)$/;

/**
 * What a failed query means, or undefined when the error does not come from the database.
 * An I/O error leaves the durability of earlier commits unknown (SQLite, "How To Corrupt", and fsync's semantics).
 */
export function databaseFailure(error: unknown): OtaError | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined;
  if (code === 'SQLITE_FULL')
    return new OtaError('no_space', 'the disk of the store is full', { cause: error });
  if (code.startsWith('SQLITE_IOERR')) {
    return new OtaError('durability_lost', `the store's disk failed (${code})`, { cause: error });
  }
  if (MISTAKES.test(code)) return undefined;
  return new OtaError('store_unavailable', `the store cannot answer (${code})`, {
    cause: error,
    hint: 'Try again; if it stays so, look at the disk and restore a backup.',
  });
}
