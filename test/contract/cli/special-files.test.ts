import { copyFile, lstat, readdir, readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore, type SmallStoreFile } from '../../support/server/small-store.ts';
import { replaceBy, SPECIAL_FILES } from '../../support/server/special-file.ts';

async function openWorld() {
  const folder = await tempFolder();
  const dataDir = join(folder, 'data');
  const files = await fillStore(dataDir, [1000, 2000]);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  const backup = join(folder, 'backup');
  const restored = join(folder, 'restored');
  return {
    ...{ dataDir, files, backup, restored, first: files[0] as SmallStoreFile },
    backUp: () => runJsonInProcess(['backup', backup, '--data-dir', dataDir]),
    restore: (...more: string[]) => runJsonInProcess(['restore', backup, '--data-dir', restored, ...more]),
    fsck: (where: string, ...more: string[]) => runJsonInProcess(['fsck', '--data-dir', where, ...more]),
  };
}

const DAMAGED = { damaged: [{ problem: 'unreadable', version: '1.0.0' }] };

describe.skipIf(platform() === 'win32').each(SPECIAL_FILES)(
  'field 11: a %s in the place of a file',
  (kind) => {
    test('of the store is damage for fsck and backup, and is not copied', async () => {
      const { dataDir, backup, first, files, fsck, backUp } = await openWorld();
      await replaceBy(kind, first.path);
      for (const options of [[], ['--hashes']]) {
        const checked = await fsck(dataDir, ...options);
        expect(checked, checked.stderr).toMatchObject({ code: 6, document: DAMAGED });
        expect(checked.stderr).toContain('my-app 1.0.0 linux-x86_64: the file cannot be read');
        expect(checked.stderr).toContain('a folder, a link or a pipe');
      }
      const result = await backUp();
      expect(result, result.stderr).toMatchObject({
        code: 6,
        document: { status: 'incomplete', files: { total: 1, copied: 1 }, ...DAMAGED },
      });
      expect(await readdir(join(backup, 'artifacts'))).toEqual([files[1]?.key]);
    });

    test('of a backup is damage for fsck and restore, and is not restored', async () => {
      const { backup, restored, first, files, fsck, backUp, restore } = await openWorld();
      expect(await backUp()).toMatchObject({ code: 0 });
      await replaceBy(kind, join(backup, 'artifacts', first.key));
      expect(await fsck(backup, '--hashes')).toMatchObject({ code: 6, document: DAMAGED });
      const refused = await restore();
      expect(refused).toMatchObject({ code: 6, document: { error: { code: 'verification_failed' } } });
      expect(refused.stderr).toContain('my-app 1.0.0 linux-x86_64: the file cannot be read');
      expect(await restore('--allow-damaged')).toMatchObject({ code: 0, document: DAMAGED });
      expect(await readdir(join(restored, 'artifacts'))).toEqual([files[1]?.key]);
    });

    test.skipIf(kind === 'folder')('of a backup is replaced by the next backup', async () => {
      const { backup, first, fsck, backUp } = await openWorld();
      expect(await backUp()).toMatchObject({ code: 0 });
      const copy = join(backup, 'artifacts', first.key);
      const kept = await replaceBy(kind, copy);
      expect(await backUp()).toMatchObject({ code: 0, document: { files: { total: 2, copied: 1 } } });
      expect((await lstat(copy)).isFile()).toBe(true);
      expect(await fsck(backup, '--hashes')).toMatchObject({ code: 0 });
      expect(await readFile(kept)).toEqual(first.bytes);
    });

    test('that belongs to nothing is left alone by backup', async () => {
      const { backup, first, fsck, backUp } = await openWorld();
      expect(await backUp()).toMatchObject({ code: 0 });
      const other = join(backup, 'artifacts', 'other');
      await copyFile(first.path, other);
      await replaceBy(kind, other);
      expect(await backUp()).toMatchObject({ code: 0, document: { files: { removed: 0 } } });
      expect(await readdir(join(backup, 'artifacts'))).toContain('other');
      expect(await fsck(backup)).toMatchObject({ code: 0, document: { orphans: { files: 0 } } });
    });
  },
);
