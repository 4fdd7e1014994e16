import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../../src/runtime/make-folder.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

test('makes what leads to a folder too, for its owner only if asked', async () => {
  const path = join(await tempFolder(), 'a', 'b', 'c');
  await Promise.all([makeFolder(path, 0o700), makeFolder(path, 0o700)]);
  for (const each of [path, join(path, '..')]) expect((await stat(each)).mode & 0o777).toBe(0o700);
  await makeFolder(path);
});

test('makes many at once in one that is missing', async () => {
  const parent = join(await tempFolder(), 'a', 'b');
  const paths = Array.from({ length: 50 }, (_, i) => join(parent, String(i)));
  await Promise.all(paths.map((path) => makeFolder(path)));
  for (const path of paths) expect((await stat(path)).isDirectory()).toBe(true);
});

test('fails where a file is in the way', async () => {
  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(folder, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(process.platform === 'linux')('ends where the file system has no folders to make', async () => {
  await expect(makeFolder('/proc/synckit-ota/x')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(mkdir('/proc/synckit-ota')).rejects.toMatchObject({ code: 'ENOENT' });
});
