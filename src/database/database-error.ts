import { AbortedTransactionError } from 'kysely';
import { OtaError } from '../errors.ts';

/** A query that breaks the schema is a mistake in this program, not a failure of the store. */
const MISTAKES = /^SQLITE_CONSTRAINT_(CHECK|FOREIGNKEY|NOTNULL|PRIMARYKEY|UNIQUE)$/;
/** The same as PostgreSQL has it (its manual, appendix A): data exceptions and broken constraints. */
const POSTGRES_MISTAKES = /^2[23]/;
/** Classes of errors after which a session is over, or the server itself is in trouble. */
const POSTGRES_ENDS = /^(08|57P|58|XX|25P0)/;

/** What to do about SQLSTATE 25006. */
export const READ_ONLY_HINT = 'Name the primary server in --database; this one is read-only.';

/**
 * What a failed query means, or undefined when the error does not come from the database (or says so itself).
 * An I/O error of SQLite leaves the durability of earlier commits unknown (SQLite, "How To Corrupt", and fsync's
 * semantics); PostgreSQL looks after that by itself.
 */
export function databaseFailure(error: unknown): OtaError | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code !== 'string') return undefined;
  if (isPostgresError(error)) return postgresFailure(code, error);
  return code.startsWith('SQLITE_') ? sqliteFailure(code, error) : undefined;
}

function sqliteFailure(code: string, cause: unknown): OtaError | undefined {
  if (code === 'SQLITE_FULL') return new OtaError('no_space', 'the disk of the store is full', { cause });
  if (code.startsWith('SQLITE_IOERR')) {
    return new OtaError('durability_lost', `the store's disk failed (${code})`, { cause });
  }
  if (MISTAKES.test(code)) return undefined;
  return new OtaError('store_unavailable', `the store cannot answer (${code})`, {
    cause,
    hint: 'Try again; if it stays so, look at the disk and restore a backup.',
  });
}

function postgresFailure(code: string, cause: unknown): OtaError | undefined {
  if (code === '53100') return new OtaError('no_space', 'the disk of the database is full', { cause });
  if (POSTGRES_MISTAKES.test(code)) return undefined;
  if (code === '25006') {
    return new OtaError('store_unavailable', 'the database cannot be written', {
      cause,
      hint: READ_ONLY_HINT,
    });
  }
  return new OtaError('store_unavailable', `the database cannot answer (${code})`, {
    cause,
    hint: "Try again; if it stays so, look at PostgreSQL's log.",
  });
}

/** Whether PostgreSQL itself answered so, with an SQLSTATE as `code`: Node's own errors may have such codes too. */
function isPostgresError(error: unknown): error is { code: string } {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
}

/** Whether a session can take no further queries after this error. */
export function endsSession(error: unknown): boolean {
  return !isPostgresError(error) || POSTGRES_ENDS.test(error.code);
}

/** What it means that the database does not answer at all. */
export function unreachable(cause: unknown): OtaError {
  if (cause instanceof OtaError) return cause;
  return new OtaError('store_unavailable', `the database cannot be reached: ${reasonOf(cause)}`, {
    cause,
    hint: 'Poll whether PostgreSQL runs; this program connects again by itself.',
  });
}

/** What it means that a commit failed: refused, and surely rolled back, or nobody knows. */
export function commitFailure(cause: unknown): unknown {
  if (cause instanceof AbortedTransactionError || !endsSession(cause)) return cause;
  return new OtaError('outcome_unknown', `the database went away during a commit: ${reasonOf(cause)}`, {
    cause,
    hint: 'Poll at what is there now, and try again if it is missing.',
  });
}

/** Whether nothing may be acknowledged any more after this error, of a query or of a file. */
export function isDurabilityLost(error: unknown): boolean {
  const failure = error instanceof OtaError ? error : databaseFailure(error);
  return failure?.code === 'durability_lost';
}

/**
 * Whether a transaction that ended with this error may have been committed all the same: after a failed fsync, and
 * where the connection was lost while it was.
 */
export function mayBeCommitted(error: unknown): boolean {
  return isDurabilityLost(error) || (error instanceof OtaError && error.code === 'outcome_unknown');
}

function reasonOf(cause: unknown): string {
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
