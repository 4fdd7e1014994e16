import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { isOnlyLocal } from '../../runtime/network/loopback.ts';

/** Longest host in the log: a name in the DNS has 253 characters, and a port may follow. */
const MAX_HOST_LENGTH = 259;

/** A host with or without a port: what else a client writes there is not logged. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i;

const PROXY_HEADERS = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
] as const;

/**
 * Warns once if clients reach this server at another host than its public URL names, as behind a proxy when
 * `--public-url` was forgotten. The headers may be forged, so they are for this hint only.
 */
export function warnOnceOfOtherHost(app: FastifyInstance, publicUrl: () => string): void {
  let warned = false;
  app.addHook('onResponse', async ({ headers, log, is404, routeOptions }, { statusCode }) => {
    if (warned || is404 || routeOptions.config.isHealthCheck || statusCode >= 400) return; // scanners ask for what is not there
    const host = otherHost(headers, publicUrl());
    if (host === undefined) return;
    warned = true;
    log.warn(
      { host, publicUrl: publicUrl() },
      'requests arrive for another host than that of the public URL, which every URL handed out starts with: if clients cannot reach it, set --public-url (this is logged once)',
    );
  });
}

/** The host that a request was sent to, if that is not the public URL's. */
export function otherHost(headers: IncomingHttpHeaders, publicUrl: string): string | undefined {
  if (!URL.canParse(publicUrl)) return undefined;
  const url = new URL(publicUrl);
  const isProxied = PROXY_HEADERS.some((name) => headers[name] !== undefined);
  // Without a proxy it may be a health check by address; with a public URL on loopback it is another machine.
  if (!isProxied && !isOnlyLocal(url)) return undefined;
  const host = requestedHost(headers);
  if (host === undefined || host.length > MAX_HOST_LENGTH || !HOST.test(host)) return undefined;
  const requested = `http://${host.toLowerCase()}`;
  if (!URL.canParse(requested)) return undefined;
  return isSameHost(new URL(requested), url) ? undefined : host;
}

/** A proxy may leave the port out. */
function isSameHost(requested: URL, url: URL): boolean {
  const isSameName = requested.hostname === url.hostname || (isOnlyLocal(requested) && isOnlyLocal(url));
  const ownPort = url.port || (url.protocol === 'https:' ? '443' : '80');
  return isSameName && (requested.port === '' || requested.port === ownPort);
}

function requestedHost(headers: IncomingHttpHeaders): string | undefined {
  const forwardedHost = headers['x-forwarded-host'];
  const [, quoted, plain] = /(?:^|[;,\s])host=(?:"([^"]*)"|([^;,\s]+))/i.exec(headers.forwarded ?? '') ?? [];
  const host =
    (Array.isArray(forwardedHost) ? forwardedHost[0] : forwardedHost) ?? quoted ?? plain ?? headers.host;
  return host?.split(',', 1)[0]?.trim();
}
