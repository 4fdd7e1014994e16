import type { Socket } from 'node:net';
import { MIN_BYTES, WINDOW_MS } from './minimum-rate.ts';

/** Notices a client that reads too slowly what the server has for it. */
export class SlowReader {
  readonly #socket: Socket;
  /** Since when it has been behind, and what it had been sent by then; undefined while it is not. */
  #behind: { readonly since: number; readonly sent: number } | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Call every few seconds. @param now milliseconds, rising */
  isTooSlow(now: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    const sent = bytesWritten - writableLength;
    if (writableLength === 0) {
      this.#behind = undefined;
      return false;
    }
    this.#behind ??= { since: now, sent };
    if (now - this.#behind.since < WINDOW_MS) return false;
    const isTooSlow = sent - this.#behind.sent < MIN_BYTES;
    this.#behind = { since: now, sent };
    return isTooSlow;
  }
}
