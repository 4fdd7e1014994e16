import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diskInventory } from '../../../src/storage/disk/disk-inventory.ts';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';
import { storedPath } from '../../../src/storage/stored-path.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

const OUTSIDE = '../../outside';

describe('field 11: a stored name', () => {
  test.each([randomUUID(), 'key-of_1', 'a', 'k'.repeat(100), 'console', 'com10'])(
    '%s is that of a file in the folder',
    (name) => {
      expect(storedPath('/folder', name)).toBe(join('/folder', name));
    },
  );

  test.each([
    ...['', '.', '..', '/', '/etc/passwd', OUTSIDE, 'a/b', 'a\\b', 'C:', 'C:\\a', 'a:b', 'a.b', '.a', 'a b'],
    ...['a\0', 'a\n', 'é', 'k'.repeat(101), 'NUL', 'con', 'Com1', 'lpt9'],
  ])('%j is refused', (name) => {
    expect(() => storedPath('/folder', name)).toThrow(expect.objectContaining({ code: 'store_unavailable' }));
  });

  test('that leads elsewhere is refused by each method of the storage, which touches nothing', async () => {
    const folder = await tempFolder();
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    const outside = join(folder, 'outside');
    await writeFile(outside, 'bytes');
    const key = { id: '00c0ffee', secret: Buffer.alloc(32, 7) };
    const keys = { current: async () => key, find: async () => key };
    const storage = await DiskStorage.open({ dataDir, keys, publicUrl: () => 'http://localhost' });
    const { arrivals } = storage;
    const body = (async function* () {
      yield Buffer.from('bytes');
    })();
    const options = { size: 5, blake2b512: false, newStorageKey: async () => OUTSIDE, identified: true };
    const part = { number: 1, size: 5, offset: 0, body, blake2b512: false };
    const attempts: readonly (() => unknown)[] = [
      () => storage.remove(OUTSIDE),
      () => storage.discard(OUTSIDE),
      () => storage.removeOrphan({ kind: 'file', name: OUTSIDE }),
      () => storage.inspect([OUTSIDE]),
      () => storage.promote(OUTSIDE),
      () => storage.receive(body, options),
      () => arrivals.hasArrived(OUTSIDE),
      () => arrivals.receive(OUTSIDE, options),
      () => arrivals.parts.abort({ uploadId: OUTSIDE, multipartId: 'a' }),
      () => arrivals.parts.abort({ uploadId: 'a', multipartId: OUTSIDE }),
      () => arrivals.parts.arrived({ uploadId: 'a', multipartId: OUTSIDE }),
      () => arrivals.parts.write({ uploadId: 'a', multipartId: OUTSIDE }, part),
      () => arrivals.parts.assemble({ uploadId: OUTSIDE, multipartId: 'a' }, []),
      () => arrivals.parts.start(OUTSIDE, 5),
      () => diskInventory(dataDir).locationOf(OUTSIDE),
      () => diskInventory(dataDir).read(OUTSIDE),
    ];
    for (const attempt of attempts) {
      await expect((async () => attempt())(), String(attempt)).rejects.toMatchObject({
        code: 'store_unavailable',
      });
    }
    expect(await readFile(outside, 'utf8')).toBe('bytes');
    expect((await readdir(folder)).sort()).toEqual(['data', 'outside']);
    storage.close();
  });
});
