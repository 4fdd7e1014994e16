import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../../runtime/network/loopback.ts';

export interface ProxySettings {
  /** Undefined: none. May hold credentials. */
  readonly http?: URL | undefined;
  readonly https?: URL | undefined;
  /**
   * Hosts that are reached directly, as `NO_PROXY` lists them: `example.com` with its subdomains (also written
   * `.example.com` and `*.example.com`), an address, a network like `10.0.0.0/8`, or `*` for all. Except for a network,
   * a port may follow.
   */
  readonly bypass: readonly string[];
}

/** The proxy that a request goes through, if any. Never for this machine itself, which a proxy could not reach. */
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
