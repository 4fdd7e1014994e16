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
    const project = await projectWith(APP, `${APP}.sig`, `${APP}.minisig`, 'dist/App_dir.AppImage/a');
    expect(await match(project, 'dist/App*')).toEqual([APP]);
    expect(await match(project, 'dist/App_dir.AppImage')).toEqual([]);
  });

  test('that is the path of a file matches it, whatever characters are in its name', async () => {
    const project = await projectWith('dist/My App (x64) [1].exe', 'dist/My App (x64) 1.exe');
    expect(await match(project, 'dist/My App (x64) [1].exe')).toEqual(['dist/My App (x64) [1].exe']);
  });
});

describe('field 4: only the documented wildcards of a pattern are special:', () => {
  test.each([
    ['Tari Universe (Alpha)_1.2.0_amd64.deb', 'dist/Tari Universe (Alpha)_*_amd64.deb'],
    ['Tari Universe (Alpha)_1.2.0_amd64.deb', '*/Tari Universe (Alpha)_{1.2.0,1.3.0}_amd64.deb'],
    ['Tari Universe (Alpha)_1.2.0_amd64.deb', 'dist/Tari Universe \\(Alpha\\)_*'],
    ['C++ App_1.2.0.deb', 'dist/C++ App_*.deb'],
    ['+(a).deb', 'dist/+(a)*'],
    ['@(a|b).deb', 'dist/@(a|b)*'],
    ['a?(x).deb', 'dist/a?(x)*'],
    ['!urgent.deb', 'dist/!u*.deb'],
    ['say "hi" for $5^2.deb', 'dist/say "hi" for $5^2*'],
    ['x{1..3}.deb', 'dist/x{1..3}*'],
    ['y{a}.deb', 'dist/y{a}*'],
  ])('%s is found by %s', async (name, pattern) => {
    const project = await projectWith(`dist/${name}`, 'dist/other.deb', 'dist/a.deb', 'dist/xa.deb');
    expect(await match(project, pattern)).toEqual([`dist/${name}`]);
  });

  test('a pattern that starts with ! is no negation', async () => {
    const project = await projectWith('!dist/App.deb', 'dist/App.deb');
    expect(await match(project, '!dist/*.deb')).toEqual(['!dist/App.deb']);
  });

  test('a letter with an accent matches in both forms of Unicode, also in a folder', async () => {
    const [composed, decomposed] = ['Caf\u00e9', 'Cafe\u0301'];
    const file = `${decomposed}/${composed} ${decomposed}_1.2.0.deb`;
    const project = await projectWith(file);
    for (const pattern of [
      `${composed}/${composed} ${composed}_*.deb`,
      `**/${decomposed} ${composed}_{1.2.0,1}.deb`,
    ]) {
      expect(await match(project, pattern)).toEqual([file]);
    }
    await write(join(project, `${composed}/${composed} ${composed}_1.2.0.deb`), 'another file');
    expect(await match(project, `*/${composed} ${composed}_*`)).toHaveLength(2);
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
