import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import { OtaError, type OtaErrorCode } from '../../errors.ts';
import { networkError } from './network-error.ts';
import { isNotHttp } from './protocol-fault.ts';

/** How long a proxy may take to open a tunnel, in milliseconds: it has to connect to the server first. */
const TUNNEL_TIMEOUT_MS = 30_000;

const CHECK_PROXY =
  'Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and that the proxy is up, then run the same command again.';

/**
 * CONNECT to https servers, and absolute form (RFC 9112, section 3.2.2) to http servers, because many proxies open
 * tunnels to port 443 only. The URL may hold credentials, percent-encoded.
 */
export function openProxyAgent(proxy: URL): Dispatcher {
  return new ProxyAgent({
    uri: proxy.href,
    ...(hasCredentials(proxy) && { token: basicCredentials(proxy) }),
    proxyTunnel: false,
    clientFactory: (_, options) => openTunnelPool(proxy, options),
  });
}

/** A proxy as it may be shown: without its credentials. */
export function displayProxy(proxy: URL): string {
  return `the proxy ${proxy.origin}`;
}

/** The error for a connection to a proxy, or for a request in absolute form through it. */
export function proxyNetworkError(error: unknown, proxy: URL): unknown {
  if (isNotHttp(error)) {
    const hint = 'Check the port in HTTPS_PROXY and HTTP_PROXY. SOCKS is not supported.';
    return new OtaError('usage', `${displayProxy(proxy)} does not speak HTTP at this port`, {
      cause: error,
      hint,
    });
  }
  return networkError(error, displayProxy(proxy), { hint: CHECK_PROXY });
}

/** For a proxy that did not open a tunnel: OtaError `network` where a retry may help, else `not_the_api`. */
export function proxyRefusal(proxy: URL, status: number, target: string): OtaError {
  const who = displayProxy(proxy);
  if (status === 407) {
    const given = hasCredentials(proxy);
    return new OtaError(
      'not_the_api',
      `${who} ${given ? 'refuses its user and password' : 'asks for a user and password'} (407)`,
      {
        hint: 'Put them into the variable that sets the proxy, like http://user:password@proxy.example:3128.',
      },
    );
  }
  if (status >= 200 && status < 400) {
    return new OtaError(
      'not_the_api',
      `${who} answered with a page (${status}) instead of connecting to ${target}`,
      {
        hint: 'Check that HTTPS_PROXY is set to a proxy that requires no login in a browser first.',
      },
    );
  }
  const code: OtaErrorCode = status >= 500 || status === 408 || status === 429 ? 'network' : 'not_the_api';
  return new OtaError(code, `${who} does not connect to ${target} (${status})`, {
    hint: 'Ask the administrator of the proxy to allow it, or add the host to NO_PROXY if it can be reached directly.',
  });
}

interface TunnelPool {
  connect(request: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData>;
}

/** undici by itself would retry endlessly where a proxy hangs up, and report a refusal as an abort. */
function openTunnelPool(proxy: URL, options: object): Dispatcher {
  const pool = new Pool(proxy.origin, { ...options, headersTimeout: TUNNEL_TIMEOUT_MS });
  const inner: TunnelPool = pool;
  const openTunnel = inner.connect.bind(pool);
  const connect: TunnelPool['connect'] = async (request) => {
    const response = await openTunnel(request).catch((error) => {
      throw proxyNetworkError(error, proxy);
    });
    const { statusCode, headers, socket } = response;
    // RFC 9110, section 9.3.6: the response that opens a tunnel has no content.
    const isPage = ['content-type', 'content-length', 'transfer-encoding'].some((name) => name in headers);
    if (statusCode === 200 && !isPage) return response;
    socket.on('error', () => {}).destroy();
    throw proxyRefusal(proxy, statusCode, request.path);
  };
  return Object.assign(pool, { connect });
}

function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

function basicCredentials({ username, password }: URL): string {
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}
