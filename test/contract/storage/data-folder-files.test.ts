import { writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataFolderId, existingFolderId } from '../../../src/storage/disk/data-folder-id.ts';
import { readOwnerFile } from '../../../src/storage/disk/owner-file.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { replaceBy, SPECIAL_FILES } from '../../support/server/special-file.ts';

test.skipIf(platform() === 'win32').each(SPECIAL_FILES)(
  'field 11: a %s in the place of what a data folder says of itself is refused, not waited for',
  async (kind) => {
    const dataDir = await tempFolder();
    for (const name of ['owner.json', 'storage-id']) {
      await writeFile(join(dataDir, name), '{}');
      await replaceBy(kind, join(dataDir, name));
    }
    const readOwner = () => readOwnerFile({ dataDir, files: dataDir });
    for (const read of [readOwner, dataFolderId, existingFolderId]) {
      await expect(read(dataDir), read.name).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('is not a regular file'),
        hint: expect.any(String),
      });
    }
  },
);
