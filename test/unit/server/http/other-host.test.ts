import { describe, expect, test } from 'vitest';
import { otherHost } from '../../../../src/server/http/other-host.ts';

const PUBLIC = 'https://updates.example.com';
const LOCAL = 'http://127.0.0.1:4680';
const proxied = { 'x-forwarded-for': '203.0.113.7' };

describe('field 2: a request came for another host than the public URL names', () => {
  test.each([
    ['by X-Forwarded-Host', { 'x-forwarded-host': 'new.example.com' }, PUBLIC, 'new.example.com'],
    ['by the first of several', { 'x-forwarded-host': 'a.example, b.example' }, PUBLIC, 'a.example'],
    [
      'by Forwarded',
      { forwarded: 'for=1.2.3.4;host="new.example.com:8443";proto=https' },
      PUBLIC,
      'new.example.com:8443',
    ],
    ['by Host', { ...proxied, host: 'new.example.com' }, PUBLIC, 'new.example.com'],
    [
      'by another port',
      { 'x-forwarded-host': 'updates.example.com:8443' },
      PUBLIC,
      'updates.example.com:8443',
    ],
    ['by any name, where it is on loopback', { host: 'updates.example.com' }, LOCAL, 'updates.example.com'],
    ['by another port on loopback', { 'x-forwarded-host': 'localhost:5751' }, LOCAL, 'localhost:5751'],
  ])('%s', (_, headers, publicUrl, host) => {
    expect(otherHost(headers, publicUrl)).toBe(host);
  });

  test.each([
    ['the same host', { ...proxied, host: 'updates.example.com' }, PUBLIC],
    ['the same host with its port', { 'x-forwarded-host': 'UPDATES.example.com:443' }, PUBLIC],
    ['another name of loopback', { host: 'localhost:4680' }, LOCAL],
    ['a health check by address, without a proxy', { host: '10.0.0.5:4680' }, PUBLIC],
    ['no host at all', { ...proxied }, PUBLIC],
    ['what is no host', { 'x-forwarded-host': 'a"}\u001b[31m<script>' }, PUBLIC],
    ['a host that is too long', { 'x-forwarded-host': 'a'.repeat(10_000) }, PUBLIC],
  ])('is not said of %s', (_, headers, publicUrl) => {
    expect(otherHost(headers, publicUrl)).toBeUndefined();
  });
});
