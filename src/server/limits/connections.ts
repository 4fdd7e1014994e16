import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { Problem } from '../../protocol/problem.ts';
import { clientNetwork, type IsTrusted } from '../http/client-address.ts';
import { IdleClient } from './idle-client.ts';
import { endWith, rawProblem } from './raw-problem.ts';
import type { ServerLimits } from './server-limits.ts';
import { SlowReader } from './slow-reader.ts';

const RETRY_AFTER_SECONDS = 5;
/** Refused connections that are given time to read the reason; more are closed at once. */
const MAX_REFUSED = 64;
/** How many idle connections are considered before one is closed: those that received something since are kept. */
const MAX_CONSIDERED = 8;
const SWEEP_MS = 5000;
const LOG_EVERY_MS = 10_000;

interface Connection {
  readonly socket: Socket;
  /** Undefined for a trusted proxy. */
  readonly client: Client | undefined;
  /** Those that the framework works on. A connection without any is idle, or its response was sent already. */
  readonly responses: Set<ServerResponse>;
  readonly reader: SlowReader;
  readonly sender: IdleClient;
  /** How much it had received when it was last considered to be closed. */
  bytesRead: number;
  /** The same of `closeIdle`. */
  seenIdle?: number;
}

interface Client {
  readonly network: string;
  connections: number;
  readonly idle: Set<Connection>;
}

export interface ConnectionsOptions {
  readonly limits: Pick<ServerLimits, 'connections' | 'connectionsPerClient'>;
  readonly isTrusted: IsTrusted;
  readonly logger: FastifyBaseLogger;
}

/**
 * The open connections of a server. Where there are too many, in all or of one client, an idle one is closed for each new
 * one: it costs its client nothing but to connect again. If none is idle, the new one is refused.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, Connection>();
  readonly #clients = new Map<string, Client>();
  /** In the order in which they are considered to be closed. */
  readonly #idle = new Set<Connection>();
  #refused = 0;
  #unlogged = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Takes what the server accepts before its own listeners do. */
  guard(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.#admit(socket)) return;
      for (const listener of listeners) listener.call(server, socket);
    });
    server.once('listening', () => {
      const sweep = setInterval(() => this.#closeStopped(), SWEEP_MS).unref();
      server.once('close', () => clearInterval(sweep));
    });
  }

  /** Counts a request until its response is finished. */
  started(socket: Socket, response: ServerResponse): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.responses.add(response);
    this.#setIdle(connection, false);
    response.once('close', () => {
      connection.responses.delete(response);
      if (connection.responses.size === 0 && this.#open.has(socket)) this.#setIdle(connection, true);
    });
  }

  /** Whether part of a response was sent to it, so that nothing else can be sent. */
  isAnswering(socket: Socket): boolean {
    const responses = [...(this.#open.get(socket)?.responses ?? [])];
    return socket.writableLength > 0 || responses.some(({ headersSent }) => headersSent);
  }

  /** Closes those without a request that have received nothing since the last call either. */
  closeIdle(): void {
    for (const connection of this.#idle) {
      const { socket, seenIdle } = connection;
      connection.seenIdle = socket.bytesRead;
      if (seenIdle === socket.bytesRead) socket.destroySoon();
    }
  }

  /** Resolves once none is open. New ones must not be accepted any more. */
  async whenAllClosed(): Promise<void> {
    while (this.#open.size > 0) {
      const [socket] = this.#open.keys();
      if (socket) await new Promise((resolve) => socket.once('close', resolve));
    }
  }

  #admit(socket: Socket): boolean {
    const { limits, isTrusted } = this.#options;
    const { remoteAddress } = socket;
    const client = isTrusted(remoteAddress) ? undefined : this.#clientAt(clientNetwork(remoteAddress));
    const isOver = client !== undefined && client.connections >= limits.connectionsPerClient;
    if (isOver && !this.#closeOneOf(client.idle)) return this.#refuse(socket, client);
    if (this.#open.size >= limits.connections && !this.#closeOneOf(this.#idle)) {
      return this.#refuse(socket, undefined);
    }
    const connection = { socket, client, responses: new Set<ServerResponse>(), bytesRead: 0 };
    this.#add({ ...connection, reader: new SlowReader(socket), sender: new IdleClient(socket) });
    return true;
  }

  #clientAt(network: string): Client {
    return this.#clients.get(network) ?? { network, connections: 0, idle: new Set() };
  }

  #add(connection: Connection): void {
    const { socket, client } = connection;
    this.#open.set(socket, connection);
    if (client !== undefined) {
      client.connections += 1;
      this.#clients.set(client.network, client);
    }
    this.#setIdle(connection, true);
    socket.once('close', () => this.#remove(connection));
  }

  /** At once when it is to be closed, and not only when it is closed. */
  #remove(connection: Connection): void {
    const { socket, client } = connection;
    if (!this.#open.delete(socket)) return;
    this.#setIdle(connection, false);
    if (client === undefined) return;
    client.connections -= 1;
    if (client.connections === 0) this.#clients.delete(client.network);
  }

  #setIdle(connection: Connection, isIdle: boolean): void {
    for (const idle of [this.#idle, connection.client?.idle]) {
      idle?.delete(connection);
      if (isIdle) idle?.add(connection);
    }
  }

  #closeOneOf(idle: ReadonlySet<Connection>): boolean {
    let chosen: Connection | undefined;
    let considered = 0;
    for (const connection of idle) {
      const { bytesRead } = connection.socket;
      const isUnused = bytesRead === connection.bytesRead;
      if (isUnused || chosen === undefined) chosen = connection;
      considered += 1;
      if (isUnused || considered === MAX_CONSIDERED) break;
      connection.bytesRead = bytesRead;
      this.#setIdle(connection, true); // as the last
    }
    if (chosen === undefined) return false;
    this.#remove(chosen);
    chosen.socket.destroy();
    return true;
  }

  /** @param client that has too many; undefined when there are too many in all */
  #refuse(socket: Socket, client: Client | undefined): false {
    this.#logRefusal(client);
    if (this.#refused >= MAX_REFUSED) {
      socket.destroy();
      return false;
    }
    this.#refused += 1;
    socket.once('close', () => {
      this.#refused -= 1;
    });
    const problem = client
      ? new Problem('too_many_requests', 'Your network has too many open connections to this server.')
      : new Problem('unavailable', 'The server has as many open connections as it can.');
    endWith(socket, rawProblem(problem, RETRY_AFTER_SECONDS));
    return false;
  }

  #logRefusal(client: Client | undefined): void {
    this.#unlogged += 1;
    const now = performance.now();
    if (now - this.#loggedAt < LOG_EVERY_MS) return;
    this.#options.logger.warn(
      { refused: this.#unlogged, open: this.#open.size, ...(client && { client: client.network }) },
      client
        ? 'connections were refused: a client has too many; if it is a proxy, name it with --trust-proxy'
        : 'connections were refused: there are too many, see --max-connections',
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }

  /** Those of clients that do not send or read on. */
  #closeStopped(): void {
    const now = performance.now();
    for (const { socket, reader, sender, responses } of this.#open.values()) {
      const isStopped = sender.isTooLong(now, waitForServer(responses));
      if (reader.isTooSlow(now) || isStopped) socket.destroy();
    }
  }
}

/** Whether there are requests, and each was received to its end. */
function waitForServer(responses: ReadonlySet<ServerResponse>): boolean {
  return responses.size > 0 && [...responses].every(({ req }) => req.complete);
}

const connections = new WeakMap<Server, Connections>();

export function setConnections(server: Server, own: Connections): void {
  connections.set(server, own);
}

/** Those of a server that `createHttpServer` made. */
export function connectionsOf(server: Server): Connections | undefined {
  return connections.get(server);
}
