import { existsSync } from 'node:fs';
import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OtaError } from '../../../../src/errors.ts';
import { toDiskError, unlinkIfThere } from '../../../../src/storage/disk/durable-file.ts';
import { writeHashed } from '../../../../src/storage/disk/write-hashed.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ['ENOSPC', 'no_space'],
  ['EDQUOT', 'no_space'],
  ['EIO', 'durability_lost'],
  ['EROFS', 'store_unavailable'],
  ['EACCES', 'store_unavailable'],
  ['EFBIG', 'store_unavailable'],
])('the error %s of the file system means %s', (code, expected) => {
  expect(toDiskError(failure(code))).toMatchObject({ name: 'OtaError', code: expected });
});

test.each([failure('ENOENT'), new OtaError('no_space', 'full'), new Error('a bug'), 'no error'])(
  'an error that is not about the disk is unchanged: %s',
  (error) => {
    expect(toDiskError(error)).toBe(error);
  },
);

test('removing a file that does not exist succeeds, and a folder is an error', async () => {
  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), '');
  await unlinkIfThere(join(folder, 'file'));
  await unlinkIfThere(join(folder, 'file'));
  expect(await readdir(folder)).toEqual([]);
  await expect(unlinkIfThere(folder)).rejects.toThrow();
});

test.runIf(existsSync('/dev/full'))('a write to a full disk is reported', async () => {
  const handle = await open('/dev/full', 'w');
  try {
    const body = (async function* () {
      yield Buffer.from('bytes');
    })();
    await expect(
      writeHashed({ handle, file: '/dev/full' }, body, { size: 5, blake2b512: false }),
    ).rejects.toMatchObject({
      code: 'ENOSPC',
    });
  } finally {
    await handle.close();
  }
});
