import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  readApp,
  readInteger,
  readPublicKey,
  readServer,
  readSlug,
  readTextFile,
  readToken,
} from '../../../../src/cli/options/remote-options.ts';
import { formatKeyId, parseTauriPublicKey } from '../../../../src/protocol/minisign.ts';
import { generateToken } from '../../../../src/protocol/token.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

describe('--server', () => {
  test.each(['https://ota.example', 'http://127.0.0.1:4680/prefix/'])('%s is accepted', (text) => {
    const { value, found } = collectProblems((problems) => readServer(text, problems));
    expect(found).toBe('');
    expect(value).toEqual(new URL(text));
  });

  test.each([
    [undefined, 'no server given: pass --server URL or set SYNCKIT_OTA_SERVER'],
    ['', 'no server given'],
    ['ota.example', '--server ota.example is not an http(s) URL'],
    ['ftp://ota.example', '--server ftp://ota.example is not an http(s) URL'],
    ['https://ota.example?a=b', '--server must not have credentials, a query or a fragment'],
    ['https://ota.example#a', '--server must not have credentials, a query or a fragment'],
  ])('%j is rejected', (text, words) => {
    expect(collectProblems((problems) => readServer(text, problems)).found).toContain(words);
  });

  test('with credentials is rejected, and the error does not show them', () => {
    const { found } = collectProblems((problems) => readServer('https://me:hunter2@ota.example', problems));
    expect(found).toContain('credentials');
    expect(found).not.toContain('hunter2');
  });
});

test.each([undefined, ''])('--app %j counts as missing', (text) => {
  expect(collectProblems((problems) => readApp(text, problems)).found).toContain(
    'pass --app ID or set SYNCKIT_OTA_APP',
  );
});

describe('--slug', () => {
  test.each([
    ['my-app', ''],
    [undefined, ''],
    ['My App', '"My App" is not a slug: use 3 to 40 characters'],
    ['ab', 'is not a slug'],
    ['-ab', 'is not a slug'],
    ['apps', 'the slug apps is reserved: choose another'],
  ])('%j: %j', (slug, words) => {
    const { value, found } = collectProblems((problems) => readSlug(slug, problems));
    expect(found).toContain(words);
    expect(found === '').toBe(words === '');
    expect(value).toBe(slug);
  });
});

describe('the token', () => {
  async function fileWith(text: string): Promise<string> {
    const file = join(await tempFolder(), 'token');
    await writeFile(file, text);
    return file;
  }

  test.each(['opaque-of-another-server', generateToken()])('%s is used unchanged', (token) => {
    expect(collectProblems((problems) => readToken({ token }, problems))).toEqual({
      value: token,
      found: '',
    });
  });

  test('is read from its file first, without the line end', async () => {
    const tokenFile = await fileWith('from-file\r\n');
    const options = { token: 'of-the-environment', tokenFile };
    const read = collectProblems((problems) => readToken(options, problems, 'of-the-environment'));
    expect(read).toEqual({ value: 'from-file', found: '' });
  });

  test('attack H10: given twice is rejected: neither is left out silently', async () => {
    const tokenFile = await fileWith('from-file');
    for (const inEnvironment of [undefined, 'of-the-environment']) {
      const options = { token: 'from-flag', tokenFile };
      const { found } = collectProblems((problems) => readToken(options, problems, inEnvironment));
      expect(found).toBe('--token and --token-file are both given: leave one out');
    }
  });

  test.each(['"sko_1"', "'sko_1'", '`sko_1`', '“sko_1”', '"sko_1', "sko_1'", '""'])(
    'attack H10: with quotes around it (%s) is rejected, and says so',
    async (text) => {
      const words = 'the token has quotes around it: leave them out';
      expect(collectProblems((problems) => readToken({ token: text }, problems)).found).toBe(words);
      const tokenFile = await fileWith(`${text}\n`);
      expect(collectProblems((problems) => readToken({ tokenFile }, problems)).found).toBe(words);
    },
  );

  test.each([
    ['spaces in it', { token: 'a b' }, 'contains spaces or line breaks'],
    ['an umlaut', { token: 'tökén' }, 'remove the extra whitespace'],
  ])('with %s is rejected', (_, options, words) => {
    expect(collectProblems((problems) => readToken(options, problems)).found).toContain(words);
  });

  test.each([{}, { token: '' }])('is empty with %j: a job in CI may do without', (options) => {
    expect(collectProblems((problems) => readToken(options, problems))).toEqual({ value: '', found: '' });
  });

  test.each(['', ' \n', 'one\ntwo\n'])('in a file that contains %j is rejected', async (text) => {
    const tokenFile = await fileWith(text);
    expect(collectProblems((problems) => readToken({ tokenFile }, problems)).found).toMatch(
      /^the token is empty or contains/,
    );
  });

  test('in a missing file is one error', () => {
    const { found } = collectProblems((problems) => readToken({ tokenFile: '/nowhere/token' }, problems));
    expect(found).toBe('--token-file /nowhere/token cannot be read: does not exist');
  });

  test('that is mistyped or truncated is rejected, and not shown', () => {
    const token = generateToken();
    for (const wrong of [token.slice(0, -1), token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))]) {
      const { found } = collectProblems((problems) => readToken({ token: wrong }, problems));
      expect(found).toContain('checksum');
      expect(found).not.toContain(wrong.slice(4, 30));
    }
  });
});

describe('--pubkey', () => {
  const line = 'RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico';
  const text = `untrusted comment: minisign public key: 807060504030201\n${line}\n`;
  const wrapped = Buffer.from(text).toString('base64');
  const config = JSON.stringify({ plugins: { updater: { pubkey: wrapped, endpoints: [] } } }, undefined, 2);
  const keyId = '0807060504030201';
  const privateKey = Buffer.from('untrusted comment: rsign encrypted secret key\nRWRTY0Iy\n').toString(
    'base64',
  );

  test.each([
    ['the bare line', line],
    ["minisign's two lines", text],
    ['the form of tauri.conf.json', wrapped],
  ])('accepts %s', (_, value) => {
    const { value: key, found } = collectProblems((problems) => readPublicKey(value, problems));
    expect(found).toBe('');
    expect(key && formatKeyId(key.keyId)).toBe(keyId);
  });

  test.each([
    ['minisign.pub', text],
    ['app.key.pub', wrapped],
    ['app.key.pub with a line end', `${wrapped}\n`],
    ['tauri.conf.json', config],
  ])('accepts the file %s', async (name, content) => {
    const file = join(await tempFolder(), name);
    await writeFile(file, content);
    const { value: key, found } = collectProblems((problems) => readPublicKey(file, problems));
    expect(found).toBe('');
    expect(key && formatKeyId(key.keyId)).toBe(keyId);
  });

  test.each([undefined, ''])('%j means no key', (value) => {
    expect(collectProblems((problems) => readPublicKey(value, problems))).toEqual({
      value: undefined,
      found: '',
    });
  });

  test.each([
    ['a file that is not there', 'pubkey', undefined, 'does not exist'],
    ['a configuration without a key', 'pubkey', '{"plugins":{}}', 'has no plugins.updater.pubkey'],
    [
      'a configuration with a broken key',
      'pubkey',
      '{"plugins":{"updater":{"pubkey":"abc"}}}',
      'pubkey is not a minisign public key',
    ],
    ['something else', 'pubkey', 'hello', 'contains no minisign public key'],
    ['an empty file', 'pubkey', '', 'contains no minisign public key'],
    ['a broken configuration', 'tauri.conf.json', '{', 'tauri.conf.json cannot be read'],
    ['a private key', 'app.key', privateKey, 'contains a private key'],
  ])('field 5: rejects %s', async (_, name, content, words) => {
    const file = join(await tempFolder(), name);
    if (content !== undefined) await writeFile(file, content);
    const { value, found } = collectProblems((problems) => readPublicKey(file, problems));
    expect(value).toBeUndefined();
    expect(found).toContain(words);
  });

  test('rejects a folder', async () => {
    const folder = join(await tempFolder(), 'keys');
    await mkdir(folder);
    expect(collectProblems((problems) => readPublicKey(folder, problems)).found).toContain(
      `--pubkey ${folder} is a folder`,
    );
  });

  test('field 5: rejects a private key without showing it', () => {
    const { value, found } = collectProblems((problems) => readPublicKey(privateKey, problems));
    expect(value).toBeUndefined();
    expect(found).toContain('is a private key');
    expect(found).not.toContain(privateKey.slice(0, 20));
  });

  test.each([
    ['tauri.conf.json', '{ /* a comment */ "plugins": { "updater": { "pubkey": "KEY", } } }'],
    ['tauri.conf.json', '\ufeff{"plugins":{"updater":{"pubkey":"KEY"}}}'],
    ['tauri.conf.json5', "{plugins:{updater:{pubkey:'KEY'}}}"],
    ['Tauri.toml', '[plugins.updater]\npubkey = "KEY"\n'],
    ['tauri.prod.conf.json', '{"plugins":{"updater":{"pubkey":"KEY"}}}'],
  ])('field 5: accepts %s like %s, and says where the key is', async (name, content) => {
    const file = join(await tempFolder(), name);
    await writeFile(file, content.replace('KEY', wrapped));
    const { value: key, found } = collectProblems((problems) => readPublicKey(file, problems));
    expect(found).toBe('');
    expect(key).toMatchObject({ source: `plugins.updater.pubkey of ${file}` });
    expect(key && formatKeyId(key.keyId)).toBe(keyId);
  });

  test('field 5: rejects a key in a configuration that the app could not read, showing how to write it', async () => {
    const file = join(await tempFolder(), 'tauri.conf.json');
    await writeFile(file, JSON.stringify({ plugins: { updater: { pubkey: line } } }));
    const { value, found } = collectProblems((problems) => readPublicKey(file, problems));
    expect(value).toBeUndefined();
    expect(parseTauriPublicKey(/Write it as (\S+)/.exec(found)?.[1] ?? '')).toMatchObject({ kind: 'key' });
  });
});

describe('an integer option', () => {
  test.each([
    ['1', 1],
    ['64', 64],
    ['007', 7],
  ])('%s is %i', (text, number) => {
    const read = collectProblems((problems) =>
      readInteger({ option: '--concurrency', text, min: 1, max: 64 }, problems),
    );
    expect(read).toEqual({ value: number, found: '' });
  });

  test.each(['0', '65', '-1', '1.5', '1e1', '', ' 1', 'many', '99999999999999999999'])(
    '%j is rejected',
    (text) => {
      const { found } = collectProblems((problems) =>
        readInteger({ option: '--concurrency', text, min: 1, max: 64 }, problems),
      );
      expect(found).toBe(`--concurrency ${text} must be a whole number, from 1 to 64`);
    },
  );
});

test.each([
  ['a file that is not there', 'missing', 'does not exist'],
  ['a folder', '.', 'EISDIR'],
])('reading %s is an error that names the option', async (_, path, words) => {
  const full = join(await tempFolder(), path);
  expect(() => readTextFile(full, '--notes-file')).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringMatching(new RegExp(`^--notes-file ${full} cannot be read: .*${words}`)),
    }),
  );
});
