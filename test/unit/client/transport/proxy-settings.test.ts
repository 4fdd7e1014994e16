import { describe, expect, test } from 'vitest';
import { proxyFor } from '../../../../src/client/transport/proxy-settings.ts';

const HTTP = new URL('http://proxy.example:3128');
const HTTPS = new URL('http://proxy.example:3129');

function through(url: string, ...bypass: string[]): URL | undefined {
  return proxyFor(new URL(url), { http: HTTP, https: HTTPS, bypass });
}

describe('a request', () => {
  test("goes through its scheme's proxy, if there is one", () => {
    expect(through('http://updates.example')).toBe(HTTP);
    expect(through('https://updates.example')).toBe(HTTPS);
    const only = { http: HTTP, bypass: [] };
    expect(proxyFor(new URL('https://updates.example'), only)).toBeUndefined();
    expect(proxyFor(new URL('https://updates.example'), { bypass: [] })).toBeUndefined();
  });

  test.each(['http://localhost:4680', 'https://127.0.0.1', 'http://127.1.2.3:80', 'http://[::1]:4680'])(
    'to this machine never does: %s',
    (url) => {
      expect(through(url)).toBeUndefined();
    },
  );
});

describe('NO_PROXY', () => {
  test.each([
    ['*', 'https://updates.example'],
    ['updates.example', 'https://updates.example'],
    ['UPDATES.Example', 'https://updates.example'],
    ['example', 'https://updates.example'],
    ['.example', 'https://updates.example'],
    ['*.example', 'https://updates.example'],
    ['.updates.example', 'https://updates.example'],
    ['updates.example:443', 'https://updates.example'],
    ['updates.example:80', 'http://updates.example'],
    ['.example:8443', 'https://updates.example:8443'],
    ['10.1.2.3', 'http://10.1.2.3'],
    ['10.1.2.3:8080', 'http://10.1.2.3:8080'],
    ['10.0.0.0/8', 'http://10.1.2.3:8080'],
    ['10.1.2.3/32', 'http://10.1.2.3'],
    ['fd00::1', 'http://[fd00::1]'],
    ['[fd00::1]', 'http://[fd00::1]'],
    ['[fd00::1]:8080', 'http://[fd00::1]:8080'],
    ['fd00::/8', 'http://[fd12:3456::1]'],
  ])('with %s covers %s', (entry, url) => {
    expect(through(url, entry)).toBeUndefined();
    expect(through(url, 'other.invalid', entry)).toBeUndefined();
  });

  test.each([
    ['', 'https://updates.example'],
    ['date.example', 'https://update.example'],
    ['dates.example', 'https://updates.example'],
    ['updates.example', 'https://example'],
    ['updates.example:8443', 'https://updates.example'],
    ['updates.example:443', 'https://updates.example:8443'],
    ['2.3', 'http://10.1.2.3'],
    ['10.0.0.0/8', 'http://11.1.2.3'],
    ['10.0.0.0/8', 'http://updates.example'],
    ['10.0.0.0/33', 'http://10.1.2.3'],
    ['10.0.0.0/x', 'http://10.1.2.3'],
    ['10.0.0.0/', 'http://10.1.2.3'],
    ['fd00::/129', 'http://[fd12:3456::1]'],
    ['fd00::/8', 'http://10.1.2.3'],
    ['fd00::1:8080', 'http://[fd00::1]:8080'],
    ['exa*ple', 'https://updates.example'],
    [':443', 'https://updates.example'],
  ])('with %j does not cover %s', (entry, url) => {
    expect(through(url, entry)).toBeDefined();
  });
});
