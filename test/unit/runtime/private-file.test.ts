import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPrivateFile } from '../../../src/runtime/private-file.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

describe('a data folder', () => {
  test('is created with the folders above it, for its owner only', async () => {
    const dataDir = join(await tempFolder(), 'above', 'data');
    createPrivateFile(dataDir, 'file');
    createPrivateFile(dataDir, 'file');
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'file'))).mode & 0o777).toBe(0o600);
  });

  test.skipIf(process.platform !== 'linux')(
    'that cannot be created is refused, also if there are no files',
    () => {
      expect(() => createPrivateFile('/proc/synckit-ota', 'file')).toThrow(
        expect.objectContaining({
          code: 'store_unavailable',
          message: expect.stringContaining('/proc/synckit-ota'),
        }),
      );
    },
  );
});
