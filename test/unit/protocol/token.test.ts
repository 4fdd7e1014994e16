import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { equalDigests, generateToken, hashToken, isWellFormedToken } from '../../../src/protocol/token.ts';

// Made apart from this code: `sko_`, 30 characters, their CRC-32 in 6 digits of base 62.
const KNOWN = 'sko_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp';
const WITH_PADDED_CHECKSUM = 'sko_synckit00000000000000000000370003yhm';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('generateToken', () => {
  test('makes the prefix, 30 random characters and a checksum of 6', () => {
    expect(generateToken()).toMatch(/^sko_[0-9A-Za-z]{36}$/);
  });

  test('makes 1,000 well-formed tokens, all distinct, that use the whole alphabet', () => {
    const tokens = Array.from({ length: 1000 }, generateToken);
    expect(tokens.filter((token) => !isWellFormedToken(token))).toEqual([]);
    expect(new Set(tokens).size).toBe(1000);
    const used = new Set(tokens.flatMap((token) => [...token.slice(4, 34)]));
    expect([...used].sort().join('')).toBe(ALPHABET);
  });
});

describe('isWellFormedToken', () => {
  test.each([KNOWN, WITH_PADDED_CHECKSUM])('accepts %s', (token) => {
    expect(isWellFormedToken(token)).toBe(true);
  });

  test('refuses a token with any one character changed', () => {
    const changed = [...KNOWN].flatMap((original, i) =>
      [...ALPHABET, '_']
        .filter((character) => character !== original)
        .map((character) => KNOWN.slice(0, i) + character + KNOWN.slice(i + 1)),
    );
    expect(changed).toHaveLength(40 * 62);
    expect(changed.filter(isWellFormedToken)).toEqual([]);
  });

  test.each([
    ['nothing', ''],
    ['the prefix alone', 'sko_'],
    ['a token without its prefix', KNOWN.slice(4)],
    ['the prefix in upper case', KNOWN.replace('sko_', 'SKO_')],
    ['a token cut short by one', KNOWN.slice(0, -1)],
    ['a token with one character more', `${KNOWN}0`],
    ['a token with its line end', `${KNOWN}\n`],
    ['a token with space before it', ` ${KNOWN}`],
    ['a token with its scheme', `Bearer ${KNOWN}`],
    ['a token with two neighbours swapped', KNOWN.replace('01', '10')],
    ['a checksum without its leading zeros', WITH_PADDED_CHECKSUM.replace('003yhm', '3yhm')],
  ])('refuses %s', (_, text) => {
    expect(isWellFormedToken(text)).toBe(false);
  });
});

describe('hashToken', () => {
  test('is the SHA-256 of the whole token, in lower-case hexadecimal', () => {
    expect(hashToken(KNOWN)).toBe(createHash('sha256').update(KNOWN, 'utf8').digest('hex'));
    // FIPS 180-2, appendix B.1
    expect(hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('equalDigests', () => {
  const digest = hashToken(KNOWN);

  test('is true of the same digest', () => {
    expect(equalDigests(digest, hashToken(KNOWN))).toBe(true);
  });

  test.each([
    ['of another token', hashToken(WITH_PADDED_CHECKSUM)],
    ['with another last digit', digest.slice(0, -1) + (digest.endsWith('0') ? '1' : '0')],
    ['cut short', digest.slice(0, -2)],
    ['followed by more', `${digest}00`],
    ['that is empty', ''],
  ])('is false of a digest %s', (_, other) => {
    expect(equalDigests(digest, other)).toBe(false);
    expect(equalDigests(other, digest)).toBe(false);
  });
});
