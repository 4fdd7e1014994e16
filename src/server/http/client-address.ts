import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';

/** The longest that a proxy writes for a client: an IPv6 address that ends in an IPv4 one, in brackets, with a port. */
const MAX_LENGTH = '[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535'.length;

/** An address in brackets, or an IPv4 one, and its port. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/;

/** How many leading bits of an IPv6 address one customer of a provider usually has. */
const CUSTOMER_BITS = 64;

/** An address without its port, and IPv4 as such; undefined for what is none. */
export function plainAddress(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? '';
  if (trimmed.length > MAX_LENGTH) return undefined;
  const [, bracketed, bare = trimmed] = WITH_PORT.exec(trimmed) ?? [];
  const address = bracketed ?? bare;
  if (isIP(address) === 0 || address.includes('%')) return undefined;
  return /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1] ?? address.toLowerCase();
}

/** The client of a request, as far as it is known: an address with or without a port, or any other text. */
export type AddressReader = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string | undefined;

/** Whether a hop may name the client before it. */
export type IsTrusted = (hop: string | undefined) => boolean;

export function clientAddressReader(isTrusted: IsTrusted): AddressReader {
  return ({ headers, socket }) => lastUntrusted(headers['x-forwarded-for'], socket.remoteAddress, isTrusted);
}

/** The same of a request that only its fast path has read. @param forwardedFor the header's values, joined by commas */
export type ForwardedReader = (forwardedFor: string, peer: string | undefined) => string | undefined;

export function forwardedReader(isTrusted: IsTrusted): ForwardedReader {
  let last: { readonly hop: string | undefined; readonly isTrusted: boolean } | undefined;
  const isTrustedAgain = (hop: string | undefined) => {
    if (last?.hop !== hop || last === undefined) last = { hop, isTrusted: isTrusted(hop) };
    return last.isTrusted; // most requests come from the same proxy
  };
  return (forwardedFor, peer) => lastUntrusted(forwardedFor, peer, isTrustedAgain);
}

/** A trusted hop has added the one before it to the end of the list. What others have written there is not read. */
function lastUntrusted(
  forwardedFor: string | string[] | undefined,
  peer: string | undefined,
  isTrusted: IsTrusted,
): string | undefined {
  const list = String(forwardedFor ?? '');
  let address = peer;
  let end = list.length;
  while (end > 0 && isTrusted(address)) {
    const start = list.lastIndexOf(',', end - 1) + 1;
    address = list.slice(start, end).trim() || address; // an empty element is none (RFC 9110, section 5.6.1)
    end = start - 1;
  }
  return address;
}

/** What limits count by: an IPv4 address, or an IPv6 network of 64 bits, as one client can use all of its addresses. */
export function clientNetwork(address: string | undefined): string {
  const plain = plainAddress(address);
  if (plain === undefined) return 'unknown';
  return isIPv6(plain)
    ? `${groupsOf(plain)
        .slice(0, CUSTOMER_BITS / 16)
        .join(':')}::/${CUSTOMER_BITS}`
    : plain;
}

/** Whether a hop may name the client: one in these addresses and CIDRs, or on a Unix socket, which has no address. */
export function trustedHops(ranges: readonly string[]): IsTrusted {
  const trusted = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (hop) => {
    if (!hop) return true;
    const address = plainAddress(hop);
    return address !== undefined && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };
}

function groupsOf(address: string): string[] {
  const { hostname } = new URL(`http://[${address}]`); // in its shortest form, with no dotted part
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill('0'), ...right];
}
