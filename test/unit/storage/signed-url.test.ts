import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type SigningKey,
  type SigningKeys,
  signPath,
  verifyTarget,
} from '../../../src/storage/signed-url.ts';

const NOW = new Date('2026-03-13T12:00:00Z');
const EXPIRES_AT = new Date('2026-03-13T13:00:00Z');
const PATH = '/api/sync/ota/uploads/880b1700-3c5e-4b8e-9d0a-1f2e3d4c5b6a';

function newKey(id: string): SigningKey {
  return { id, secret: randomBytes(32) };
}

/** Keys, the last of which signs. */
function ring(...keys: SigningKey[]): SigningKeys {
  return {
    current: async () => keys.at(-1) ?? newKey('00000000'),
    find: async (id) => keys.find((key) => key.id === id),
  };
}

const keys = ring(newKey('0a1b2c3d'), newKey('4e5f6a7b'));

test.each(['GET', 'PUT'] as const)('a URL for %s is valid until it expires', async (method) => {
  const target = await signPath(keys, { method, path: PATH, expiresAt: EXPIRES_AT });
  expect(await verifyTarget(keys, { method, target }, NOW)).toBe('valid');
  expect(await verifyTarget(keys, { method, target }, new Date(EXPIRES_AT.getTime() - 1))).toBe('valid');
  expect(await verifyTarget(keys, { method, target }, EXPIRES_AT)).toBe('expired');
  expect(await verifyTarget(keys, { method, target }, new Date(EXPIRES_AT.getTime() + 1e12))).toBe('expired');
});

describe('R13', () => {
  const other = fc.constantFrom(
    ...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_=&?/%.+ \n\0é',
  );
  /** A URL made from a good one. */
  const mutation = fc.oneof(
    fc.tuple(fc.nat(), other).map(
      ([at, char]) =>
        (url: string) =>
          replaceAt(url, at % url.length, 1, char),
    ),
    fc.tuple(fc.nat(), other).map(
      ([at, char]) =>
        (url: string) =>
          replaceAt(url, at % (url.length + 1), 0, char),
    ),
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 80 })).map(
      ([at, length]) =>
        (url: string) =>
          replaceAt(url, at % url.length, length, ''),
    ),
    fc.nat().map((length) => (url: string) => url.slice(0, length % url.length)),
    fc.string().map((text) => (url: string) => url + text),
    fc.tuple(fc.nat(), fc.nat()).map(
      ([a, b]) =>
        (url: string) =>
          swap(url, a % url.length, b % url.length),
    ),
    fc.nat().map((at) => (url: string) => {
      const i = at % url.length;
      return replaceAt(url, i, 1, `%${url.charCodeAt(i).toString(16).padStart(2, '0')}`);
    }),
    fc.constantFrom(
      (url: string) => url.toUpperCase(),
      (url: string) => url.replace('?', '?&'),
      (url: string) => url.replace(/(expires=\d+)&(key=\w+)/, '$2&$1'),
      (url: string) => url.replace(/expires=/, 'expires=0'),
      (url: string) => url.replace(/signature=.*/, 'signature='),
      (url: string) => url.replace(/key=\w+/, 'key=0a1b2c3d'),
      (url: string) => `${url}&${url.split('?')[1]}`,
      (url: string) => `http://updates.example.com${url}`,
      (url: string) => url.replace('/uploads/', '//uploads/'),
      (url: string) => url.replace('/uploads/', '/x/../uploads/'),
    ),
  );

  test('of 10,000 mutated and truncated URLs none is accepted', async () => {
    const good = await signPath(keys, { method: 'PUT', path: PATH, expiresAt: EXPIRES_AT });
    let tried = 0;
    const property = fc.asyncProperty(mutation, async (mutate) => {
      const mutated = mutate(good);
      fc.pre(mutated !== good);
      tried++;
      expect(await verifyTarget(keys, { method: 'PUT', target: mutated }, NOW)).toBe('refused');
    });
    await fc.assert(property, { numRuns: 10_000 });
    expect(tried).toBeGreaterThanOrEqual(10_000);
  });

  test('of 1,000 URLs for the other method none is accepted', async () => {
    for (let i = 0; i < 500; i++) {
      const forPut = await signPath(keys, { method: 'PUT', path: `${PATH}${i}`, expiresAt: EXPIRES_AT });
      const forGet = await signPath(keys, { method: 'GET', path: `${PATH}${i}`, expiresAt: EXPIRES_AT });
      expect(await verifyTarget(keys, { method: 'GET', target: forPut }, NOW)).toBe('refused');
      expect(await verifyTarget(keys, { method: 'PUT', target: forGet }, NOW)).toBe('refused');
    }
  });

  test('of 1,000 expired URLs none is accepted', async () => {
    for (let i = 0; i < 1000; i++) {
      const target = await signPath(keys, {
        method: 'GET',
        path: PATH,
        expiresAt: new Date(NOW.getTime() - i * 977),
      });
      expect(await verifyTarget(keys, { method: 'GET', target }, NOW)).toBe('expired');
    }
  });

  test('the signature of one URL is not valid for another path, expiry or key', async () => {
    const [firstKey, secondKey] = [newKey('0a1b2c3d'), newKey('4e5f6a7b')];
    const both = ring(firstKey, secondKey);
    const good = await signPath(both, { method: 'GET', path: PATH, expiresAt: EXPIRES_AT });
    const signature = good.slice(good.indexOf('&signature='));
    const others = [
      await signPath(both, { method: 'GET', path: `${PATH}0`, expiresAt: EXPIRES_AT }),
      await signPath(both, { method: 'GET', path: PATH, expiresAt: new Date(EXPIRES_AT.getTime() + 1000) }),
      await signPath(ring(firstKey), { method: 'GET', path: PATH, expiresAt: EXPIRES_AT }),
    ];
    for (const target of others) {
      expect(await verifyTarget(both, { method: 'GET', target }, NOW)).toBe('valid');
      const withOther = target.replace(/&signature=.*/, signature);
      expect(await verifyTarget(both, { method: 'GET', target: withOther }, NOW)).toBe('refused');
    }
  });
});

describe('when keys rotate', () => {
  test('URLs that an earlier key signed stay valid, and new ones are signed with the newest', async () => {
    const [first, second] = [newKey('11111111'), newKey('22222222')];
    const before = await signPath(ring(first), { method: 'GET', path: PATH, expiresAt: EXPIRES_AT });
    const rotated = ring(first, second);
    const after = await signPath(rotated, { method: 'GET', path: PATH, expiresAt: EXPIRES_AT });
    expect(before).toContain('key=11111111');
    expect(after).toContain('key=22222222');
    expect(await verifyTarget(rotated, { method: 'GET', target: before }, NOW)).toBe('valid');
    expect(await verifyTarget(rotated, { method: 'GET', target: after }, NOW)).toBe('valid');
  });

  test('URLs of a key that is forgotten, or has another secret, are refused', async () => {
    const first = newKey('11111111');
    const target = await signPath(ring(first), { method: 'GET', path: PATH, expiresAt: EXPIRES_AT });
    expect(await verifyTarget(ring(newKey('22222222')), { method: 'GET', target }, NOW)).toBe('refused');
    expect(await verifyTarget(ring(newKey('11111111')), { method: 'GET', target }, NOW)).toBe('refused');
  });
});

function replaceAt(text: string, at: number, length: number, replacement: string): string {
  return text.slice(0, at) + replacement + text.slice(at + length);
}

function swap(text: string, a: number, b: number): string {
  const characters = text.split('');
  [characters[a], characters[b]] = [characters[b] ?? '', characters[a] ?? ''];
  return characters.join('');
}
