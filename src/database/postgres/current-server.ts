import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { matches } from '../../protocol/validate.ts';
import { errorCode } from '../../runtime/error-details.ts';
import type { DatabaseFault } from '../database.ts';
import { endsSession, READ_ONLY, READ_ONLY_HINT } from '../database-error.ts';

/** Whether a server can be written to. */
const WRITABLE =
  "pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only";
/**
 * Which server it is: a standby has its primary's system identifier, and once promoted a higher timeline, the first
 * eight digits of the names of its WAL files. Some services do not let it be read.
 */
const IDENTITY = `(select system_identifier::text from pg_control_system()) as system,
  case when not pg_is_in_recovery()
    then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4 end as timeline`;

const State = Type.Object({
  standby: Type.Boolean(),
  read_only: Type.Boolean(),
  system: Type.Union([Type.String(), Type.Null()]),
  timeline: Type.Union([Type.Integer(), Type.Null()]),
});

/** Why a connection may not be used: it is to a standby, to a server without writes, or to the primary before a failover. */
class WrongServer extends Error {
  readonly code = READ_ONLY;
  readonly fault: DatabaseFault;

  constructor(fault: DatabaseFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

export function faultOf(error: unknown): DatabaseFault {
  const cause = error instanceof OtaError ? error.cause : error;
  if (cause instanceof WrongServer) return cause.fault;
  return errorCode(cause) === READ_ONLY ? 'read_only' : 'unreachable';
}

function readOnly(reason: string): OtaError {
  const cause = new WrongServer('read_only', `cannot execute writes ${reason}`);
  return new OtaError('store_unavailable', 'the database is read-only', { cause, hint: READ_ONLY_HINT });
}

function notCurrent(): OtaError {
  const cause = new WrongServer('not_current', 'another server has been promoted since');
  const problem = 'the database server is no longer the primary';
  return new OtaError('store_unavailable', problem, { cause, hint: READ_ONLY_HINT });
}

/**
 * The server that every connection of this process has to be on. After a failover a connection to the old primary can
 * live on, and new ones can lead to either: the highest timeline that was seen wins, where the service lets it be read.
 * Another system, such as an upgraded one, takes the place of the one before with the first new connection that leads to it.
 */
export class CurrentServer {
  /** Columns of a select, for `admit` and `confirm`. */
  #columns = `${WRITABLE}, ${IDENTITY}`;
  #current: Static<typeof State> | undefined;

  get columns(): string {
    return this.#columns;
  }

  /** Finds out what may be asked, and admits the server. @param ask resolves with the row of a select @throws as `admit` */
  async prepare(ask: (columns: string) => Promise<unknown>): Promise<void> {
    try {
      this.admit(await ask(this.#columns));
    } catch (error) {
      if (error instanceof OtaError || endsSession(error)) throw error;
      this.#columns = `${WRITABLE}, null::text as system, null::int4 as timeline`;
      this.admit(await ask(this.#columns));
    }
  }

  /** For a new connection. @throws OtaError `store_unavailable` */
  admit(row: unknown): void {
    const state = writable(row);
    const isOther = state.system !== this.#current?.system;
    if (!isOther && isOlder(state, this.#current)) throw notCurrent();
    this.#current = state;
  }

  /** For a connection that was admitted. @throws OtaError `store_unavailable` */
  confirm(row: unknown): void {
    const state = writable(row);
    const isOther = this.#current !== undefined && state.system !== this.#current.system;
    if (isOther || isOlder(state, this.#current)) throw notCurrent();
    this.#current = state;
  }
}

function writable(row: unknown): Static<typeof State> {
  if (!matches(State, row)) throw new Error('PostgreSQL does not say whether it can be written to');
  if (row.standby) throw readOnly('on a standby');
  if (row.read_only) throw readOnly('while default_transaction_read_only is on');
  return row;
}

function isOlder(state: Static<typeof State>, current: Static<typeof State> | undefined): boolean {
  return (state.timeline ?? 0) < (current?.timeline ?? 0);
}
