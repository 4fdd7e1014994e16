import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exposureOfFile, exposuresIn } from '../../../src/runtime/exposed-file.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

async function fileWith(mode: number): Promise<string> {
  const file = join(await tempFolder(), 'secret');
  await writeFile(file, 'x');
  await chmod(file, mode);
  return file;
}

describe('attack L5: a file with a secret', () => {
  test.each([0o600, 0o640, 0o660, 0o400, 0o611])(
    'of mode %o is its owner’s and group’s alone',
    async (mode) => {
      expect(exposureOfFile(await fileWith(mode))).toBeUndefined();
    },
  );

  test.each([
    [0o644, 'can read', '0644'],
    [0o666, 'can change', '0666'],
    [0o602, 'can change', '0602'],
  ])('of mode %o is everyone’s', async (mode, words, shown) => {
    const file = await fileWith(mode);
    const exposure = exposureOfFile(file);
    expect(exposure).toContain(words);
    expect(exposure).toContain(`${file} (mode ${shown})`);
  });

  test('that is missing has none', async () => {
    expect(exposureOfFile(join(await tempFolder(), 'missing'))).toBeUndefined();
  });
});

describe('attack L5: a folder', () => {
  async function folderWith(mode: number, fileMode: number) {
    const folder = join(await tempFolder(), 'data');
    await mkdir(folder);
    const file = join(folder, 'database');
    await writeFile(file, 'x');
    await chmod(file, fileMode);
    await chmod(folder, mode);
    return exposuresIn(folder, [file, `${file}-wal`]);
  }

  test.each([
    [0o700, 0o666, 0],
    [0o750, 0o666, 0],
    [0o755, 0o600, 0],
    [0o755, 0o644, 1],
    [0o777, 0o600, 1],
    [0o777, 0o666, 2],
  ])('of mode %o with a file of mode %o: %i findings', async (mode, fileMode, count) => {
    expect(await folderWith(mode, fileMode)).toHaveLength(count);
  });
});
