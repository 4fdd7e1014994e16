import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { OtaError, type OtaErrorCode } from '../../../errors.ts';
import { errorCode, messageOf } from '../../../runtime/error-details.ts';
import { databaseFailure } from '../../database-error.ts';
import { openSqliteFile } from '../sqlite-connection.ts';

/** What a -wal has, in pages. */
export interface WalState {
  readonly log: number;
  /** Those of them that are in the database, too. */
  readonly checkpointed: number;
}

/** How a checkpoint ended, as a thread reports it. */
export type CheckpointReply =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly code: OtaErrorCode; readonly message: string };

/** What a failed write tries, beside the database. */
const PROBE_SIZE = 4096;

/** Reads what a -wal has, which takes microseconds. */
export function walState(connection: Sqlite.Database): WalState {
  return checkpointBy(connection, 'NOOP');
}

/**
 * Copies what is in the -wal to the database. Never more than a passive checkpoint, which waits for no reader and leaves
 * the -wal in place, as programs that replicate it need. The last pages are copied while no one writes: else a server that is
 * always written to would never have copied all, and only then SQLite starts the -wal over.
 */
export class Checkpointer {
  readonly #file: string;
  readonly #connection: Sqlite.Database;
  /** Keeps others from writing. */
  readonly #writer: Sqlite.Database;

  private constructor(file: string, [connection, writer]: readonly [Sqlite.Database, Sqlite.Database]) {
    this.#file = file;
    this.#connection = connection;
    this.#writer = writer;
  }

  /** @throws OtaError `store_unavailable` */
  static async open(file: string): Promise<Checkpointer> {
    return new Checkpointer(file, [await openSqliteFile(file), await openSqliteFile(file)]);
  }

  /** @throws OtaError `durability_lost`; `no_space`, `store_unavailable` when it can be tried again */
  run(): void {
    try {
      checkpointBy(this.#connection, 'PASSIVE');
      const { log, checkpointed } = walState(this.#connection);
      if (log > checkpointed) this.#runAlone();
    } catch (error) {
      throw checkpointFailure(error, this.#file);
    }
  }

  close(): void {
    this.#connection.close();
    this.#writer.close();
  }

  #runAlone(): void {
    this.#writer.exec('begin immediate');
    try {
      checkpointBy(this.#connection, 'PASSIVE');
    } finally {
      this.#writer.exec('rollback');
    }
  }
}

function checkpointBy(connection: Sqlite.Database, mode: 'NOOP' | 'PASSIVE'): WalState {
  const [state] = connection.pragma(`wal_checkpoint(${mode})`) as readonly WalState[];
  return state ?? { log: 0, checkpointed: 0 };
}

/** What it means that a checkpoint failed. */
export function checkpointFailure(error: unknown, file: string): OtaError {
  if (error instanceof OtaError) return error;
  const message = `a checkpoint failed: ${messageOf(error)}`;
  if (errorCode(error) === 'SQLITE_IOERR_WRITE') {
    // Of all reasons only ENOSPC has a code of its own. What the disk refuses now is no data that is lost.
    const reason = refusedWrite(file);
    return reason === undefined
      ? new OtaError('durability_lost', message, { cause: error })
      : new OtaError('no_space', `${message} (${reason})`, { cause: error });
  }
  return new OtaError(databaseFailure(error)?.code ?? 'store_unavailable', message, { cause: error });
}

/** Why no file can have the size of the database, such as EDQUOT; undefined where one can, or the disk is broken. */
function refusedWrite(file: string): string | undefined {
  const probe = `${file}.probe`;
  try {
    const handle = openSync(probe, 'w', 0o600);
    try {
      writeSync(handle, Buffer.alloc(PROBE_SIZE), 0, PROBE_SIZE, statSync(file).size);
      return undefined;
    } finally {
      closeSync(handle);
      rmSync(probe, { force: true });
    }
  } catch (error) {
    return errorCode(error) === 'EIO' ? undefined : messageOf(error);
  }
}
