import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfigLayer } from '../../../../src/tauri/project/config-value.ts';
import { mergePatch } from '../../../../src/tauri/project/merge-config.ts';
import { readTauriConfig, slugsOfEndpoints } from '../../../../src/tauri/project/tauri-config.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { write } from '../../../support/tauri/tauri-project.ts';

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await tempFolder();
  for (const [name, content] of Object.entries(files)) await write(join(folder, name), content);
  return folder;
}

const JSON_CONFIG = `{
  "productName": "My App",
  "version": "1.2.0",
  "bundle": { "createUpdaterArtifacts": true, "windows": { "wix": { "version": "1.2.0.9" } } },
  "plugins": { "updater": { "pubkey": "the key", "endpoints": ["https://a", "https://b"] } }
}`;

const JSON5_CONFIG = `{
  // a comment
  productName: 'My App',
  version: '1.2.0',
  bundle: { createUpdaterArtifacts: true, windows: { wix: { version: '1.2.0.9' } } },
  plugins: { updater: { pubkey: 'the key', endpoints: ['https://a', 'https://b'], } },
}`;

const TOML_CONFIG = `
product-name = "My App"
version = "1.2.0"

[bundle]
create-updater-artifacts = true

[bundle.windows.wix]
version = "1.2.0.9"

[plugins.updater]
pubkey = "the key"
endpoints = ["https://a", "https://b"]
`;

describe('a Tauri configuration', () => {
  test.each([
    ['tauri.conf.json', JSON_CONFIG],
    ['tauri.conf.json', JSON5_CONFIG],
    ['tauri.conf.json', `\ufeff${JSON_CONFIG}`],
    ['tauri.conf.json5', JSON5_CONFIG],
    ['Tauri.toml', TOML_CONFIG],
  ])('is read from %s', async (name, content) => {
    const folder = await folderWith({ [name]: content });
    expect(await readTauriConfig(folder, 'linux')).toEqual({
      file: join(folder, name),
      productName: 'My App',
      version: { value: '1.2.0', source: join(folder, name) },
      wixVersion: '1.2.0.9',
      pubkey: { value: 'the key', source: join(folder, name) },
      endpoints: { value: ['https://a', 'https://b'], source: join(folder, name) },
      allowsHttp: false,
      acceptsInvalidCertificates: false,
      requiresSignedVersion: false,
      updaterArtifacts: true,
    });
  });

  test('field 5: keeps its key as it is written, because Tauri does not trim it', async () => {
    const folder = await folderWith({ 'tauri.conf.json': '{"plugins":{"updater":{"pubkey":"the key\\n"}}}' });
    expect((await readTauriConfig(folder, 'linux')).pubkey?.value).toBe('the key\n');
  });

  test('is the JSON one when there are several', async () => {
    const folder = await folderWith({
      'Tauri.toml': 'version = "3.0.0"',
      'tauri.conf.json5': '{version: "2.0.0"}',
      'tauri.conf.json': '{"version":"1.0.0"}',
    });
    expect((await readTauriConfig(folder, 'linux')).version?.value).toBe('1.0.0');
  });

  test('without any settings has only defaults', async () => {
    const folder = await folderWith({ 'tauri.conf.json': '{}' });
    expect(await readTauriConfig(folder, 'linux')).toEqual({
      file: join(folder, 'tauri.conf.json'),
      productName: undefined,
      version: undefined,
      wixVersion: undefined,
      pubkey: undefined,
      endpoints: { value: [], source: join(folder, 'tauri.conf.json') },
      allowsHttp: false,
      acceptsInvalidCertificates: false,
      requiresSignedVersion: false,
      updaterArtifacts: false,
    });
  });

  test.each([
    ['true', true],
    ['"v1Compatible"', 'v1Compatible'],
    ['false', false],
  ])('with createUpdaterArtifacts %s', async (value, meant) => {
    const folder = await folderWith({ 'tauri.conf.json': `{"bundle":{"createUpdaterArtifacts":${value}}}` });
    expect((await readTauriConfig(folder, 'linux')).updaterArtifacts).toBe(meant);
  });

  test.each([
    ['linux', 'linux', 'tauri.linux.conf.json', '{"productName":"Other","version":null}'],
    ['darwin', 'macos', 'tauri.macos.conf.json5', "{productName:'Other',version:null}"],
    ['windows', 'windows', 'Tauri.windows.toml', 'productName = "Other"'],
  ] as const)('for %s has the overlay for %s merged into it', async (target, _, name, overlay) => {
    const folder = await folderWith({ 'tauri.conf.json': JSON_CONFIG, [name]: overlay });
    const config = await readTauriConfig(folder, target);
    expect(config).toMatchObject({ productName: 'Other', pubkey: { value: 'the key' } });
    expect(config.version?.value).toBe(name.endsWith('toml') ? '1.2.0' : undefined);
    const other = await readTauriConfig(folder, target === 'linux' ? 'windows' : 'linux');
    expect(other.productName).toBe('My App');
  });

  test('may take its version from a JSON file', async () => {
    const folder = await folderWith({
      'src-tauri/tauri.conf.json': '{"version":"../package.json"}',
      'package.json': '{"version":"1.2.3"}',
    });
    expect((await readTauriConfig(join(folder, 'src-tauri'), 'linux')).version).toEqual({
      value: '1.2.3',
      source: join(folder, 'package.json'),
    });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['that is not there', {}, /contains none of tauri\.conf\.json, tauri\.conf\.json5, Tauri\.toml/],
    ['that is broken JSON', { 'tauri.conf.json': '{"version":' }, /tauri\.conf\.json cannot be read: JSON5/],
    ['that is broken TOML', { 'Tauri.toml': 'version = ' }, /Tauri\.toml is not valid TOML: /],
    [
      'with a broken overlay',
      { 'tauri.conf.json': '{}', 'tauri.linux.conf.json': '{' },
      /tauri\.linux\.conf\.json cannot be read/,
    ],
    [
      'with a version file that has none',
      { 'tauri.conf.json': '{"version":"package.json"}', 'package.json': '{}' },
      /package\.json has no version, but tauri\.conf\.json takes its version from there/,
    ],
    ...(
      [
        { 'tauri.conf.json': '{"package":{"version":"1.0.0"},"tauri":{"updater":{}}}' },
        { 'tauri.conf.json': '{"build":{"distDir":"../dist"},"tauri":{"bundle":{}}}' },
        { 'tauri.conf.json': '{"tauri":{}}' },
        { 'tauri.conf.json': '{"package":{"productName":"App"}}' },
        { 'tauri.conf.json': '{"build":{"devPath":"http://localhost:1420"}}' },
        { 'tauri.conf.json5': "{build:{distDir:'../dist'}} // no package" },
        { 'Tauri.toml': '[build]\ndist-dir = "../dist"\n' },
        { 'Tauri.toml': '[tauri.updater]\nactive = true\n' },
        { 'tauri.conf.json': '{}', 'tauri.linux.conf.json': '{"tauri":{"bundle":{}}}' },
      ] satisfies Record<string, string>[]
    ).map((files): [string, Record<string, string>, RegExp] => [
      `field 5: of Tauri 1, ${JSON.stringify(files)}`,
      files,
      /is a Tauri 1 configuration/,
    ]),
  ])('%s is refused', async (_, files, words) => {
    const read = readTauriConfig(await folderWith(files), 'linux');
    await expect(read).rejects.toThrow(expect.objectContaining({ code: 'usage' }));
    await expect(read).rejects.toThrow(words);
  });
});

describe('field 5: the values of `tauri build --config`', () => {
  const DEVELOPMENT = `{
    "productName": "Cap - Development",
    "version": "0.5.9",
    "plugins": { "updater": { "pubkey": "", "endpoints": ["https://dev"] } }
  }`;
  const layer = (value: unknown, source = 'tauri.prod.conf.json') => ({ source, value });

  test('are merged over the configuration and the overlay of the system, in their order', async () => {
    const folder = await folderWith({
      'tauri.conf.json': DEVELOPMENT,
      'tauri.linux.conf.json': '{"productName":"Cap for Linux","version":"0.6.0"}',
    });
    const config = await readTauriConfig(folder, 'linux', [
      layer({ productName: 'Cap', plugins: { updater: { pubkey: 'the key' } } }),
      layer({ bundle: { createUpdaterArtifacts: true }, version: '0.7.0' }, '--config'),
    ]);
    expect(config).toEqual({
      file: join(folder, 'tauri.conf.json'),
      productName: 'Cap',
      version: { value: '0.7.0', source: '--config' },
      wixVersion: undefined,
      pubkey: { value: 'the key', source: 'tauri.prod.conf.json' },
      endpoints: { value: ['https://dev'], source: join(folder, 'tauri.conf.json') },
      allowsHttp: false,
      acceptsInvalidCertificates: false,
      requiresSignedVersion: false,
      updaterArtifacts: true,
    });
  });

  test('remove what they set to null, also when a later one says nothing about it', async () => {
    const folder = await folderWith({ 'tauri.conf.json': DEVELOPMENT });
    const config = await readTauriConfig(folder, 'linux', [layer({ version: null }), layer({})]);
    expect(config.version).toBeUndefined();
    const again = await readTauriConfig(folder, 'linux', [
      layer({ version: null }),
      layer({ version: '1.0.0' }),
    ]);
    expect(again.version?.value).toBe('1.0.0');
  });

  test('may take the version from a file beside the configuration', async () => {
    const folder = await folderWith({
      'tauri.conf.json': DEVELOPMENT,
      'package.json': '{"version":"3.0.0"}',
    });
    const config = await readTauriConfig(folder, 'linux', [layer({ version: './package.json' })]);
    expect(config.version).toEqual({ value: '3.0.0', source: join(folder, 'package.json') });
  });

  test.each([
    ['a.json', '{"version":"1.0.0"}'],
    ['a.json', '{version:"1.0.0",/* JSON5 */}'],
    ['a.conf', '{version:"1.0.0",}'],
    ['a.json5', "{version:'1.0.0'}"],
    ['a.toml', 'version = "1.0.0"'],
    ['a.json', '\ufeff{"version":"1.0.0"}'],
  ])('are read from %s as %s', async (name, content) => {
    const file = join(await folderWith({ [name]: content }), name);
    expect(readConfigLayer(file, '--config')).toEqual({ source: file, value: { version: '1.0.0' } });
  });

  test('may be JSON themselves', () => {
    expect(readConfigLayer(' {"version":"1.0.0"}', '--config')).toEqual({
      source: '--config',
      value: { version: '1.0.0' },
    });
  });

  test.each([
    ['a missing file', 'missing.json', /missing\.json does not exist/],
    ['a folder', '.', /\. is a folder/],
    ['broken JSON', '{"version":', /--config is not valid JSON/],
    ['JSON5, which Tauri reads in files only', "{version:'1.0.0'}", /--config is not valid JSON/],
  ])('that are %s are refused', (_, text, words) => {
    expect(() => readConfigLayer(text, '--config')).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => readConfigLayer(text, '--config')).toThrow(words);
  });

  test('that are no object are refused', async () => {
    const file = join(await folderWith({ 'list.json': '[]' }), 'list.json');
    expect(() => readConfigLayer(file, '--config')).toThrow(/has to be an object/);
  });
});

describe('a merge patch (RFC 7396, appendix A)', () => {
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('of %s by %s is %s', (target, patch, result) => {
    expect(mergePatch(JSON.parse(target), JSON.parse(patch))).toEqual(JSON.parse(result));
  });

  test('with a field called __proto__ changes no other object', () => {
    mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('the slugs in the endpoints', () => {
  const rest = '{{target}}/{{arch}}/{{current_version}}';
  test.each<[string[], string[]]>([
    [[`https://a.example/api/sync/ota/my-app/${rest}`], ['my-app']],
    [[`https://a.example/prefix/api/sync/ota/my-app/${rest}?channel=beta`], ['my-app']],
    [['https://github.com/o/r/latest.json', `https://a.example/api/sync/ota/second/${rest}`], ['second']],
    [
      [
        `https://a.example/api/sync/ota/first/${rest}`,
        `https://a.example/api/sync/ota/second/${rest}`,
        `https://b.example/api/sync/ota/first/${rest}`,
      ],
      ['first', 'second'],
    ],
    [['https://github.com/o/r/latest.json'], []],
    [[`https://a.example/api/sync/ota/${rest}`], []],
    [['https://a.example/api/sync/ota/apps/x'], []],
    [['https://a.example/api/sync/ota/my-app'], []],
    [[], []],
  ])('of %j are %j', (endpoints, slugs) => {
    expect(slugsOfEndpoints(endpoints)).toEqual(slugs);
  });
});
