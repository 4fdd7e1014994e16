import { chown, lchown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readConfigFile } from '../../../../src/cli/config/config-file.ts';
import { CONFIG_FILE } from '../../../../src/cli/config/find-config-file.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

afterEach(() => vi.restoreAllMocks());

async function folderWith(content: string): Promise<string> {
  const folder = await tempFolder();
  await writeFile(join(folder, CONFIG_FILE), content);
  return folder;
}

describe('the config file', () => {
  const full = {
    server: 'https://ota.example',
    app: 'a1',
    slug: 'my-app',
    pubkey: 'key',
    manifestDays: 30,
    concurrency: 2,
    expect: ['linux-x86_64', 'darwin-aarch64'],
    channel: 'beta',
  };

  test('can contain every setting', async () => {
    const folder = await folderWith(JSON.stringify(full));
    expect(readConfigFile(folder)).toEqual({ ...full, serverFile: join(folder, CONFIG_FILE) });
  });

  test('names the key of manifests by a path that is relative to its folder', async () => {
    const folder = await folderWith('{"manifestKey":"keys/manifest.key"}');
    await mkdir(join(folder, 'inner'));
    const { manifestKey } = readConfigFile(join(folder, 'inner'));
    expect(manifestKey).toBe(join(folder, 'keys/manifest.key'));
  });

  test.each([
    ['as Tauri writes it', (key: string) => key],
    ['as minisign writes it', (key: string) => Buffer.from(key, 'base64').toString('utf8')],
    [
      'without its comment',
      (key: string) => Buffer.from(key, 'base64').toString('utf8').split('\n')[1] ?? '',
    ],
  ])('attack H01: is refused with a secret key in it, %s', async (_, form) => {
    const line = Buffer.alloc(158, 'a secret').toString('base64'); // as long as a key
    const text = `untrusted comment: rsign encrypted secret key\n${line}\n`;
    const folder = await folderWith(
      JSON.stringify({ manifestKey: form(Buffer.from(text).toString('base64')) }),
    );
    expect(() => readConfigFile(folder)).toThrow('contains a secret key');
  });

  test('has file patterns relative to its folder', async () => {
    const patterns = { 'linux-x86_64': 'dist/*.AppImage' };
    const folder = await folderWith(JSON.stringify({ artifacts: patterns }));
    const file = join(folder, CONFIG_FILE);
    const inner = join(folder, 'inner');
    await mkdir(inner);
    expect(readConfigFile(inner)).toEqual({ artifacts: { file, folder, patterns } });
    expect(readConfigFile(relative('', inner)).artifacts?.folder).toBe(relative('', folder));
  });

  test('in the current folder has file patterns relative to it', async () => {
    const folder = await folderWith('{"artifacts":{"linux-x86_64":"a"}}');
    vi.spyOn(process, 'cwd').mockReturnValue(folder);
    expect(readConfigFile('.').artifacts?.folder).toBe('.');
    expect(readConfigFile('..').artifacts).toBeUndefined();
  });

  test('can be empty or missing', async () => {
    expect(readConfigFile(await folderWith('{}'))).toEqual({});
    expect(readConfigFile(await tempFolder())).toEqual({});
  });

  test('is the nearest one, searched upwards', async () => {
    const folder = await folderWith('{"app":"outer"}');
    const inner = join(folder, 'inner');
    const deep = join(inner, 'deep', 'deeper');
    await mkdir(deep, { recursive: true });
    expect(readConfigFile(deep)).toEqual({ app: 'outer' });
    await writeFile(join(inner, CONFIG_FILE), '{"app":"inner"}');
    expect(readConfigFile(deep)).toEqual({ app: 'inner' });
  });

  test('attack H01: is the project’s own: no file above the repository is read', async () => {
    const outside = await folderWith('{"server":"https://evil.example"}');
    const repository = join(outside, 'repository');
    const inner = join(repository, 'app');
    await mkdir(inner, { recursive: true });
    expect(readConfigFile(inner).server).toBe('https://evil.example');
    await writeFile(join(repository, '.git'), 'gitdir: elsewhere'); // as in a work tree or a submodule
    const notRead = `${join(outside, CONFIG_FILE)} is not read, because it is above the repository ${repository}`;
    expect(readConfigFile(inner)).toEqual({ notRead });
    expect(readConfigFile(repository)).toEqual({ notRead });
    await writeFile(join(repository, CONFIG_FILE), '{"app":"a1"}');
    expect(readConfigFile(inner)).toEqual({ app: 'a1' });
  });

  test('attack H01: is not searched for above the home folder', async () => {
    const outside = await folderWith('{"server":"https://evil.example"}');
    const home = join(outside, 'home');
    const project = join(home, 'project');
    await mkdir(project, { recursive: true });
    vi.stubEnv('HOME', home);
    expect(readConfigFile(project)).toEqual({
      notRead: expect.stringContaining(`the search ends at ${home}`),
    });
    await writeFile(join(home, CONFIG_FILE), '{"app":"mine"}');
    expect(readConfigFile(project)).toEqual({ app: 'mine' });
  });

  describe.skipIf(process.geteuid?.() !== 0)('attack H01: of another user', () => {
    const OTHER = 65_534;

    async function foreign(): Promise<{ outside: string; project: string; file: string }> {
      const outside = await folderWith('{"server":"https://evil.example"}');
      const [file, project] = [join(outside, CONFIG_FILE), join(outside, 'project')];
      await mkdir(project);
      await chown(file, OTHER, OTHER);
      return { outside, project, file };
    }

    test('is left out above the project, and the reason is known', async () => {
      const { project, file } = await foreign();
      const notRead = `${file} is not read, because it belongs to the user ${OTHER} and not to you or root`;
      expect(readConfigFile(project)).toEqual({ notRead });
    });

    test('is left out behind a link, whoever owns the link or its target', async () => {
      const { outside, project } = await foreign();
      const [own, link] = [join(outside, 'own.json'), join(project, '..', CONFIG_FILE)];
      await writeFile(own, '{"server":"https://evil.example"}');
      await rm(link);
      await symlink(own, link);
      expect(readConfigFile(project).server).toBe('https://evil.example');
      await lchown(link, OTHER, OTHER);
      expect(readConfigFile(project).server).toBeUndefined();
      await lchown(link, 0, 0);
      await chown(own, OTHER, OTHER);
      expect(readConfigFile(project).server).toBeUndefined();
    });

    test('is an error in the project and its repository, where its settings may be needed', async () => {
      const { outside, project } = await foreign();
      expect(() => readConfigFile(outside)).toThrow(/not read, because it belongs to the user 65534/);
      await mkdir(join(outside, '.git'));
      expect(() => readConfigFile(project)).toThrow(/not read, because it belongs to the user 65534/);
    });

    test('is read by that user, and so is one of root', async () => {
      const { project } = await foreign();
      vi.spyOn(process, 'geteuid').mockReturnValue(OTHER);
      expect(readConfigFile(project).server).toBe('https://evil.example');
      const ofRoot = await folderWith('{"app":"a1"}');
      expect(readConfigFile(ofRoot)).toEqual({ app: 'a1' });
    });

    test('is read on Windows, which has no such owners', async () => {
      const { project } = await foreign();
      vi.spyOn(process, 'geteuid').mockReturnValue(undefined as never);
      expect(readConfigFile(project).server).toBe('https://evil.example');
    });
  });

  test('field 5: may have comments, trailing commas and a schema', async () => {
    const folder = await folderWith('// ours\n{ "$schema": "./s.json", /* id */ "app": "a1", }');
    expect(readConfigFile(folder)).toEqual({ app: 'a1' });
  });

  test('field 5: has no blank values, and no white space around others', async () => {
    const blank = { server: '', app: ' a1\n', slug: ' ', pubkey: '\n', channel: '', config: ['', ' '] };
    const folder = await folderWith(JSON.stringify({ ...blank, expect: ['', 'linux-x86_64'] }));
    expect(readConfigFile(folder)).toEqual({ app: 'a1', expect: ['linux-x86_64'] });
  });

  test.each([
    ['a path', '"a.json"', (folder: string) => [join(folder, 'a.json')]],
    ['a path above', '"../a.json"', (folder: string) => [join(folder, '../a.json')]],
    ['an absolute path', '"/a.json"', () => ['/a.json']],
    ['JSON', '"{\\"version\\":\\"1.0.0\\"}"', () => ['{"version":"1.0.0"}']],
    ['an object', '{"version":"1.0.0"}', () => ['{"version":"1.0.0"}']],
    ['a list', '["a.json",{"a":1}]', (folder: string) => [join(folder, 'a.json'), '{"a":1}']],
  ])('field 5: has the configuration of the build as %s', async (_, value, expected) => {
    const folder = await folderWith(`{"config":${value}}`);
    expect(readConfigFile(folder).config).toEqual(expected(folder));
  });

  test('with a token is rejected, and the token is not shown', async () => {
    const folder = await folderWith(JSON.stringify({ ...full, token: 'sko_canary' }));
    const read = () => readConfigFile(folder);
    expect(read).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `${join(folder, CONFIG_FILE)} contains a token, which would be committed with it`,
        hint: expect.stringContaining('SYNCKIT_OTA_TOKEN'),
      }),
    );
    expect(read).not.toThrow(/canary/);
  });

  test.each([
    [
      'an unknown setting',
      '{"sever":"https://ota.example"}',
      /unknown setting "sever" \(did you mean server\?\)/,
    ],
    ['a number as text', '{"concurrency":"4"}', /concurrency/],
    ['a list of files', '{"artifacts":["dist/*"]}', /artifacts must be an object of platforms/],
    ['no files at all', '{"artifacts":{}}', /artifacts must be an object of platforms/],
    ['an empty pattern', '{"artifacts":{"linux-x86_64":""}}', /artifacts\.linux-x86_64/],
    ['a platform as text', '{"expect":"linux-x86_64"}', /expect must be a list/],
    ['no platform to expect', '{"expect":[]}', /expect must be a list/],
    ['a channel in capitals', '{"channel":"Beta"}', /channel must be 1 to 40 lowercase/],
    ['a list', '[]', /body/],
    ['null', 'null', /body/],
    ['broken JSON', '{"app":', /cannot be read/],
    ['nothing', '', /cannot be read/],
  ])('with %s is rejected, and the error names the file', async (_, content, words) => {
    const folder = await folderWith(content);
    expect(() => readConfigFile(folder)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => readConfigFile(folder)).toThrow(words);
    expect(() => readConfigFile(folder)).toThrow(join(folder, CONFIG_FILE));
  });
});
