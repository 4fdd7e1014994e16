import type { Kysely } from 'kysely';
import type { OtaError } from '../errors.ts';
import type { Clock } from '../protocol/time.ts';
import type { Schema } from './schema.ts';

/** The metadata store, open and at the current schema. */
export interface Database {
  readonly queries: Kysely<Schema>;
  /** Where it is, for people: a file, or host and name without credentials. */
  readonly location: string;
  /** The time that is recorded and compared: of this machine, or of a server that several share. */
  readonly clock: Clock;
  /**
   * A number that differs from an earlier one if anything was committed in between, by this process or another.
   * Cheap enough for every request. Throws when the store cannot be asked.
   *
   * On PostgreSQL a change by another process is told within milliseconds; where nobody can tell, the number differs
   * once a second. A commit by this process counts at once.
   */
  changeCounter(): number;
  /**
   * Takes the right to serve artifacts from a disk, for as long as this process lives: of several nodes on one
   * database each would have some of the files only. A data folder's own store needs nothing more than its lock.
   * @param onLost called when another process has the right after the connection was lost
   * @throws OtaError `store_unavailable` when another process has it
   */
  lockDisk(onLost: (cause: OtaError) => void): Promise<void>;
  close(): Promise<void>;
}
