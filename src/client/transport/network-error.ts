import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { findTlsFault } from './tls-error.ts';

/**
 * The OtaError for a request without a response: `usage` if the certificate or TLS of the other side is the reason, unless
 * that may pass, else `network`. The error itself for an abort, or a bug of ours.
 * @param peer the server or proxy, as it may be shown
 */
export function networkError(
  error: unknown,
  peer: string,
  { hint = CHECK_SERVER, inTunnel = false }: NetworkErrorOptions = {},
): unknown {
  if (!(error instanceof Error) || error instanceof OtaError) return error; // thrown by the body, or by a tunnel
  const code = errorCode(error) ?? '';
  if (error.name === 'AbortError' || error instanceof TypeError || code === 'UND_ERR_INVALID_ARG')
    return error;
  const tls = findTlsFault(error, { inTunnel });
  if (tls !== undefined) {
    const kind = tls.mayPass ? 'network' : 'usage';
    return new OtaError(kind, `${peer} ${tls.fault}`, { cause: error, hint: tls.hint });
  }
  return new OtaError('network', `${peer} did not answer: ${reasons[code] ?? error.message.trim()}`, {
    cause: error,
    hint,
  });
}

export interface NetworkErrorOptions {
  readonly hint?: string;
  /** The connection is one that a proxy opened. */
  readonly inTunnel?: boolean;
}

const CHECK_SERVER = 'Check the address and that the server is up, then run the same command again.';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'DNS lookup failed',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  ERR_SSL_WRONG_VERSION_NUMBER: 'something else than TLS came back',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout in the middle of the response',
};
