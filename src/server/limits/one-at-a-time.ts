import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Requests that may wait on a connection for those before them to be answered, and be read by the client. After that many
 * the connection is closed, as RFC 9112 (section 9.3.2) allows: the client repeats those that were not answered.
 */
export const MAX_PIPELINED = 16;

/** What makes the parser drop the rest of what it has in hand: it is for upgrades, of which that is no HTTP. */
const STOP = 2;

/** What Node calls with each request on a connection that it has read the head of. */
interface RequestParser {
  onIncoming: ((...request: readonly unknown[]) => number) | null;
}

/**
 * Handles a connection's requests one after the other. Node hands over all that it has read, a thousand of them in one
 * piece, each of which would have its response in memory until the client reads it.
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  const wait = (request: IncomingMessage, response: ServerResponse & { req: IncomingMessage }) => {
    const { socket } = request;
    const count = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, count);
    if (count >= MAX_PIPELINED) {
      response.shouldKeepAlive = false;
      ignoreFurther(socket);
    }
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
      // In its own turn, so that other connections get theirs.
      setImmediate(() => !response.destroyed && handle(request, response));
    });
  };
  // A response has no socket while another is being sent.
  return (request, response) =>
    response.socket === null ? wait(request, response) : handle(request, response);
}

/** Node has no other way to stop its parser in the middle of what it has read. */
function ignoreFurther(socket: Socket & { parser?: RequestParser | null }): void {
  if (socket.parser) socket.parser.onIncoming = () => STOP;
  else socket.destroy();
  setImmediate(() => socket.pause());
}
