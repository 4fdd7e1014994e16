import type { Kysely } from 'kysely';
import type { OtaError } from '../errors.ts';
import type { Clock } from '../protocol/time.ts';
import type { Schema } from './schema.ts';

/** @param hasFailed whether the database has refused the query, or not answered */
export type QueryObserver = (seconds: number, hasFailed: boolean) => void;

export interface OpenOptions {
  /**
   * Called with the location of a store that does not exist, before it is created. An error prevents that, and leaves no
   * file or table behind.
   */
  readonly onNewStore?: (location: string) => void;
  /** Called with the location of a store of an earlier version, before it is migrated, which an error prevents. */
  readonly onOlderStore?: (location: string) => void;
  /** Called after each query, with how long it took. */
  readonly onQuery?: QueryObserver | undefined;
  /** SQLite: leaves all writes to another thread, so that this one never waits for the disk. PostgreSQL always does. */
  readonly writesOnThread?: boolean;
}

/** What a database cannot carry along when it is copied. */
export interface DatabaseIdentity {
  /** The PostgreSQL cluster and database; empty for SQLite. A dump that is restored has another one. */
  readonly server: string;
  /** The running server process, or this boot and file: another one after every restart, and for every copy. */
  readonly instance: string;
}

/** Why a database cannot be relied on now: no answer, no writes, or another server is its primary. */
export type DatabaseFault = 'unreachable' | 'read_only' | 'not_current';

/** A database that is open and at the current schema. */
export interface Database {
  readonly queries: Kysely<Schema>;
  /** Where it is, for people: a file, or host and name without credentials. */
  readonly location: string;
  /** The time to record and compare: this machine's, or that of the server that several nodes share. */
  readonly clock: Clock;
  /** Asked anew each time: the server may have changed behind the same address. */
  identity(): Promise<DatabaseIdentity>;
  /**
   * The number of the last change that this process or another has committed and that may have changed what the app
   * offers; without an app, of the last one of any app. All are numbered in one row. Cheap enough for every request.
   * Throws when the database cannot be read.
   *
   * On PostgreSQL it rises within milliseconds of another node's commit.
   */
  changeCounter(appId?: string): number;
  /** A number that rises when changes may have been missed, as of then. On PostgreSQL: once a second without notifications. */
  doubtCounter(): number;
  /** Why it cannot be relied on, as last known: without asking it. Undefined while it can. */
  fault(): DatabaseFault | undefined;
  /**
   * Locks the right to serve artifacts from a disk until the database is closed: of several nodes on one database, each
   * disk would hold only some of the files. SQLite needs no more than the lock of its data folder.
   * @param onLost called when another process has acquired the lock after a loss of connection
   * @throws OtaError `store_unavailable` when another process has it
   */
  lockDisk(onLost: (cause: OtaError) => void): Promise<void>;
  /** @throws OtaError `durability_lost` when a last write fails */
  close(): Promise<void>;
}
