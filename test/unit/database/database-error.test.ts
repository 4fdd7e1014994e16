import { describe, expect, test } from 'vitest';
import {
  commitFailure,
  databaseFailure,
  endsSession,
  mayBeCommitted,
} from '../../../src/database/database-error.ts';
import { OtaError } from '../../../src/errors.ts';

const failure = (fields: object) => Object.assign(new Error('failed'), fields);
const ofPostgres = (code: string) => failure({ code, severity: 'ERROR' });

describe('an error of SQLite', () => {
  test.each([
    ['SQLITE_FULL', 'no_space'],
    ['SQLITE_IOERR_FSYNC', 'durability_lost'],
    ['SQLITE_IOERR_WRITE', 'store_unavailable'],
    ['SQLITE_BUSY', 'store_unavailable'],
    ['SQLITE_CORRUPT', 'store_unavailable'],
  ])('of %s is one of %s', (code, expected) => {
    const cause = failure({ code });
    expect(databaseFailure(cause)).toMatchObject({ name: 'OtaError', code: expected, cause });
  });
});

describe('an error of PostgreSQL', () => {
  test.each([
    ['53100', 'no_space', 'disk_full'],
    ['53300', 'store_unavailable', 'too_many_connections'],
    ['08006', 'store_unavailable', 'connection_failure'],
    ['57P01', 'store_unavailable', 'admin_shutdown'],
    ['57P03', 'store_unavailable', 'cannot_connect_now'],
    ['57014', 'store_unavailable', 'query_canceled, by statement_timeout'],
    ['55P03', 'store_unavailable', 'lock_not_available, by lock_timeout'],
    ['25P03', 'store_unavailable', 'idle_in_transaction_session_timeout'],
    ['25006', 'store_unavailable', 'read_only_sql_transaction'],
    ['40001', 'store_unavailable', 'serialization_failure, after all tries'],
    ['42P01', 'store_unavailable', 'undefined_table'],
    ['58030', 'store_unavailable', 'io_error'],
    ['XX001', 'store_unavailable', 'data_corrupted'],
  ])('of %s is one of %s: %s', (code, expected) => {
    const cause = ofPostgres(code);
    expect(databaseFailure(cause)).toMatchObject({ name: 'OtaError', code: expected, cause });
  });

  test('of a server that was demoted has the hint to use the primary', () => {
    expect(databaseFailure(ofPostgres('25006'))?.hint).toContain('primary');
  });

  test.each(['22021', '23502', '23505', '23514'])('of %s is a bug of this program', (code) => {
    expect(databaseFailure(ofPostgres(code))).toBeUndefined();
  });

  test.each(['08006', '57P01', '57P02', '25P03', 'XX000'])('of %s ends the session', (code) => {
    expect(endsSession(ofPostgres(code))).toBe(true);
  });

  test.each(['40001', '23505', '57014', '55P03', '53100', '42P01'])('of %s does not', (code) => {
    expect(endsSession(ofPostgres(code))).toBe(false);
  });
});

test.each([
  undefined,
  null,
  new Error('none'),
  { code: 5 },
  failure({ code: 'ENOENT' }),
  failure({ code: 'EPIPE' }), // five letters, as an SQLSTATE has
])('%s is not a database error', (error) => {
  expect(databaseFailure(error)).toBeUndefined();
});

describe('a transaction that failed', () => {
  const commit = (error: unknown) => mayBeCommitted(commitFailure(error));

  test.each(['40001', '40P01', '23505', '53100', '57014'])(
    'at its commit with %s was rolled back',
    (code) => {
      expect(commit(ofPostgres(code))).toBe(false);
    },
  );

  test.each([
    ['the connection was lost', failure({ code: 'ECONNRESET' })],
    ['the server was shut down', ofPostgres('57P01')],
    ['there was no answer', new OtaError('store_unavailable', 'no answer')],
  ])('at its commit may be committed when %s', (_, error) => {
    expect(commit(error)).toBe(true);
    expect(commitFailure(error)).toMatchObject({ code: 'outcome_unknown', hint: expect.stringMatching(/./) });
  });

  test.each([
    ['lost its connection before', new OtaError('store_unavailable', 'lost')],
    ['found no room', failure({ code: 'SQLITE_FULL' })],
    ['was refused', ofPostgres('57P01')],
    ['was a mistake', new TypeError('mistake')],
  ])('and %s was not committed', (_, error) => {
    expect(mayBeCommitted(error)).toBe(false);
  });

  test.each(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_WRITE'])('because of %s may be committed', (code) => {
    const error = failure({ code });
    expect([error, databaseFailure(error)].map(mayBeCommitted)).toEqual([true, true]);
  });
});
