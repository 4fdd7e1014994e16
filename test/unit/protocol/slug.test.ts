import { describe, expect, test } from 'vitest';
import { isReservedSlug, isSlug, RESERVED_SLUGS } from '../../../src/protocol/slug.ts';

describe('isSlug', () => {
  test.each([
    ['the example of api.md', 'my-app'],
    ['3 characters', 'abc'],
    ['40 characters', 'a'.repeat(40)],
    ['digits only', '123'],
    ['a digit at either end', '7zip-2'],
    ['hyphens in a row', 'my--app'],
    ['a hyphen as its only inner character', 'a-b'],
    ['a reserved word', 'download'],
  ])('accepts %s', (_, slug) => {
    expect(isSlug(slug)).toBe(true);
  });

  test.each([
    ['nothing', ''],
    ['2 characters', 'ab'],
    ['41 characters', 'a'.repeat(41)],
    ['a hyphen in front', '-my-app'],
    ['a hyphen at the end', 'my-app-'],
    ['an upper-case letter', 'My-app'],
    ['an underscore', 'my_app'],
    ['a dot', 'my.app'],
    ['a slash', 'my/app'],
    ['a space', 'my app'],
    ['a trailing line end', 'my-app\n'],
    ['a second line', 'my-app\nmy-app'],
    ['a letter outside ASCII', 'caf\u00e9'],
    ['a digit of another script', 'app-\u0663'],
    ['a parent folder', '...'],
  ])('refuses %s', (_, slug) => {
    expect(isSlug(slug)).toBe(false);
  });
});

describe('isReservedSlug', () => {
  test.each(['apps', 'download', 'downloads', 'latest', 'admin', 'api'])('is true of %s', (slug) => {
    expect(isReservedSlug(slug)).toBe(true);
  });

  test.each(['my-app', 'apps-2', 'my-download', 'app', ''])('is false of "%s"', (slug) => {
    expect(isReservedSlug(slug)).toBe(false);
  });

  test('concerns only words that are well-formed slugs', () => {
    expect(RESERVED_SLUGS.filter((slug) => !isSlug(slug))).toEqual([]);
  });
});
