import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderId } from '../../../../src/storage/disk/data-folder-id.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

test('a folder has a unique id, and keeps it when it is moved', async () => {
  const folder = await tempFolder();
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const id = await dataFolderId(first);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(await dataFolderId(first)).toBe(id);
  expect(await dataFolderId(second)).not.toBe(id);
  await rename(first, join(folder, 'moved'));
  expect(await dataFolderId(join(folder, 'moved'))).toBe(id);
});

test('processes that create the id at once get the same one, and leave nothing else', async () => {
  const folder = await tempFolder();
  const ids = await Promise.all(Array.from({ length: 20 }, () => dataFolderId(folder)));
  expect(new Set(ids).size).toBe(1);
  expect(await readdir(folder)).toEqual(['storage-id']);
  expect((await stat(join(folder, 'storage-id'))).mode & 0o777).toBe(0o600);
});

test('an id that a person wrote is used unchanged', async () => {
  const folder = await tempFolder();
  await writeFile(join(folder, 'storage-id'), ' 1b4e28ba-2fa1-11d2-883f-0016d3cca427\n\n');
  expect(await dataFolderId(folder)).toBe('1b4e28ba-2fa1-11d2-883f-0016d3cca427');
});

test('a folder that cannot be used is refused with a hint', async () => {
  const folder = await tempFolder();
  await mkdir(join(folder, 'storage-id'));
  await expect(dataFolderId(folder)).rejects.toMatchObject({
    name: 'OtaError',
    code: 'store_unavailable',
    message: expect.stringContaining(join(folder, 'storage-id')),
    hint: expect.stringContaining('--data-dir'),
  });
});
