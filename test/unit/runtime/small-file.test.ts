import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../../src/runtime/small-file.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

test('a small file is read as text', async () => {
  const file = join(await tempFolder(), 'notes.md');
  await writeFile(file, 'Fixes. ü\n');
  expect(readSmallFile(file)).toBe('Fixes. ü\n');
});

test.each([
  ['a folder', (path: string) => mkdir(path), 'EISDIR'],
  ['an endless device', (path: string) => symlink('/dev/zero', path), 'it is not a regular file'],
  [
    'a file that is far too large',
    async (path: string) => {
      await writeFile(path, '');
      await truncate(path, 17 * 1024 * 1024);
    },
    'it is larger than',
  ],
])('%s is refused at once', async (_, make, reason) => {
  const path = join(await tempFolder(), 'thing');
  await make(path);
  expect(() => readSmallFile(path)).toThrow(reason);
});

test('a missing file is refused with the code of Node', async () => {
  const path = join(await tempFolder(), 'gone');
  expect(() => readSmallFile(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
