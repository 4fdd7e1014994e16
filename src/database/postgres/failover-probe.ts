import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { withQueryTimeout } from '../query-timeout.ts';
import type { CurrentServer } from './current-server.ts';
import type { ServerList } from './server-list.ts';

/** How often new connections are tried, in milliseconds. */
const INTERVAL_MS = 5000;
const TIMEOUT_MS = 3000;

/**
 * Connects anew every few seconds, to notice a failover that left the connections of this process where they were: a
 * proxy or a name leads new connections to the new primary, while the old one still answers.
 */
export class FailoverProbe {
  readonly #servers: ServerList;
  readonly #current: CurrentServer;
  readonly #intervalMs: number;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(servers: ServerList, current: CurrentServer, intervalMs = INTERVAL_MS) {
    this.#servers = servers;
    this.#current = current;
    this.#intervalMs = intervalMs;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const pause = this.#intervalMs * (0.75 + Math.random() / 2); // the nodes do not all connect at once
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {});
      for (const client of this.#servers.all('synckit-ota probe')) {
        if (!signal.aborted) await this.#ask(client).catch(() => {}); // the heartbeat reports what matters
      }
    }
  }

  /** A server with a higher timeline becomes the current one, so that others fail their next check. */
  async #ask(client: Client): Promise<void> {
    const { signal } = this.#closing;
    const destroy = () => client.connection.stream.destroy();
    signal.addEventListener('abort', destroy);
    client.on('error', () => {});
    try {
      await withQueryTimeout(client.connect(), TIMEOUT_MS);
      const { rows } = await withQueryTimeout(client.query(`select ${this.#current.columns}`), TIMEOUT_MS);
      this.#current.admit(rows[0]);
      await withQueryTimeout(client.end(), TIMEOUT_MS);
    } finally {
      signal.removeEventListener('abort', destroy);
      destroy();
    }
  }
}
