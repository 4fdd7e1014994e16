import type { Worker } from 'node:cluster';
import net, { type Socket } from 'node:net';
import { closeOnceEmpty, type ListenAddress, listenAt } from '../listen.ts';
import type { MainMessage } from './worker-messages.ts';

/** How long a connection waits for a worker to take it, in milliseconds. */
const MAX_WAIT_MS = 10_000;
const CONNECTION: MainMessage = { type: 'connection' };

export interface SharedListenerOptions {
  /** How many connections may wait for workers; more are closed. */
  readonly maxWaiting: number;
  readonly onError: (error: Error) => void;
}

/**
 * Accepts connections for several processes, and hands each to the worker that has fewest to take, in turn. Only this
 * process has the listener, so that it alone decides when nothing more is accepted, and what it has accepted by then reaches
 * a worker before the message to stop.
 */
export class SharedListener {
  readonly url: string;
  readonly #server: net.Server;
  /** What each worker was sent and has not taken yet, oldest first. The next worker comes first. */
  readonly #sent = new Map<Worker, Socket[]>();
  /** While there is no worker. */
  readonly #waiting = new Set<Socket>();

  private constructor(server: net.Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Rejects with Node's error when it cannot listen there. */
  static async open(
    address: ListenAddress,
    { maxWaiting, onError }: SharedListenerOptions,
  ): Promise<SharedListener> {
    // As those of an HTTP server, besides that nothing is read here.
    const server = net.createServer({ pauseOnConnect: true, noDelay: true });
    server.maxConnections = maxWaiting;
    const listener = new SharedListener(server, await listenAt(server, address));
    server.on('connection', (socket) => listener.#accept(socket)).on('error', onError);
    return listener;
  }

  add(worker: Worker): void {
    this.#sent.set(worker, []);
    for (const socket of this.#waiting) this.#give(socket);
  }

  /** The worker has the oldest of what it was sent. */
  taken(worker: Worker): void {
    this.#sent.get(worker)?.shift()?.destroy(); // of this process: the worker's stays
  }

  /** Hands what a worker has not taken to others. */
  remove(worker: Worker): void {
    const sent = this.#sent.get(worker) ?? [];
    this.#sent.delete(worker);
    for (const socket of sent) this.#give(socket);
  }

  /** Hands over what clients have connected to. @returns once nothing more is accepted */
  close(): Promise<void> {
    return closeOnceEmpty(this.#server);
  }

  #accept(socket: Socket): void {
    socket.setTimeout(MAX_WAIT_MS, () => socket.destroy());
    socket.on('error', () => {}); // it is closed then
    socket.once('close', () => this.#waiting.delete(socket));
    this.#give(socket);
  }

  #give(socket: Socket): void {
    if (socket.destroyed) return;
    const worker = this.#next();
    if (worker === undefined) {
      this.#waiting.add(socket);
      return;
    }
    this.#waiting.delete(socket);
    const sent = this.#sent.get(worker) ?? [];
    this.#sent.delete(worker);
    sent.push(socket);
    this.#sent.set(worker, sent); // as the last
    worker.send(CONNECTION, socket, { keepOpen: true }, () => {}); // where it fails, the worker ends
  }

  #next(): Worker | undefined {
    let next: Worker | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const [worker, { length }] of this.#sent) {
      if (length >= fewest) continue;
      [next, fewest] = [worker, length];
    }
    return next;
  }
}
