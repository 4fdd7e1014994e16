import type { Socket } from 'node:net';

/** How long nothing may move on a connection while it is the client's turn, in milliseconds. */
export const IDLE_TIMEOUT_MS = 120_000;

/** Notices a client that has stopped in the middle of a request. A timer for each connection would cost every request. */
export class IdleClient {
  readonly #socket: Socket;
  #moved: { readonly bytes: number; readonly at: number } | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Call every few seconds. @param now milliseconds, rising @param waits whether it waits for the server */
  isTooLong(now: number, waits: boolean): boolean {
    const { bytesRead, bytesWritten } = this.#socket;
    const bytes = bytesRead + bytesWritten;
    if (this.#moved === undefined || waits || bytes !== this.#moved.bytes) this.#moved = { bytes, at: now };
    return now - this.#moved.at >= IDLE_TIMEOUT_MS;
  }
}
