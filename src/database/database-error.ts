import { AbortedTransactionError } from 'kysely';
import { OtaError } from '../errors.ts';
import { errorCode } from '../runtime/error-details.ts';

/** Violated constraints are bugs of this program, not failures of the database. */
const SQLITE_BUGS = /^SQLITE_CONSTRAINT_(CHECK|FOREIGNKEY|NOTNULL|PRIMARYKEY|UNIQUE)$/;
/** The same as SQLSTATE classes (PostgreSQL's manual, appendix A): data exceptions and violated constraints. */
const POSTGRES_BUGS = /^2[23]/;
/** SQLSTATE read_only_sql_transaction: of a standby, or of a primary that was demoted. */
export const READ_ONLY = '25006';
/** SQLSTATEs after which the session is over, or the server itself is in trouble, or is not the one to ask. */
const POSTGRES_SESSION_ENDS = /^(08|25006|57P|58|XX|25P0)/;
export const READ_ONLY_HINT = 'Point --database to the primary server; this one is read-only.';

/**
 * What a failed query means; undefined for errors that do not come from the database, or that are OtaErrors already.
 * Only SQLite loses durability by an I/O error ("How To Corrupt An SQLite Database File", and the semantics of fsync):
 * PostgreSQL recovers by itself.
 */
export function databaseFailure(error: unknown): OtaError | undefined {
  const code = errorCode(error);
  if (code === undefined) return undefined;
  if (isPostgresError(error)) return postgresFailure(code, error);
  return code.startsWith('SQLITE_') ? sqliteFailure(code, error) : undefined;
}

function sqliteFailure(code: string, cause: unknown): OtaError | undefined {
  if (code === 'SQLITE_FULL') return new OtaError('no_space', "the store's disk is full", { cause });
  if (code === 'SQLITE_IOERR_WRITE') {
    // Reported before the commit, unlike a failed sync. SQLite does not say why: of all reasons only ENOSPC is SQLITE_FULL.
    return new OtaError('store_unavailable', `the store's disk takes no more data (${code})`, {
      cause,
      hint: 'Check the quota and the limits on file sizes there, whether it is mounted read-only, and its health.',
    });
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return new OtaError('durability_lost', `the store's disk failed (${code})`, { cause });
  }
  if (SQLITE_BUGS.test(code)) return undefined;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new OtaError('store_unavailable', `the database is damaged (${code})`, {
      cause,
      hint: 'Stop the server, and restore a backup into another folder with `synckit-ota restore`.',
    });
  }
  return new OtaError('store_unavailable', `the database failed (${code})`, {
    cause,
    hint: 'Try again. If it keeps failing, check the disk, and the store with `synckit-ota fsck`.',
  });
}

function postgresFailure(code: string, cause: unknown): OtaError | undefined {
  if (code === '53100') return new OtaError('no_space', "the database's disk is full", { cause });
  if (POSTGRES_BUGS.test(code)) return undefined;
  if (code === READ_ONLY) {
    return new OtaError('store_unavailable', 'the database is read-only', { cause, hint: READ_ONLY_HINT });
  }
  return new OtaError('store_unavailable', `the database failed (${code})`, {
    cause,
    hint: "Try again. If it keeps failing, check PostgreSQL's log.",
  });
}

/** Whether the error is a response of PostgreSQL. The codes of Node's errors can look like an SQLSTATE, too. */
function isPostgresError(error: unknown): boolean {
  const severity =
    typeof error === 'object' && error !== null && 'severity' in error ? error.severity : undefined;
  return typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(errorCode(error) ?? '');
}

/** Whether a session can run no further queries after this error. */
export function endsSession(error: unknown): boolean {
  return !isPostgresError(error) || POSTGRES_SESSION_ENDS.test(errorCode(error) ?? '');
}

/** The failure when the database does not respond at all. */
export function unreachable(cause: unknown): OtaError {
  if (cause instanceof OtaError) return cause;
  return new OtaError('store_unavailable', `the database cannot be reached: ${reasonOf(cause)}`, {
    cause,
    hint: 'Check that PostgreSQL is running; this program reconnects by itself.',
  });
}

/** The failure of a commit: the error itself when the transaction was surely rolled back, else `outcome_unknown`. */
export function commitFailure(cause: unknown): unknown {
  if (cause instanceof AbortedTransactionError || !endsSession(cause)) return cause;
  return new OtaError('outcome_unknown', `the database was lost during a commit: ${reasonOf(cause)}`, {
    cause,
    hint: 'Check whether the change was made, and try again if it was not.',
  });
}

/** Whether nothing may be acknowledged any more after this error of a query or a file. */
export function isDurabilityLost(error: unknown): boolean {
  const failure = error instanceof OtaError ? error : databaseFailure(error);
  return failure?.code === 'durability_lost';
}

/**
 * Whether a transaction that failed with this error may have been committed: its fsync failed, its commit got lost, or
 * what SQLite writes after that.
 */
export function mayBeCommitted(error: unknown): boolean {
  const { code, cause } = error instanceof OtaError ? error : { code: undefined, cause: error };
  const isUnfinished = errorCode(cause) === 'SQLITE_IOERR_WRITE';
  return isUnfinished || isDurabilityLost(error) || code === 'outcome_unknown';
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error && cause.message) || errorCode(cause) || String(cause);
}
