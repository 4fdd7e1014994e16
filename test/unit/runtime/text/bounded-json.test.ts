import { describe, expect, test } from 'vitest';
import { parseBoundedJson } from '../../../../src/runtime/text/bounded-json.ts';

describe('attack hostile server: JSON', () => {
  test.each([
    ['is deeper than any answer', '['.repeat(65) + ']'.repeat(65)],
    ['is deep in objects', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
    ['has millions of values', `[${'1,'.repeat(4_000_000)}1]`],
    ['has millions of arrays', `[${'[],'.repeat(2_100_000)}[]]`],
    ['ends in a string', '["a'],
    ['ends in an escape', '["a\\'],
  ])('that %s is not parsed', (_, text) => {
    expect(() => parseBoundedJson(text)).toThrow(SyntaxError);
  });

  test.each([
    ['brackets and commas in strings', JSON.stringify(['[{,'.repeat(2_000_000)])],
    ['escaped quotes and backslashes', JSON.stringify({ '"[[[\\': ['\\', '\\"', '"\\\\"', ''] })],
    ['64 levels', '['.repeat(64) + ']'.repeat(64)],
    ['many levels one after the other', `[${'[[1]],'.repeat(1000)}[]]`],
    ['a value alone', '"a"'],
  ])('with %s is parsed as JSON.parse does', (_, text) => {
    expect(parseBoundedJson(text)).toEqual(JSON.parse(text));
  });
});
