import { OtaError } from '../../errors.ts';

/**
 * What a request that got no answer failed of, for people.
 * @param whom who did not answer, as it may be shown
 * @returns OtaError `network`; the error itself, where it is not the network's fault: an abort, or a bug of ours
 */
export function networkError(
  error: unknown,
  whom: string,
  hint = 'Check the address and that the server is up, then run the same command again.',
): unknown {
  if (error instanceof OtaError) return error; // thrown by the body that was sent, or by the way there
  const { name, code, message } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || error instanceof TypeError || code === 'UND_ERR_INVALID_ARG') return error;
  return new OtaError('network', `${whom} did not answer: ${reasons[code ?? ''] ?? message.trim()}`, {
    cause: error,
    hint,
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout in the middle of its answer',
};
