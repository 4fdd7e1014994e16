import type { Kysely } from 'kysely';
import type { OtaError } from '../errors.ts';
import type { Clock } from '../protocol/time.ts';
import type { Schema } from './schema.ts';

/** A database that is open and at the current schema. */
export interface Database {
  readonly queries: Kysely<Schema>;
  /** Where it is, for people: a file, or host and name without credentials. */
  readonly location: string;
  /** The time to record and compare: this machine's, or that of the server that several nodes share. */
  readonly clock: Clock;
  /**
   * A number that changes when anything is committed, by this process or another. Cheap enough for every request.
   * Throws when the database cannot be read.
   *
   * On PostgreSQL it changes within milliseconds of another node's commit; while no notifications arrive, once a second.
   */
  changeCounter(): number;
  /**
   * Locks the right to serve artifacts from a disk until the database is closed: of several nodes on one database, each
   * disk would hold only some of the files. SQLite needs no more than the lock of its data folder.
   * @param onLost called when another process has acquired the lock after a loss of connection
   * @throws OtaError `store_unavailable` when another process has it
   */
  lockDisk(onLost: (cause: OtaError) => void): Promise<void>;
  close(): Promise<void>;
}
