import { BlockList, isIP } from 'node:net';

/** Which machines an address leads to; undefined: any, over the Internet. */
export type AddressKind = 'this_machine' | 'link_local' | 'private' | undefined;

const THIS_MACHINE = listOf(['127.0.0.0/8', '0.0.0.0/8', '::/128', '::1/128']);

/** The same cable, or the cloud that a machine runs in, which hands out credentials at such an address. */
const LINK_LOCAL = listOf([
  ...['169.254.0.0/16', 'fe80::/10'],
  ...['168.63.129.16/32', '192.0.0.0/24', '100.100.100.200/32', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
]);

/** RFC 1918, 4193, 6598, and what is no single machine on the Internet. */
const PRIVATE = listOf([
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15', '224.0.0.0/3'],
  ...['fc00::/7', 'fec0::/10', 'ff00::/8', '64:ff9b:1::/48'],
]);

/** @param address an IP address, without the brackets that it has in a URL; undefined for a name too */
export function addressKind(address: string): AddressKind {
  const version = isIP(address);
  if (version === 0) return undefined;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (THIS_MACHINE.check(address, family)) return 'this_machine';
  if (LINK_LOCAL.check(address, family)) return 'link_local';
  return PRIVATE.check(address, family) ? 'private' : undefined;
}

/** IPv4 also as IPv6 writes it: mapped (which `BlockList` knows), through NAT64 (RFC 6052), and 6to4 (RFC 3056). */
function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', length] = subnet.split('/');
    const bits = Number(length);
    if (isIP(address) === 6) list.addSubnet(address, bits, 'ipv6');
    else {
      const groups = inGroups(address);
      list.addSubnet(address, bits, 'ipv4');
      list.addSubnet(`64:ff9b::${groups}`, 96 + bits, 'ipv6');
      list.addSubnet(`2002:${groups}::`, 16 + bits, 'ipv6');
    }
  }
  return list;
}

/** `10.0.0.1` as `a00:1`. */
function inGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
