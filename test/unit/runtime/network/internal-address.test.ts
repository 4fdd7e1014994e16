import { describe, expect, test } from 'vitest';
import { addressKind } from '../../../../src/runtime/network/internal-address.ts';

describe('an address leads to', () => {
  test.each([
    ['127.0.0.1', 'this_machine'],
    ['127.255.255.254', 'this_machine'],
    ['0.0.0.0', 'this_machine'],
    ['::1', 'this_machine'],
    ['::', 'this_machine'],
    ['::ffff:127.0.0.1', 'this_machine'],
    ['64:ff9b::7f00:1', 'this_machine'],
    ['169.254.169.254', 'link_local'],
    ['::ffff:169.254.169.254', 'link_local'],
    ['64:ff9b::a9fe:a9fe', 'link_local'],
    ['2002:a9fe:a9fe::1', 'link_local'],
    ['fe80::1', 'link_local'],
    ['fd00:ec2::254', 'link_local'],
    ['168.63.129.16', 'link_local'],
    ['100.100.100.200', 'link_local'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.5', 'private'],
    ['100.64.0.1', 'private'],
    ['224.0.0.1', 'private'],
    ['255.255.255.255', 'private'],
    ['::ffff:a01:203', 'private'],
    ['fd12:3456::1', 'private'],
    ['8.8.8.8', undefined],
    ['172.32.0.1', undefined],
    ['2001:db8::1', undefined],
    ['::ffff:8.8.8.8', undefined],
    ['example.com', undefined],
  ])('%s: %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });
});
