import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSize } from '../../../../src/cli/options/quantities.ts';
import { sizeInWords } from '../../../../src/protocol/upload/size-in-words.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';

test.each([
  [2_000_000_000, '2 GB'],
  [2 * 1024 ** 3, '2 GiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [64_000, '64 kB'],
  [64 * 1024, '64 KiB'],
  [250 * 1024, '256 kB'],
  [512, '512 B'],
  [0, '0 B'],
  [2_147_483_649, '2,147,483,649 bytes'],
])('a limit of %i bytes is %s', (bytes, text) => {
  expect(sizeInWords(bytes)).toBe(text);
});

/** 125 KiB are 128 kB: where both families have a whole number, it is the decimal one. */
const inWords = (number: number, family: string) =>
  family === 'KiB' && number % 125 === 0 ? `${number * 1.024} kB` : `${number} ${family}`;

test('what was given comes back in its own family of units, and means the same', () => {
  const unit = fc.constantFrom('kB', 'MB', 'GB', 'TB', 'KiB', 'MiB', 'GiB', 'TiB');
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999 }), unit, (number, family) => {
      const read = (text: string) => collectProblems((errors) => readSize('--size', text, errors)).value;
      const bytes = read(`${number}${family}`);
      expect(sizeInWords(bytes)).toBe(inWords(number, family));
      expect(read(sizeInWords(bytes))).toBe(bytes);
    }),
  );
});
