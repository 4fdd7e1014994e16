import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashFile, sha256OfFile } from '../../../../src/client/transfer/hash-file.ts';
import { THREADS_FROM } from '../../../../src/runtime/hashing/file-hash.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

async function writtenFile(size: number) {
  const bytes = randomBytes(size);
  const file = join(await tempFolder(), 'app.bin');
  await writeFile(file, bytes);
  return { bytes, file };
}

describe('the hashes of a file', () => {
  test.each([0, 1, THREADS_FROM - 1, THREADS_FROM, THREADS_FROM + 1_234_567])(
    'of %i bytes are those of its bytes',
    async (size) => {
      const { bytes, file } = await writtenFile(size);
      expect(await hashFile(file)).toEqual({
        sha256: createHash('sha256').update(bytes).digest('hex'),
        blake2b512: createHash('blake2b512').update(bytes).digest(),
      });
      expect(await sha256OfFile(file)).toBe(createHash('sha256').update(bytes).digest('hex'));
    },
  );

  test('cannot be had of a file that is missing, or a folder', async () => {
    const folder = await tempFolder();
    await expect(hashFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(hashFile(folder)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  test('are not waited for once they are aborted', async () => {
    const { bytes, file } = await writtenFile(8 * THREADS_FROM);
    const controller = new AbortController();
    const hashing = hashFile(file, controller.signal);
    setImmediate(() => controller.abort(new Error('stopped')));
    await expect(hashing).rejects.toThrow('stopped');
    await expect(hashFile(file, controller.signal)).rejects.toThrow('stopped');
    expect((await hashFile(file)).sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});
