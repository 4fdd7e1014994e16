import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { GuardedLookup } from '../../../../src/client/transport/guarded-lookup.ts';

const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'updates.example': ['203.0.113.7'],
  'updates.corp.example': ['10.0.0.7'],
  'cdn.example': ['198.51.100.1', '2001:db8::1'],
  'bucket.corp.example': ['10.0.0.8'],
  'metadata.example': ['203.0.113.8', '169.254.169.254'],
  'mapped.example': ['::ffff:127.0.0.1'],
};

/** A name server that has these names, and gives what it was asked for. */
const lookup: LookupFunction = (hostname, options, callback) => {
  const found = (ADDRESSES[hostname] ?? []).map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }));
  const [first] = found;
  if (first === undefined) callback(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }), '');
  else if (options.all) callback(null, found);
  else callback(null, first.address, first.family);
};

function resolveWith(function_: LookupFunction, hostname: string, all = true): Promise<unknown> {
  return new Promise((resolve, reject) => {
    function_(hostname, { all }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

describe('attack G09: a name that a server handed out', () => {
  const refused = { code: 'not_the_api', issueIds: ['server.internal_url'] };

  test.each(['bucket.corp.example', 'metadata.example', 'mapped.example'])(
    'is refused where it stands for an address inside, and the server is outside: %s',
    async (name) => {
      const guard = new GuardedLookup(new URL('https://updates.example'), lookup);
      await resolveWith(guard.trusted, 'updates.example');
      for (const all of [true, false]) {
        const answer = resolveWith(guard.handedOut, name, all);
        // Without `all` only the first address is ever used.
        if (!all && name === 'metadata.example') await expect(answer).resolves.toBe('203.0.113.8');
        else await expect(answer).rejects.toMatchObject(refused);
      }
      await expect(resolveWith(guard.handedOut, 'cdn.example')).resolves.toHaveLength(2);
    },
  );

  test('is used where the server is in the same network', async () => {
    const guard = new GuardedLookup(new URL('https://updates.corp.example'), lookup);
    await resolveWith(guard.trusted, 'updates.corp.example');
    await expect(resolveWith(guard.handedOut, 'bucket.corp.example')).resolves.toBeDefined();
    await expect(resolveWith(guard.handedOut, 'metadata.example')).rejects.toMatchObject(refused);
  });

  test('is used where it is the server’s own', async () => {
    const guard = new GuardedLookup(new URL('https://updates.corp.example'), lookup);
    await expect(resolveWith(guard.handedOut, 'updates.corp.example')).resolves.toBeDefined();
  });

  test('is not known to be anything where there is no such name', async () => {
    const guard = new GuardedLookup(new URL('https://updates.example'), lookup);
    await expect(resolveWith(guard.handedOut, 'missing.example')).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  });
});
