import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { OtaError } from '../../errors.ts';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import { endsSession, unreachable } from '../database-error.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import { DatabaseClock } from './database-clock.ts';
import { SET_UP_SESSION } from './postgres-session.ts';

/** How often the database is asked whether it is there, and for its time, in milliseconds. */
const BEAT_MS = 250;
/** How long the answer to that may take, in milliseconds. */
const BEAT_TIMEOUT_MS = 3000;
/** How long after a beat nothing is taken to have changed unless it was told, in milliseconds. */
const LEASE_MS = 900;
/** The longest wait between two attempts to connect again, in milliseconds. */
const MAX_BACKOFF_MS = 1000;
/** How long the lock of a connection that was lost may take to be free again, in milliseconds: see keepalives. */
const DISK_PATIENCE_MS = 20_000;
/** Names the lock of whoever serves files of a disk; any number, but for ever the same. */
const DISK_LOCK = 0x6f746101;

export interface ChangeListenerOptions {
  /** A client that is not connected yet. */
  readonly newClient: () => Client;
  /** Told when the database is away, and when it is back. */
  readonly onConnection?: ((state: 'lost' | 'back', cause?: unknown) => void) | undefined;
  /** How long another process may have the lock after a loss of connection, in milliseconds. */
  readonly diskPatienceMs?: number;
}

/**
 * A connection that is always there, or sought: it listens for changes, asks for the time, and holds the lock of a
 * node that serves files of a disk.
 */
export class ChangeListener {
  readonly clock = new DatabaseClock();
  readonly #options: ChangeListenerOptions;
  #client: Client | undefined;
  #counter = 0;
  /** When the last beat that was answered was sent; monotonic, as are all times here. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #expiredAt = Number.NEGATIVE_INFINITY;
  #onDiskLost: ((cause: OtaError) => void) | undefined;
  #lostAt = 0;
  #watching: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();

  private constructor(options: ChangeListenerOptions) {
    this.#options = options;
  }

  /** Connects once; from then on it connects again by itself. @throws what pg does when it cannot */
  static async start(options: ChangeListenerOptions): Promise<ChangeListener> {
    const sentinel = new ChangeListener(options);
    await sentinel.#connect();
    sentinel.#watching = sentinel.#watch();
    return sentinel;
  }

  /** `Database.changeCounter`. Without a recent beat nothing is known, and what is in memory expires once a second. */
  changeCounter(): number {
    const now = performance.now();
    if (now - this.#confirmedAt > LEASE_MS && now - this.#expiredAt > LEASE_MS) {
      this.#expiredAt = now;
      this.#counter++;
    }
    return this.#counter;
  }

  /** Notes a change by this process, which its own next look must see. */
  changed(): void {
    this.#counter++;
  }

  /** Whether what another session notifies of arrives here. */
  async hears(notify: () => Promise<unknown>): Promise<boolean> {
    const heard = new Promise((resolve) => this.#client?.once('notification', resolve));
    await notify();
    return withQueryTimeout(heard, BEAT_TIMEOUT_MS).then(
      () => true,
      () => false,
    );
  }

  /** `Database.lockDisk`. */
  async lockDisk(onLost: (cause: OtaError) => void): Promise<void> {
    if (this.#client === undefined || !(await this.#takeDiskLock(this.#client))) throw diskTaken();
    this.#onDiskLost = onLost;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    const client = this.#client;
    if (client === undefined) return;
    await withQueryTimeout(client.end(), BEAT_TIMEOUT_MS).catch(() => client.connection.stream.destroy());
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      const pause = Math.min(MAX_BACKOFF_MS, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
      await sleep(failures === 0 ? BEAT_MS : pause, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        if (this.#client === undefined) await this.#connect();
        else await this.#beat(this.#client);
        if (failures > 0) this.#options.onConnection?.('back');
        failures = 0;
      } catch (cause) {
        if (failures === 0) this.#lost(cause);
        failures++;
        this.#leave();
      }
    }
  }

  #lost(cause: unknown): void {
    this.#lostAt = performance.now();
    this.#confirmedAt = Number.NEGATIVE_INFINITY;
    this.#options.onConnection?.('lost', cause);
  }

  async #connect(): Promise<void> {
    const client = this.#options.newClient();
    client.on('error', () => {}); // the next beat notices; until then nothing is told, so nothing is known
    client.on('end', () => {
      if (client === this.#client) this.#confirmedAt = Number.NEGATIVE_INFINITY;
    });
    client.on('notification', () => this.changed());
    const { signal } = this.#closing;
    const cut = () => client.connection.stream.destroy();
    signal.addEventListener('abort', cut);
    try {
      await client.connect();
      await ask(client, SET_UP_SESSION);
      await ask(client, `listen ${CHANGE_CHANNEL}`);
      if (this.#onDiskLost !== undefined) await this.#takeDiskLockAgain(client, this.#onDiskLost);
      this.changed(); // whatever changed while nobody listened
      await this.#beat(client);
      this.#client = client;
    } catch (error) {
      cut();
      throw error;
    } finally {
      signal.removeEventListener('abort', cut);
    }
  }

  #leave(): void {
    this.#client?.connection.stream.destroy();
    this.#client = undefined;
  }

  async #beat(client: Client): Promise<void> {
    const sentAt = performance.now();
    const [row] = await ask(client, 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as told');
    this.clock.observe(sentAt, performance.now(), Number(row?.told));
    this.#confirmedAt = sentAt; // what was committed before that has been told of before the answer
  }

  async #takeDiskLock(client: Client): Promise<boolean> {
    const [row] = await ask(client, `select pg_try_advisory_lock(${DISK_LOCK}) as taken`);
    return row?.taken === true;
  }

  async #takeDiskLockAgain(client: Client, onLost: (cause: OtaError) => void): Promise<void> {
    if (await this.#takeDiskLock(client)) return;
    const patience = this.#options.diskPatienceMs ?? DISK_PATIENCE_MS;
    if (performance.now() - this.#lostAt > patience) {
      this.#onDiskLost = undefined;
      onLost(diskTaken());
    }
    throw diskTaken(); // perhaps by this node's own connection, which the server believes to be there yet
  }
}

async function ask(client: Client, sql: string): Promise<Record<string, unknown>[]> {
  try {
    return (await withQueryTimeout(client.query(sql), BEAT_TIMEOUT_MS)).rows;
  } catch (error) {
    throw endsSession(error) ? unreachable(error) : error;
  }
}

function diskTaken(): OtaError {
  return new OtaError(
    'store_unavailable',
    'another `synckit-ota serve` serves this database with artifacts on its disk',
    { hint: 'Stop it first, or let all nodes keep the artifacts in one bucket.' },
  );
}
