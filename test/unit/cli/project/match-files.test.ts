import { mkdir, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matchFiles } from '../../../../src/cli/project/match-files.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

/** A folder `project` with files, beside a folder `outside` with one. */
async function projectWith(...files: string[]): Promise<string> {
  const above = await tempFolder();
  await write(join(above, 'outside/App.AppImage'), 'outside');
  const project = join(above, 'project');
  await mkdir(project);
  for (const file of files) await write(join(project, file), file);
  return project;
}

/** What a pattern matches, by path in the folder. */
async function match(folder: string, pattern: string): Promise<string[]> {
  return (await matchFiles(folder, pattern)).map((file) => relative(folder, file));
}

const APP = 'dist/App_1.2.0_amd64.AppImage';

describe('a pattern', () => {
  test.each([
    ['dist/*_amd64.AppImage', [APP]],
    ['dist/*.{AppImage,deb}', [APP, 'dist/App_1.2.0_amd64.deb']],
    ['dist/App_1.2.?_amd64.AppImage', [APP]],
    ['**/*.AppImage', ['a/b/Other.AppImage', APP]],
    ['./dist/*.AppImage', [APP]],
    [APP, [APP]],
    ['dist/app_*.AppImage', []],
    ['*.AppImage', []],
    ['dist', []],
    ['dist/', []],
    ['*', []],
    ['gone/*.AppImage', []],
    ['../outside/*.AppImage', ['../outside/App.AppImage']],
    ['../outside/App.AppImage', ['../outside/App.AppImage']],
    ['!dist/*.deb', []],
  ])('%s matches %j', async (pattern, expected) => {
    const project = await projectWith(APP, 'dist/App_1.2.0_amd64.deb', 'a/b/Other.AppImage');
    expect(await match(project, pattern)).toEqual(expected);
  });

  test('can be absolute', async () => {
    const project = await projectWith(APP);
    expect(await match(project, join(project, 'dist/*.AppImage'))).toEqual([APP]);
    expect(await matchFiles(project, join(project, APP))).toEqual([join(project, APP)]);
  });

  test('finds relative paths in a relative folder', async () => {
    const folder = relative('', await projectWith(APP));
    expect(await matchFiles(folder, 'dist/*.AppImage')).toEqual([join(folder, APP)]);
    expect(await matchFiles(folder, APP)).toEqual([join(folder, APP)]);
  });

  test('matches neither folders nor signatures', async () => {
    const project = await projectWith(APP, `${APP}.sig`, 'dist/App_dir.AppImage/a');
    expect(await match(project, 'dist/App*')).toEqual([APP]);
    expect(await match(project, 'dist/App_dir.AppImage')).toEqual([]);
  });

  test('that is the path of a file matches it, whatever characters are in its name', async () => {
    const project = await projectWith('dist/My App (x64) [1].exe', 'dist/My App x64 1.exe');
    expect(await match(project, 'dist/My App (x64) [1].exe')).toEqual(['dist/My App (x64) [1].exe']);
    expect(await match(project, 'dist/My App (x64) [1]*')).toEqual(['dist/My App x64 1.exe']);
  });
});

describe('a symbolic link', () => {
  async function projectWithLinks(): Promise<string> {
    const project = await projectWith(APP);
    await symlink('../outside', join(project, 'linked'));
    await symlink('../../outside/App.AppImage', join(project, 'dist/linked.AppImage'));
    return project;
  }

  test.each([
    ['**/*.AppImage', [APP]],
    ['dist/*.AppImage', [APP]],
    ['*/App.AppImage', []],
  ])('is not followed by the wildcards of %s', async (pattern, expected) => {
    expect(await match(await projectWithLinks(), pattern)).toEqual(expected);
  });

  test.each([
    ['linked/*.AppImage', ['linked/App.AppImage']],
    ['linked/App.AppImage', ['linked/App.AppImage']],
    ['dist/linked.AppImage', ['dist/linked.AppImage']],
  ])('is followed if %s names it', async (pattern, expected) => {
    expect(await match(await projectWithLinks(), pattern)).toEqual(expected);
  });

  test('that is broken matches nothing', async () => {
    const project = await projectWith();
    await symlink('gone.AppImage', join(project, 'App.AppImage'));
    expect(await match(project, 'App.AppImage')).toEqual([]);
    expect(await match(project, '*.AppImage')).toEqual([]);
  });
});
