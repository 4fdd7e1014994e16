import { createHash, randomBytes } from 'node:crypto';
import { open, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { FileHash } from '../../../../src/runtime/hashing/file-hash.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const BYTES = randomBytes(9_500_000);
const BOTH = { blake2b512: true };
const EXPECTED = {
  size: BYTES.length,
  sha256: createHash('sha256').update(BYTES).digest('hex'),
  blake2b512: createHash('blake2b512').update(BYTES).digest(),
};

async function newFile(bytes: Buffer): Promise<string> {
  const file = join(await tempFolder(), 'file');
  await writeFile(file, bytes);
  return file;
}

test('a file is hashed to its end, by one algorithm or both', async () => {
  const file = await newFile(BYTES);
  expect(await new FileHash(file, BOTH).finish()).toEqual(EXPECTED);
  const { blake2b512: _, ...sha256 } = EXPECTED;
  expect(await new FileHash(file, { blake2b512: false }).finish()).toEqual(sha256);
});

test('a file is hashed while it is written, and moved', async () => {
  const file = await newFile(Buffer.alloc(0));
  const hash = new FileHash(file, BOTH);
  const handle = await open(file, 'r+');
  const half = BYTES.length / 2;
  await handle.write(BYTES, 0, half, 0);
  hash.advance(half);
  await rename(file, `${file}.moved`);
  await handle.write(BYTES, half, half, half);
  await handle.close();
  expect(await hash.finish(BYTES.length)).toEqual(EXPECTED);
});

test('many files are hashed at once', async () => {
  const file = await newFile(BYTES);
  const hashes = await Promise.all(Array.from({ length: 20 }, () => new FileHash(file, BOTH).finish()));
  for (const hash of hashes) expect(hash).toEqual(EXPECTED);
});

test('a file that is missing, shorter than said, or no file fails, and what comes next does not', async () => {
  const file = await newFile(BYTES);
  expect(() => new FileHash(`${file}.missing`, BOTH)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  await truncate(file, 10);
  await expect(new FileHash(file, BOTH).finish(11)).rejects.toThrow('shorter');
  await expect(new FileHash(join(file, '..'), BOTH).finish()).rejects.toMatchObject({ code: 'EISDIR' });
  expect((await new FileHash(file, BOTH).finish(10)).size).toBe(10);
});

test('one that is cancelled fails, however far it is', async () => {
  const hash = new FileHash(await newFile(BYTES), BOTH);
  const finished = hash.finish();
  hash.cancel();
  await expect(finished).rejects.toThrow('cancelled');
  hash.cancel();
});

test('a thread that dies fails what it was hashing, and another takes its place', async () => {
  const file = await newFile(BYTES);
  const sent = vi.spyOn(Worker.prototype, 'postMessage');
  const hash = new FileHash(file, { blake2b512: false });
  const [worker] = sent.mock.contexts;
  sent.mockRestore();
  const finished = expect(hash.finish()).rejects.toThrow('ended');
  await (worker as Worker).terminate();
  await finished;
  expect(await new FileHash(file, BOTH).finish()).toEqual(EXPECTED);
});
