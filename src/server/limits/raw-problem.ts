import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_CONTENT_TYPE, type Problem } from '../../protocol/problem.ts';
import { SECURITY_HEADERS } from '../http/security-headers.ts';

/** How long a client has to read a last response before its connection is closed, in milliseconds. */
const READ_MS = 2000;

/** A whole response, for a connection without a request to answer. It is the last one there. */
export function rawProblem(problem: Problem, retryAfter?: number): string {
  const body = JSON.stringify(problem.toBody());
  const headers = {
    date: new Date().toUTCString(),
    connection: 'close',
    'cache-control': 'no-store',
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
    ...SECURITY_HEADERS,
    ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`;
}

/**
 * Sends a last response. What still arrives is read and dropped for a while: if the connection were closed at once, the
 * client's system would drop the response too.
 */
export function endWith(socket: Socket, response: string): void {
  socket.on('error', () => {}); // the client may be gone
  socket.end(response);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), READ_MS);
  socket.once('close', () => clearTimeout(timer));
}
