import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { OtaError } from '../../errors.ts';
import { AppChanges } from '../app-changes.ts';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import type { DatabaseFault } from '../database.ts';
import { endsSession, unreachable } from '../database-error.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import { type CurrentServer, faultOf } from './current-server.ts';
import { DatabaseClock } from './database-clock.ts';
import { SET_UP_SESSION } from './postgres-session.ts';
import type { ServerList } from './server-list.ts';

/** How often the database is asked for its time, in milliseconds: a heartbeat. */
const HEARTBEAT_MS = 250;
const RESPONSE_TIMEOUT_MS = 3000;
/** How long after a heartbeat all changes are known to have been notified, in milliseconds. */
const CONFIRMED_FOR_MS = 900;
/** The longest wait between two attempts to reconnect, in milliseconds. */
const MAX_BACKOFF_MS = 1000;
/** How long the server may take to release the lock of a lost connection, in milliseconds: see its keepalives. */
const DISK_PATIENCE_MS = 20_000;
/** The key of the advisory lock for serving artifacts from a disk. Arbitrary, but fixed. */
const DISK_LOCK = 0x6f746101;

export interface ChangeListenerOptions {
  readonly servers: ServerList;
  readonly currentServer: CurrentServer;
  /** Called when it has left a server that is no longer the primary, or found another one. */
  readonly onServerChanged?: () => void;
  /** Called when the connection is lost, and when it is back. */
  readonly onConnection?: ((state: 'lost' | 'back', cause?: unknown) => void) | undefined;
  /** How long another process may have the lock after a loss of connection, in milliseconds. */
  readonly diskPatienceMs?: number;
  /** In milliseconds. */
  readonly responseTimeoutMs?: number;
}

/** A connection that reconnects by itself: it listens for changes, asks for the time, and holds the lock of a disk. */
export class ChangeListener {
  readonly clock = new DatabaseClock();
  readonly #options: ChangeListenerOptions;
  #client: Client | undefined;
  readonly #changes = new AppChanges();
  #doubts = 0;
  /** When the last heartbeat was sent that was answered; on the monotonic clock, like all times here. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #expiredAt = Number.NEGATIVE_INFINITY;
  #onDiskLost: ((cause: OtaError) => void) | undefined;
  #lostAt = 0;
  /** Undefined while it is connected. */
  #fault: DatabaseFault | undefined;
  #watching: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();

  private constructor(options: ChangeListenerOptions) {
    this.#options = options;
  }

  /** Connects, and reconnects by itself from then on. @throws the error of pg when it cannot connect */
  static async start(options: ChangeListenerOptions): Promise<ChangeListener> {
    const listener = new ChangeListener(options);
    await listener.#connect();
    listener.#watching = listener.#watch();
    return listener;
  }

  changeCounter(appId?: string): number {
    return this.#changes.last(appId);
  }

  doubtCounter(): number {
    const now = performance.now();
    const isConfirmed = now - this.#confirmedAt <= CONFIRMED_FOR_MS;
    if (!isConfirmed && now - this.#expiredAt > CONFIRMED_FOR_MS) {
      this.#expiredAt = now;
      this.#doubts++;
    }
    return this.#doubts;
  }

  fault(): DatabaseFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const isHeard = performance.now() - this.#confirmedAt <= this.#responseTimeoutMs;
    return isHeard ? undefined : 'unreachable';
  }

  /** Counts a change of an app by this process, which its own next read must see. */
  recordChange(appId: string): void {
    this.#changes.record(appId);
  }

  /** Whether a notification of another session arrives here. */
  async receives(notify: () => Promise<unknown>): Promise<boolean> {
    const received = new Promise((resolve) => this.#client?.once('notification', resolve));
    await notify();
    return withQueryTimeout(received, this.#responseTimeoutMs).then(
      () => true,
      () => false,
    );
  }

  async lockDisk(onLost: (cause: OtaError) => void): Promise<void> {
    if (this.#client === undefined || !(await this.#tryDiskLock(this.#client))) throw diskIsLocked();
    this.#onDiskLost = onLost;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    const client = this.#client;
    if (client === undefined) return;
    await withQueryTimeout(client.end(), this.#responseTimeoutMs).catch(() =>
      client.connection.stream.destroy(),
    );
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      const pause = Math.min(MAX_BACKOFF_MS, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
      await sleep(failures === 0 ? HEARTBEAT_MS : pause, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        if (this.#client === undefined) await this.#connect();
        else await this.#heartbeat(this.#client);
        if (failures > 0) this.#options.onConnection?.('back');
        failures = 0;
        this.#fault = undefined;
      } catch (cause) {
        this.#disconnect();
        this.#fault = faultOf(cause);
        if (failures === 0) this.#recordLoss(cause);
        failures++;
      }
    }
  }

  #recordLoss(cause: unknown): void {
    this.#lostAt = performance.now();
    this.#confirmedAt = Number.NEGATIVE_INFINITY;
    if (this.#fault !== 'unreachable') this.#options.onServerChanged?.();
    this.#options.onConnection?.('lost', cause);
  }

  async #connect(): Promise<void> {
    const { servers, onServerChanged } = this.#options;
    const before = servers.current;
    await servers.find((client) => this.#connectWith(client), 'synckit-ota listener');
    if (servers.current !== before) onServerChanged?.();
  }

  async #connectWith(client: Client): Promise<void> {
    client.on('error', () => {}); // the next heartbeat fails, too
    client.on('end', () => {
      if (client === this.#client) this.#confirmedAt = Number.NEGATIVE_INFINITY;
    });
    client.on('notification', ({ payload }) => {
      if (payload) this.#changes.record(payload);
    });
    const { signal } = this.#closing;
    const destroy = () => client.connection.stream.destroy();
    signal.addEventListener('abort', destroy);
    try {
      signal.throwIfAborted();
      await client.connect();
      await this.#query(client, SET_UP_SESSION);
      const [server] = await this.#query(client, `select ${this.#options.currentServer.columns}`);
      this.#options.currentServer.admit(server); // before `listen`, which a standby refuses
      await this.#query(client, `listen ${CHANGE_CHANNEL}`);
      if (this.#onDiskLost !== undefined) await this.#reacquireDiskLock(client, this.#onDiskLost);
      this.#doubts++; // there may have been some while it did not listen
      await this.#heartbeat(client);
      this.#client = client;
    } catch (error) {
      destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', destroy);
    }
  }

  #disconnect(): void {
    this.#client?.connection.stream.destroy();
    this.#client = undefined;
  }

  async #heartbeat(client: Client): Promise<void> {
    const sentAt = performance.now();
    const { currentServer } = this.#options;
    const [row] = await this.#query(
      client,
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 as time, ${currentServer.columns}`,
    );
    currentServer.confirm(row);
    this.clock.observe({ sentAt, receivedAt: performance.now(), time: Number(row?.time) });
    this.#confirmedAt = sentAt; // notifications of commits before that arrived before the response
  }

  async #tryDiskLock(client: Client): Promise<boolean> {
    const [row] = await this.#query(client, `select pg_try_advisory_lock(${DISK_LOCK}) as acquired`);
    return row?.acquired === true;
  }

  async #reacquireDiskLock(client: Client, onLost: (cause: OtaError) => void): Promise<void> {
    if (await this.#tryDiskLock(client)) return;
    const patience = this.#options.diskPatienceMs ?? DISK_PATIENCE_MS;
    if (performance.now() - this.#lostAt > patience) {
      this.#onDiskLost = undefined;
      onLost(diskIsLocked());
    }
    throw diskIsLocked(); // perhaps by this node's own lost connection: tried again
  }

  get #responseTimeoutMs(): number {
    return this.#options.responseTimeoutMs ?? RESPONSE_TIMEOUT_MS;
  }

  async #query(client: Client, statement: string): Promise<Record<string, unknown>[]> {
    try {
      return (await withQueryTimeout(client.query(statement), this.#responseTimeoutMs)).rows;
    } catch (error) {
      throw endsSession(error) ? unreachable(error) : error;
    }
  }
}

function diskIsLocked(): OtaError {
  return new OtaError(
    'store_unavailable',
    'another `synckit-ota serve` already serves this database, with the artifacts on its own disk',
    { hint: 'Stop it first, or store the artifacts of all nodes in one bucket.' },
  );
}
