import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findTauriFolder } from '../../../../src/tauri/project/find-tauri-folder.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

async function projectWith(...configs: string[]): Promise<string> {
  const project = await tempFolder();
  for (const path of configs) await write(join(project, path), '');
  return project;
}

describe('the Tauri folder of a project', () => {
  test.each([
    ['tauri.conf.json', ''],
    ['src-tauri/tauri.conf.json', 'src-tauri'],
    ['src-tauri/Tauri.toml', 'src-tauri'],
    ['apps/desktop/src-tauri/tauri.conf.json5', 'apps/desktop/src-tauri'],
  ])('with %s is "%s"', async (config, folder) => {
    const project = await projectWith(config);
    expect(await findTauriFolder(project)).toBe(join(project, folder));
  });

  test("is the project's own src-tauri even if there are others below", async () => {
    const project = await projectWith('src-tauri/tauri.conf.json', 'examples/a/src-tauri/tauri.conf.json');
    expect(await findTauriFolder(project)).toBe(join(project, 'src-tauri'));
  });

  test('is not searched for in dependencies or build output', async () => {
    const ignored = ['node_modules/a', 'target/b', '.cache/c'].map((path) => `${path}/tauri.conf.json`);
    const project = await projectWith(...ignored, 'desktop/tauri.conf.json');
    expect(await findTauriFolder(project)).toBe(join(project, 'desktop'));
  });

  test.skipIf(process.getuid?.() === 0)(
    'is searched for only in folders that this user can read (root can read all)',
    async () => {
      const project = await projectWith('private/notes.txt', 'desktop/tauri.conf.json');
      await chmod(join(project, 'private'), 0);
      expect(await findTauriFolder(project)).toBe(join(project, 'desktop'));
      await chmod(join(project, 'private'), 0o700);
    },
  );

  test('has to be chosen when there are several', async () => {
    const project = await projectWith('a/tauri.conf.json', 'b/tauri.conf.json');
    await expect(findTauriFolder(project)).rejects.toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `${project} contains several Tauri projects: ${join(project, 'a')}, ${join(project, 'b')}`,
        hint: expect.stringContaining('--project'),
      }),
    );
  });

  test.each([
    ['an empty folder', ''],
    ['a folder that is not there', 'gone'],
  ])('is missing in %s', async (_, path) => {
    const project = join(await projectWith(), path);
    await expect(findTauriFolder(project)).rejects.toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining(`no Tauri project found in ${project}`),
        hint: expect.stringContaining('--artifact'),
      }),
    );
  });
});
