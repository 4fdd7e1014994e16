import net from 'node:net';
import { onTestFinished } from 'vitest';

/** A socket to the server, for what HTTP clients cannot send. */
export class RawConnection {
  readonly #socket: net.Socket;
  #received = '';
  #closed = false;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
    });
    socket.on('error', () => {}); // a reset is seen as the close that follows
    socket.on('close', () => {
      this.#closed = true;
    });
    onTestFinished(() => {
      socket.destroy();
    });
  }

  /** @param localAddress of the client: on Linux any of 127.0.0.0/8 */
  static async to(url: string, localAddress = '127.0.0.1'): Promise<RawConnection> {
    const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket);
  }

  /** Sends a request's head: its lines, with `Host`, and the empty one. */
  sendHead(...lines: string[]): void {
    const [requestLine, ...headers] = lines;
    this.send([requestLine, 'Host: localhost', ...headers, '', ''].join('\r\n'));
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Aborts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Stops reading, so that the server cannot send more than the system keeps. */
  pause(): void {
    this.#socket.pause();
  }

  get received(): string {
    return this.#received;
  }

  /** Everything received, once it matches or the connection closes. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received) && !this.#closed) {
      await new Promise((resolve) => this.#socket.once('data', resolve).once('close', resolve));
    }
    if (!pattern.test(this.#received)) throw new Error(`closed after: ${this.#received}`);
    return this.#received;
  }

  async untilClosed(): Promise<string> {
    if (!this.#closed) await new Promise((resolve) => this.#socket.once('close', resolve));
    return this.#received;
  }
}
