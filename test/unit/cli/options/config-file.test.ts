import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CONFIG_FILE, readConfigFile } from '../../../../src/cli/options/config-file.ts';
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
    concurrency: 2,
    expect: ['linux-x86_64', 'darwin-aarch64'],
    channel: 'beta',
  };

  test('can contain every setting', async () => {
    expect(readConfigFile(await folderWith(JSON.stringify(full)))).toEqual(full);
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
    ['an unknown setting', '{"sever":"https://ota.example"}', /unknown setting "sever"/],
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
