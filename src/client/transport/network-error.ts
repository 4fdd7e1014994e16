import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';

/**
 * OtaError `network` for a request without a response; the error itself for an abort, or a bug of ours.
 * @param peer the server or proxy, as it may be shown
 */
export function networkError(
  error: unknown,
  peer: string,
  hint = 'Check the address and that the server is up, then run the same command again.',
): unknown {
  if (!(error instanceof Error) || error instanceof OtaError) return error; // thrown by the body, or by a tunnel
  const code = errorCode(error) ?? '';
  if (error.name === 'AbortError' || error instanceof TypeError || code === 'UND_ERR_INVALID_ARG')
    return error;
  return new OtaError('network', `${peer} did not answer: ${reasons[code] ?? error.message.trim()}`, {
    cause: error,
    hint,
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'DNS lookup failed',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout in the middle of the response',
};
