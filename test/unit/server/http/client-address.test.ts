import type { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import {
  clientAddressReader,
  clientNetwork,
  plainAddress,
  trustedHops,
} from '../../../../src/server/http/client-address.ts';

/** More than Node accepts as the headers of a request. */
const LONG = 60_000;

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['203.0.113.9:51234', '203.0.113.9'],
  [' 203.0.113.9 ', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['[2001:DB8::1]:443', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['unknown', undefined],
  ['_hidden', undefined],
  ['203.0.113.999', undefined],
  ['203.0.113.9:', undefined],
  ['updates.example.com:80', undefined],
  ['', undefined],
  [undefined, undefined],
])('field 13: the address in %j is %j', (text, address) => {
  expect(plainAddress(text)).toBe(address);
});

test.each([
  ['203.0.113.9:1', '203.0.113.9:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['[2001:db8:1:2::1]:80', '2001:0db8:0001:0002:aaaa::'],
  ['2001:db8::1', '2001:db8:0:0:5::'],
  ['::1', '::2'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
])('field 13: %s and %s count as one client', (one, other) => {
  expect(clientNetwork(one)).toBe(clientNetwork(other));
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['2001:db8::1', '2001:db8:0:1::1'],
  ['192.0.2.1', '192.0.2.2'],
])('field 13: %s and %s count as two clients', (one, other) => {
  expect(clientNetwork(one)).not.toBe(clientNetwork(other));
});

test('field 13: a proxy is trusted by its address, with or without a port', () => {
  const isTrusted = trustedHops(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);
  const hops = [
    '10.1.2.3',
    '10.1.2.3:80',
    '::ffff:10.1.2.3',
    '192.0.2.1',
    '[fd00::1]:80',
    '192.0.2.2',
    'fe80::1',
    'x',
  ];
  expect(hops.filter(isTrusted)).toEqual(hops.slice(0, 5));
});

test('field 13: whoever connects to a Unix socket is trusted to name the client', () => {
  expect(trustedHops([])(undefined)).toBe(true);
  expect(trustedHops([])('127.0.0.1')).toBe(false);
});

test.each(['1', ':', '[:', '1:', '.', ' ', 'f:0.'])(
  'field 13: what is longer than any address is not examined (%j)',
  (part) => {
    const exec = vi.spyOn(RegExp.prototype, 'exec');
    expect(plainAddress(`x${part.repeat(LONG)}x`)).toBeUndefined();
    expect(plainAddress(part.repeat(LONG))).toBeUndefined();
    const lengths = exec.mock.calls.map(([text]) => text.length);
    exec.mockRestore();
    expect(Math.max(0, ...lengths)).toBeLessThan(60);
  },
);

describe('the client behind proxies', () => {
  const PROXY = '10.0.0.1';
  const isTrusted = vi.fn(trustedHops(['10.0.0.0/8']));
  const clientOf = (forwardedFor: string | undefined, remoteAddress: string | undefined = PROXY) => {
    isTrusted.mockClear();
    return clientAddressReader(isTrusted)({
      headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
      socket: { remoteAddress } as Socket,
    });
  };

  test.each([
    [undefined, PROXY],
    ['', PROXY],
    [' , ,', PROXY],
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['198.51.100.7,203.0.113.9,\t10.0.0.2:80 ', '203.0.113.9'],
    ['198.51.100.7, unknown, 10.0.0.2', 'unknown'],
    ['203.0.113.9,,10.0.0.2,', '203.0.113.9'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    [', 10.0.0.2', '10.0.0.2'],
  ])('field 13: of the list %j is %s', (list, address) => {
    expect(clientOf(list)).toBe(address);
  });

  test('field 13: is the one that connects, if that is no trusted proxy', () => {
    expect(clientOf('198.51.100.7', '203.0.113.9')).toBe('203.0.113.9');
  });

  test('field 13: a list is only read from its end to the client', () => {
    expect(clientOf(`${'198.51.100.7, '.repeat(LONG)}203.0.113.9, 10.0.0.2`)).toBe('203.0.113.9');
    expect(isTrusted.mock.calls.flat()).toEqual([PROXY, '10.0.0.2', '203.0.113.9']);
  });

  test('field 13: each address of a list is read once at most', () => {
    expect(clientOf('10.0.0.2,'.repeat(LONG))).toBe('10.0.0.2');
    expect(isTrusted.mock.calls.length).toBeLessThanOrEqual(LONG + 1);
  });
});
