import type { Socket } from 'node:net';
import { Problem } from '../../protocol/problem.ts';
import type { Connections } from './connections.ts';
import { endWith, rawProblem } from './raw-problem.ts';

/** Answers what cannot be read as a request, and closes its connection. Use for `clientError`. */
export function answerParserError(
  error: Error & { readonly code?: string },
  socket: Socket,
  connections: Connections,
): void {
  if (socket.writableEnded && !socket.destroyed) return; // more of the same, after the response
  const isSilent = socket.bytesRead === 0; // it was opened and never used
  if (!socket.writable || isSilent || connections.isAnswering(socket)) socket.destroy();
  else endWith(socket, rawProblem(toProblem(error.code)));
}

function toProblem(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'The head of the request is too large.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new Problem('too_large', 'The extensions of a chunk are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'The head of the request did not arrive in time.');
    default:
      return new Problem('invalid_request', 'This is not a valid HTTP request.');
  }
}
