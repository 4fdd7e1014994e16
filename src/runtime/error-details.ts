import { constants } from 'node:os';

/** Why something failed, from whatever was thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // OpenSSL's message is a line of numbers and places in its source, with the reason in it.
  const isOfTls = 'library' in error && 'reason' in error && typeof error.reason === 'string';
  return isOfTls ? String(error.reason) : error.message;
}

export function firstLineOf(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? '';
}

/** Whether a disk is full, or a quota on it used up: from an error of the file system, of SQLite or of this program. */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL' || code === 'no_space') return true;
  // Node has no name for a quota that is exceeded.
  return (
    typeof error === 'object' && error !== null && 'errno' in error && error.errno === -constants.errno.EDQUOT
  );
}

/** The code of an error of Node or of a driver: `ENOENT`, an SQLSTATE. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
