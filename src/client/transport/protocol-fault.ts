import { isIP } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { findTlsFault, type TlsFault } from './tls-error.ts';

/** How a server that waits for another protocol, or for a certificate, may end a connection; others do so too. */
const ENDING = /^(?:UND_ERR_SOCKET|ECONNRESET|EPIPE|ERR_HTTP2_.*)$/;
const TIMEOUT_MS = 5000;
/** How long after a handshake a server of TLS 1.3 may refuse it, in milliseconds. */
const REFUSAL_TIMEOUT_MS = 1000;

/** Whether `protocolFault` may find something: it takes a connection more. */
export function mayBeProtocolFault(error: unknown): boolean {
  return isNotHttp(error) || ENDING.test(errorCode(error) ?? '');
}

/**
 * The error for a server that another protocol is spoken with than its own, or that wants a certificate: no retry
 * changes that. Undefined for any other server.
 */
export async function protocolFault(error: unknown, url: URL): Promise<OtaError | undefined> {
  const isOtherProtocol = isNotHttp(error);
  const isSecure = url.protocol === 'https:';
  const handshake = isSecure && isOtherProtocol ? { kind: 'none' as const } : await shakeHands(url, isSecure);
  if (!isSecure && speaksTls(handshake)) {
    const hint = `Use https:// for it: https://${url.host}.`;
    return new OtaError('usage', `${url.origin} speaks TLS at this port`, { cause: error, hint });
  }
  if (isOtherProtocol) {
    const hint = 'Check the port: another service answers there.';
    return new OtaError('usage', `${url.origin} does not speak HTTP at this port`, { cause: error, hint });
  }
  if (!isSecure || handshake.kind !== 'refused') return undefined;
  const { fault, hint } = handshake.by;
  return new OtaError('usage', `${url.origin} ${fault}`, { cause: error, hint });
}

/** Whether what came back is no HTTP. */
export function isNotHttp(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

type Handshake =
  | { readonly kind: 'done' | 'none' }
  /** By the server, or by this machine. */
  | { readonly kind: 'refused'; readonly by: TlsFault };

function speaksTls(handshake: Handshake): boolean {
  return handshake.kind === 'done' || (handshake.kind === 'refused' && handshake.by.isCertificate);
}

/** Without sending anything. @param wait whether for a refusal that comes afterwards */
function shakeHands({ hostname, port, protocol }: URL, wait: boolean): Promise<Handshake> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const options: ConnectionOptions = {
    host,
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    timeout: TIMEOUT_MS,
    ...(isIP(host) === 0 && { servername: host }),
  };
  return new Promise((resolve) => {
    const socket = connect(options);
    let found: Handshake = { kind: 'none' };
    const end = () => {
      socket.destroy();
      resolve(found);
    };
    socket.on('secureConnect', () => {
      found = { kind: 'done' };
      if (wait) socket.setTimeout(REFUSAL_TIMEOUT_MS).resume();
      else end();
    });
    socket.on('error', (error) => {
      const by = findTlsFault(error);
      if (by !== undefined) found = { kind: 'refused', by };
      end();
    });
    socket.on('timeout', end).on('close', end);
  });
}
