import net, { type Socket } from 'node:net';
import { listenRaw } from '../network/loopback-server.ts';
import type { PostgresCluster } from './postgres.ts';

/** What happens to a connection when a client sends a commit over it. */
export type AtCommit = 'pass' | 'cut before' | 'cut after';

/** The letter of a NotificationResponse. */
const NOTIFICATION = 'A'.charCodeAt(0);

/** A proxy to a PostgreSQL over loopback that fails on demand, until the test is finished. */
export class PostgresProxy {
  atCommit: AtCommit = 'pass';
  /** Drops notifications, as a transaction pooler does. */
  isDeaf = false;
  /** Called with a client's message before it is passed on. */
  onMessage: (bytes: Buffer) => void = () => {};
  readonly #address: URL;
  readonly #sockets = new Set<Socket>();
  #isFrozen = false;

  private constructor(address: URL) {
    this.#address = address;
  }

  static async to(server: PostgresCluster): Promise<PostgresProxy> {
    const address = await listenRaw((client) => proxy.#forward(client, net.connect(server.socket)));
    const proxy = new PostgresProxy(address);
    return proxy;
  }

  /** The URL of the same database through this proxy. */
  url(direct: string): string {
    return `postgres://postgres@${this.#address.host}${new URL(direct).pathname}`;
  }

  /** Silently stops passing anything on. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #forward(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      if (this.#isFrozen) from.pause();
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    server.on('data', this.isDeaf ? withoutNotifications(client) : (bytes) => client.write(bytes));
    client.on('data', (bytes) => {
      this.onMessage(bytes);
      const cut = this.atCommit !== 'pass' && bytes.includes('commit\0');
      if (cut && this.atCommit === 'cut before') client.destroy();
      else server.write(bytes);
      // Only the server's response says that it has committed.
      if (cut && this.atCommit === 'cut after') {
        server.removeAllListeners('data');
        server.once('data', () => client.destroy());
      }
    });
  }
}

/** Passes on everything except notifications. A message is a letter, a length that includes itself, and the rest. */
function withoutNotifications(client: Socket): (bytes: Buffer) => void {
  let unread = Buffer.alloc(0);
  return (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 5) {
      const end = 1 + unread.readInt32BE(1);
      if (unread.length < end) return;
      if (unread[0] !== NOTIFICATION) client.write(unread.subarray(0, end));
      unread = unread.subarray(end);
    }
  };
}
