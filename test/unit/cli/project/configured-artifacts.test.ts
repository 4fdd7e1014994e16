import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfiguredArtifacts } from '../../../../src/cli/project/configured-artifacts.ts';
import { platformName } from '../../../../src/protocol/platform.ts';
import { collectProblemsAsync } from '../../../support/process/collect-problems.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

const FILES = ['App_1.2.0_amd64.AppImage', 'App_1.2.0_amd64.deb', 'App.app.tar.gz'];

/** What patterns find in a folder with these files in `dist`, in short. */
async function read(
  patterns: Readonly<Record<string, string>>,
  { files = FILES, version = '1.2.0', expect: names }: Partial<Options> = {},
) {
  const folder = await tempFolder();
  for (const name of files) await write(join(folder, 'dist', name), name);
  const short = (text: string) => text.replaceAll(`${folder}/`, '').replaceAll(folder, 'FOLDER');
  const config = { file: join(folder, 'config.json'), folder, patterns };
  const { value, found } = await collectProblemsAsync((problems) =>
    readConfiguredArtifacts(config, { version, expect: names }, problems),
  );
  return {
    found: value.artifacts.map((artifact) => `${platformName(artifact)} ${short(artifact.file)}`),
    leftOut: value.leftOut,
    problems: short(found),
  };
}

interface Options {
  readonly files: readonly string[];
  readonly version: string;
  readonly expect: readonly string[];
}

describe('patterns in the config file', () => {
  test.each<[Record<string, string>, string[]]>([
    [
      { 'linux-x86_64': 'dist/*_amd64.AppImage', 'darwin-aarch64': 'dist/App.app.tar.gz' },
      ['linux-x86_64 dist/App_1.2.0_amd64.AppImage', 'darwin-aarch64 dist/App.app.tar.gz'],
    ],
    [
      { 'linux-x86_64-deb': 'dist/*.deb', 'linux-x86_64-appimage': 'dist/*.AppImage' },
      ['linux-x86_64-deb dist/App_1.2.0_amd64.deb', 'linux-x86_64-appimage dist/App_1.2.0_amd64.AppImage'],
    ],
    [
      { 'darwin-universal': 'dist/*.app.tar.gz' },
      ['darwin-x86_64 dist/App.app.tar.gz', 'darwin-aarch64 dist/App.app.tar.gz'],
    ],
  ])('%j find files', async (patterns, found) => {
    expect(await read(patterns)).toEqual({ found, leftOut: [], problems: '' });
  });

  test('find the files of the published version, and no older ones', async () => {
    const patterns = { 'linux-x86_64': 'dist/App_{version}_*.AppImage' };
    const files = ['App_1.1.0_amd64.AppImage', 'App_1.2.0_amd64.AppImage', 'App_1.2.0+7_amd64.AppImage'];
    expect((await read(patterns, { files })).found).toEqual(['linux-x86_64 dist/App_1.2.0_amd64.AppImage']);
    expect((await read(patterns, { files, version: '1.2.0+7' })).found).toEqual([
      'linux-x86_64 dist/App_1.2.0+7_amd64.AppImage',
    ]);
  });

  test('with {version} are skipped without a version, which is an error of its own', async () => {
    const patterns = { 'linux-x86_64': 'dist/App_{version}.AppImage', 'windows-x86_64': 'dist/gone.exe' };
    const { problems } = await read(patterns, { version: '' });
    expect(problems).toContain('gone.exe');
    expect(problems).not.toContain('AppImage');
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'an unknown platform',
      { 'linux-amd64': 'dist/*.AppImage' },
      /^artifacts in config\.json: unknown platform "linux-amd64"; did you mean linux-x86_64\?/,
    ],
    [
      'a bundle type of another system',
      { 'linux-x86_64-msi': 'dist/*.AppImage' },
      /unknown platform "linux-x86_64-msi"/,
    ],
    [
      'a platform twice, by way of universal',
      { 'darwin-universal': 'dist/*.app.tar.gz', 'darwin-aarch64': 'dist/*.app.tar.gz' },
      /^artifacts in config\.json names darwin-aarch64 more than once/,
    ],
    [
      'several files',
      { 'linux-x86_64': 'dist/App_{version}*' },
      /^artifacts in config\.json: "dist\/App_1\.2\.0\*" for linux-x86_64 matches 2 files: dist\/App_1\.2\.0_amd64\.AppImage, dist\/App_1\.2\.0_amd64\.deb\. Make it match one/,
    ],
  ])('with %s are an error', async (_, patterns, words) => {
    expect((await read(patterns)).problems).toMatch(words);
  });
});

describe('pains 2: a pattern that matches nothing', () => {
  const patterns = {
    'linux-x86_64': 'dist/*_{version}_amd64.AppImage',
    'windows-x86_64': 'dist/*_{version}_x64.exe',
    'darwin-aarch64': 'dist/*.app.tar.gz',
  };
  const files = ['App_1.2.0_amd64.AppImage'];

  test('is an error that names the pattern and the folder, for each such pattern', async () => {
    const { problems } = await read(patterns, { files });
    expect(problems).toContain('2 problems:');
    for (const named of [
      '"dist/*_1.2.0_x64.exe" for windows-x86_64',
      '"dist/*.app.tar.gz" for darwin-aarch64',
    ])
      expect(problems).toContain(`artifacts in config.json: ${named} matches no file in FOLDER. Build it`);
  });

  test('is left out if another job is expected to publish it, and is a warning if none is', async () => {
    const expected = ['linux-x86_64', 'windows-x86_64'];
    expect(await read(patterns, { files, expect: expected })).toEqual({
      found: ['linux-x86_64 dist/App_1.2.0_amd64.AppImage'],
      leftOut: [
        {
          file: 'dist/*_1.2.0_x64.exe',
          reason: 'it matches no file here, and windows-x86_64 is expected from another job',
          usual: true,
        },
        {
          file: 'dist/*.app.tar.gz',
          reason: 'it matches no file here, and darwin-aarch64 is expected from no other job',
          usual: false,
        },
      ],
      problems: '',
    });
  });

  test('for a universal app or a bundle type counts as expected by the name of its platform', async () => {
    const { leftOut } = await read(
      { 'darwin-universal': 'gone', 'windows-x86_64-nsis': 'gone', 'linux-x86_64': 'dist/*' },
      { files, expect: ['darwin-aarch64', 'windows-x86_64'] },
    );
    expect(leftOut.map(({ usual }) => usual)).toEqual([true, true]);
  });

  test('is an error if no pattern matches, whatever is expected', async () => {
    const { problems } = await read(patterns, { files: [], expect: ['linux-x86_64', 'windows-x86_64'] });
    expect(problems).toContain('3 problems:');
    expect(problems).toContain('"dist/*_1.2.0_amd64.AppImage" for linux-x86_64 matches no file in FOLDER');
  });

  test('because of backslashes is an error that says so', async () => {
    const { problems } = await read({ 'linux-x86_64': 'dist\\*.AppImage' });
    expect(problems).toContain(
      '"dist\\*.AppImage" for linux-x86_64 matches no file in FOLDER. Separate folders with /',
    );
  });
});
