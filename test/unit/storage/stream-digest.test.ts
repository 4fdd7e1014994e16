import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { digestStream, StreamDigest } from '../../../src/storage/stream-digest.ts';

async function* chunks(...texts: string[]): AsyncIterable<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

test('a stream of the declared size is hashed across its chunks', async () => {
  const digest = await digestStream(chunks('by', 'te', 's'), { size: 5, blake2b512: true });
  expect(digest).toEqual({
    size: 5,
    sha256: createHash('sha256').update('bytes').digest('hex'),
    blake2b512: createHash('blake2b512').update('bytes').digest(),
  });
});

test('BLAKE2b-512 is computed only if it was requested', async () => {
  expect(await digestStream(chunks('bytes'), { size: 5, blake2b512: false })).not.toHaveProperty(
    'blake2b512',
  );
});

test.each([4, 6])('a stream of 5 bytes does not have the declared size of %i', async (size) => {
  expect(await digestStream(chunks('by', 'tes'), { size, blake2b512: false })).toBe('size_differs');
});

test('no more is read of a stream once it is longer than declared', () => {
  const digest = new StreamDigest({ size: 3, blake2b512: false });
  expect(digest.update(Buffer.from('abc'))).toBe(true);
  expect(digest.update(Buffer.from('d'))).toBe(false);
});
