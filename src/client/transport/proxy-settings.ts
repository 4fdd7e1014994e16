import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../../runtime/loopback.ts';

/** Which requests go through a proxy. */
export interface ProxySettings {
  /** For URLs of that scheme; undefined: none. May hold credentials. */
  readonly http?: URL | undefined;
  readonly https?: URL | undefined;
  /**
   * What is reached without one, as `NO_PROXY` lists it: `example.com` with all below it (also written
   * `.example.com` and `*.example.com`), an address, a network like `10.0.0.0/8`, each but the network with a port
   * if only that is meant, or `*` for everything.
   */
  readonly bypass: readonly string[];
}

/** The proxy that a request goes through, if any. None is asked for this machine itself, which it could not reach. */
export function proxyFor(url: URL, { http, https, bypass }: ProxySettings): URL | undefined {
  const proxy = url.protocol === 'https:' ? https : http;
  if (proxy === undefined || isLoopback(url)) return undefined;
  return bypass.some((entry) => covers(entry.toLowerCase(), url)) ? undefined : proxy;
}

function covers(entry: string, { hostname, port, protocol }: URL): boolean {
  if (entry === '*') return true;
  const host = hostname.replace(/^\[|\]$/g, '');
  const [network = '', prefix] = entry.split('/');
  if (prefix !== undefined) return isInNetwork(host, network, prefix);
  const [, bracketed, plain, wantedPort] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== (port || (protocol === 'https:' ? '443' : '80')))
    return false;
  const name = (bracketed ?? plain ?? entry).replace(/^\*?\./, '');
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function isInNetwork(host: string, network: string, prefix: string): boolean {
  const family = isIP(network);
  const bits = family === 6 ? 128 : 32;
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)
    return false;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), type);
  return list.check(host, type);
}
