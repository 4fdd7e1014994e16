import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parsePostgresUrl } from '../../../../src/database/postgres/postgres-url.ts';
import { OtaError } from '../../../../src/errors.ts';

const refusal = (url: string) => {
  try {
    parsePostgresUrl(url);
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  return undefined;
};

describe('the URL of a database', () => {
  test.each([
    ['postgres://h/db', [{ host: 'h' }], { database: 'db' }],
    ['postgresql://me:pw@h:5433/db', [{ host: 'h', port: 5433 }], { user: 'me', password: 'pw' }],
    ['postgres://me:a%2Fb%40c%3F%23%25%3A@h/db', [{ host: 'h' }], { password: 'a/b@c?#%:' }],
    ['postgres://me:a:b@h/db', [{ host: 'h' }], { password: 'a:b' }],
    ['postgres://me@[::1]:5433/db', [{ host: '::1', port: 5433 }], { user: 'me' }],
    ['postgres://me@/db?host=/run/postgresql', [{ host: '/run/postgresql' }], { database: 'db' }],
    ['postgres://me@%2Frun%2Fpostgresql:5433/db', [{ host: '/run/postgresql', port: 5433 }], {}],
    ['postgres://me@h:5433/db?host=%2Frun', [{ host: '/run', port: 5433 }], {}],
    ['postgres://', [{}], {}],
    ['postgres://h/db?user=me&password=p%26w', [{ host: 'h' }], { user: 'me', password: 'p&w' }],
    ['postgres://h/db?connect_timeout=7', [{ host: 'h' }], { connectionTimeoutMillis: 7000 }],
    ['postgres://h/db?application_name=x', [{ host: 'h' }], { application_name: 'x' }],
    ['postgres://h/db?options=-c%20search_path%3Dota', [{ host: 'h' }], { options: '-c search_path=ota' }],
  ])('%s', (url, hosts, config) => {
    const parsed = parsePostgresUrl(url);
    expect(parsed.hosts).toEqual(hosts);
    expect(parsed.config).toMatchObject(config);
  });

  test.each([
    ['h1,h2:5433', [{ host: 'h1' }, { host: 'h2', port: 5433 }]],
    [
      '[::1]:1,10.0.0.1:2,db.example.com',
      [{ host: '::1', port: 1 }, { host: '10.0.0.1', port: 2 }, { host: 'db.example.com' }],
    ],
  ])('field 15: has several hosts: %s', (authority, hosts) => {
    const target = '?target_session_attrs=read-write';
    expect(parsePostgresUrl(`postgres://me:pw@${authority}/db${target}`).hosts).toEqual(hosts);
  });

  test('field 15: has several hosts and ports as parameters', () => {
    expect(parsePostgresUrl('postgres://me@/db?host=h1,h2&port=1,2').hosts).toEqual([
      { host: 'h1', port: 1 },
      { host: 'h2', port: 2 },
    ]);
    expect(parsePostgresUrl('postgres://me@/db?host=h1,h2&port=1').hosts).toEqual([
      { host: 'h1', port: 1 },
      { host: 'h2', port: 1 },
    ]);
    expect(refusal('postgres://me@/db?host=h1,h2&port=1,2,3')).toMatchObject({ code: 'usage' });
  });

  test.each([
    'target_session_attrs=standby',
    'target_session_attrs=read-only',
    'target_session_attrs=readwrite',
    'max=3',
    'pool_size=3',
    'unknown=1',
    'sslmode',
    'port=abc',
    'connect_timeout=soon',
  ])('field 15: is refused with ?%s', (query) => {
    expect(refusal(`postgres://me@h/db?${query}`)).toMatchObject({ code: 'usage' });
  });

  describe('field B9: without sslmode', () => {
    const sslWith = (PGSSLMODE: string, query = '') => {
      vi.stubEnv('PGSSLMODE', PGSSLMODE);
      onTestFinished(() => void vi.unstubAllEnvs());
      return parsePostgresUrl(`postgres://me@h/db${query}`).config.ssl;
    };

    test('takes that of PGSSLMODE, which it wins over', () => {
      expect(sslWith('verify-full')).toEqual({});
      expect(sslWith('no-verify')).toEqual({ rejectUnauthorized: false });
      expect(sslWith('disable')).toBe(false);
      expect(sslWith('')).toBeUndefined();
      expect(sslWith('verify-full', '?sslmode=disable')).toBe(false);
    });

    test('is refused with an unknown PGSSLMODE, and with what may be meant', () => {
      for (const mode of ['verify_full', 'VERIFY-FULL']) {
        const refused = expect(() => sslWith(mode));
        refused.toThrow(
          expect.objectContaining({ hint: expect.stringContaining('Did you mean verify-full?') }),
        );
      }
      expect(() => sslWith('on')).toThrow('PGSSLMODE has an unknown value');
    });
  });

  describe('field 15: with a password that is not percent-encoded', () => {
    test.each([
      '12/S3cretTail',
      '7/e4Zq8w==',
      'p@ss/w#rd%41?:&',
      '12345?et9',
      'tb/e4',
      'S3cr#et',
      'S3cr?et',
      'a%zz',
      'x@y',
    ])('is refused with how to encode it: %s', (password) => {
      const error = refusal(`postgres://ota:${password}@127.0.0.1:52432/ota`);
      expect(error?.hint).toContain('percent-encoded');
      expect(inspect(error)).not.toContain(password);
    });

    const raw = fc.string({ minLength: 4, unit: fc.constantFrom(...'QX7/?#@:%&=+,;!$[]{}"\' é') });

    test('never repeats a piece of it, and connects with nothing but the password', () => {
      fc.assert(
        fc.property(raw, (secret) => {
          const password = `QX${secret}XQ`;
          const url = `postgres://ota:${password}@db.test:5432/ota?sslmode=verify-full`;
          try {
            const { hosts, config } = parsePostgresUrl(url);
            expect(hosts).toEqual([{ host: 'db.test', port: 5432 }]);
            expect(config).toMatchObject({ user: 'ota', database: 'ota' });
          } catch (error) {
            if (!(error instanceof OtaError)) throw error;
            const shown = inspect(error, { depth: 9, showHidden: true });
            for (let i = 0; i + 4 <= password.length; i++) {
              const piece = password.slice(i, i + 4);
              if (/[QX7]/.test(piece)) expect(shown).not.toContain(piece);
            }
          }
        }),
        { numRuns: 2000 },
      );
    });
  });
});
