import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/errors.ts';
import { compareListing, findContentProblem } from '../../../src/storage/compare-files.ts';
import type { ListedFile } from '../../../src/storage/file-inventory.ts';

async function* listed(...files: ListedFile[]): AsyncIterable<ListedFile> {
  yield* files;
}

const record = (storageKey: string, bytes: string) => ({
  storageKey,
  size: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

describe('compared with what a storage lists, records', () => {
  test('are damaged where a file is missing or has another size, in their order', async () => {
    const [a, b, c] = [record('a', '1'), record('b', '12'), record('c', '123')];
    const { damaged, unrecorded } = await compareListing(
      [a, b, c],
      listed({ name: 'other', size: 9 }, { name: 'b', size: 2 }, { name: 'a', size: 7 }),
    );
    expect(damaged).toEqual([
      { record: a, problem: 'wrong_size' },
      { record: c, problem: 'missing' },
    ]);
    expect(unrecorded).toEqual([{ name: 'other', size: 9 }]);
  });

  test('of nothing leave everything unrecorded', async () => {
    expect(await compareListing([], listed({ name: 'a', size: 1 }))).toEqual({
      damaged: [],
      unrecorded: [{ name: 'a', size: 1 }],
    });
  });
});

describe('the content of a file', () => {
  const reading = (read: () => AsyncIterable<Uint8Array>) => findContentProblem({ read }, record('a', 'abc'));
  const returning = (text: string) =>
    reading(async function* () {
      yield Buffer.from(text);
    });
  const failing = (error: Error) =>
    // biome-ignore lint/correctness/useYield: it fails before
    reading(async function* () {
      throw error;
    });

  test.each([
    ['abc', undefined],
    ['abd', 'wrong_hash'],
    ['ab', 'wrong_size'],
    ['abcd', 'wrong_size'],
  ])('%j is found to be %s', async (text, problem) => {
    expect(await returning(text)).toBe(problem);
  });

  test('that cannot be read is damage, unless the storage cannot be reached', async () => {
    expect(await failing(Object.assign(new Error('EIO'), { code: 'EIO' }))).toBe('unreadable');
    await expect(failing(new OtaError('store_unavailable', 'away'))).rejects.toThrow('away');
  });
});
