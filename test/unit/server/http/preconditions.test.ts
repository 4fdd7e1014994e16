import { describe, expect, test } from 'vitest';
import { evaluatePreconditions, matchesEtag } from '../../../../src/server/http/preconditions.ts';

const ETAG = '"abc"';
const CHANGED = new Date('2026-03-13T12:00:00.789Z');
const validators = { etag: ETAG, lastModified: CHANGED };
const SAME = 'Fri, 13 Mar 2026 12:00:00 GMT';
const BEFORE = 'Fri, 13 Mar 2026 11:59:59 GMT';
const AFTER = 'Fri, 13 Mar 2026 12:00:01 GMT';

describe('field 13: the conditions of RFC 9110', () => {
  test.each([
    [{}, 'send'],
    [{ 'if-match': ETAG }, 'send'],
    [{ 'if-match': '*' }, 'send'],
    [{ 'if-match': '"other", "abc"' }, 'send'],
    [{ 'if-match': '"a,b","abc"' }, 'send'],
    [{ 'if-match': '"other"' }, 'failed'],
    [{ 'if-match': 'W/"abc"' }, 'failed'], // strong comparison
    [{ 'if-match': 'W/"abc-gzip"' }, 'failed'],
    [{ 'if-match': '"abc-gzip"' }, 'failed'],
    [{ 'if-match': 'abc' }, 'failed'],
    [{ 'if-match': '' }, 'failed'],
    [{ 'if-unmodified-since': SAME }, 'send'],
    [{ 'if-unmodified-since': AFTER }, 'send'],
    [{ 'if-unmodified-since': BEFORE }, 'failed'],
    [{ 'if-unmodified-since': 'Friday, 13-Mar-26 11:59:59 GMT' }, 'failed'],
    [{ 'if-unmodified-since': 'Fri Mar 13 11:59:59 2026' }, 'failed'],
    [{ 'if-unmodified-since': 'Fri Mar  6 11:59:59 2026' }, 'failed'],
    [{ 'if-unmodified-since': '0' }, 'send'], // no date
    [{ 'if-unmodified-since': '2015-01-01' }, 'send'],
    [{ 'if-unmodified-since': 'Fri, 99 Mar 2026 11:59:59 GMT' }, 'send'],
    [{ 'if-match': ETAG, 'if-unmodified-since': BEFORE }, 'send'], // the tag wins
    [{ 'if-none-match': ETAG }, 'not_modified'],
    [{ 'if-none-match': `W/${ETAG}` }, 'not_modified'], // weak comparison
    [{ 'if-none-match': `"x", W/${ETAG}` }, 'not_modified'],
    [{ 'if-none-match': '*' }, 'not_modified'],
    [{ 'if-none-match': '"other"' }, 'send'],
    [{ 'if-none-match': '"other"', 'if-modified-since': AFTER }, 'send'], // the tag wins
    [{ 'if-modified-since': SAME }, 'not_modified'],
    [{ 'if-modified-since': AFTER }, 'not_modified'],
    [{ 'if-modified-since': BEFORE }, 'send'],
    [{ 'if-modified-since': 'yesterday' }, 'send'],
    [{ 'if-match': '"other"', 'if-none-match': ETAG }, 'failed'],
    [{ 'if-match': ETAG, 'if-none-match': ETAG }, 'not_modified'],
    [{ 'if-range': ETAG }, 'send'],
    [{ 'if-range': SAME }, 'send'],
    [{ 'if-range': `W/${ETAG}` }, 'send_whole'],
    [{ 'if-range': '"other"' }, 'send_whole'],
    [{ 'if-range': '"x", "abc"' }, 'send_whole'],
    [{ 'if-range': AFTER }, 'send_whole'], // only exactly
    [{ 'if-range': 'nonsense' }, 'send_whole'],
  ] as const)('%j: %s', (headers, expected) => {
    expect(evaluatePreconditions(headers, validators)).toBe(expected);
  });

  test('without a date, conditions on it do not apply', () => {
    const headers = { 'if-unmodified-since': BEFORE, 'if-modified-since': AFTER };
    expect(evaluatePreconditions(headers, { etag: ETAG })).toBe('send');
  });

  test('a tag that is part of another one does not match', () => {
    expect(matchesEtag('"xabc"', ETAG)).toBe(false);
    expect(matchesEtag('"abc" ', ETAG)).toBe(true);
  });
});
