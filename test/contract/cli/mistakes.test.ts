import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { writeBundle } from '../../support/publish/world.ts';

/** Nothing listens there: each of these is found before anything is sent. */
const REMOTE = ['--server', 'http://127.0.0.1:9', '--app', 'a1', '--token', 't'];
const PUBLISH = ['publish', '--version', '1.2.0', ...REMOTE];
const CHECK = ['check', '--server', 'http://127.0.0.1:9', '--slug', 'my-app', '--arch', 'x86_64'];

/** What is wrong, the arguments, the exit code, what is named, and what to do about it. */
const MISTAKES: readonly [string, string[], number, string, string][] = [
  [
    'an option and its negation',
    ['apps', 'set', 'a', '--approval', '--no-approval'],
    2,
    '--approval and --no-approval are both given',
    'Give one of them',
  ],
  [
    'an app without a name',
    ['apps', 'show', '', '--data-dir', 'store'],
    2,
    '<app> is empty',
    'Give it a value',
  ],
  [
    'a token without a name',
    ['tokens', 'revoke', '', '--data-dir', 'store'],
    2,
    '[token] is empty',
    'Give it a value',
  ],
  [
    'a version for dev that is none',
    ['dev', '--sample', '--version', 'banana'],
    2,
    '--version banana',
    'version',
  ],
  [
    'an issuer beside the machine',
    ['apps', 'trust', 'a', '--github', 'o/r', '--workflow', 'w.yml', '--issuer', 'https://169.254.169.254/'],
    2,
    '--issuer https://169.254.169.254/',
    "give the issuer's name",
  ],
  ['no artifact', PUBLISH, 2, 'no Tauri project found in', 'the files with --artifact TARGET-ARCH=FILE'],
  [
    'a file that is not there',
    [...PUBLISH, '--artifact', 'linux-x86_64=gone.bin'],
    2,
    'gone.bin does not exist',
    'Build it first',
  ],
  [
    'a folder as file',
    [...PUBLISH, '--artifact', 'linux-x86_64=folder'],
    2,
    'folder is not a file',
    'Name the bundle itself',
  ],
  [
    'an empty file',
    [...PUBLISH, '--artifact', 'linux-x86_64=empty.bin'],
    2,
    'empty.bin is empty',
    'Build it again',
  ],
  [
    'a file without signature',
    [...PUBLISH, '--artifact', 'linux-x86_64=unsigned.bin'],
    2,
    'unsigned.bin.sig does not exist',
    'minisign -S',
  ],
  [
    'a folder as signature',
    [...PUBLISH, '--artifact', 'linux-x86_64=folder-sig.bin'],
    2,
    'folder-sig.bin.sig',
    'minisign -S',
  ],
  [
    'an unknown platform',
    [...PUBLISH, '--artifact', 'linux-x64=ok.bin'],
    2,
    '--artifact: unknown platform "linux-x64"',
    'did you mean linux-x86_64?',
  ],
  [
    'a version that is none',
    ['publish', ...REMOTE, '--version', '1.2', '--artifact', 'linux-x86_64=ok.bin'],
    4,
    '--version 1.2',
    'did you mean 1.2.0?',
  ],
  [
    'a pre-release',
    ['publish', ...REMOTE, '--version', '1.2.0-rc.1', '--artifact', 'linux-x86_64=ok.bin'],
    4,
    '1.2.0-rc.1',
    'pass --allow-prerelease',
  ],
  [
    'a pre-release, alone',
    ['publish', 'release', ...REMOTE, '--version', '1.2.0-rc.1'],
    4,
    '1.2.0-rc.1',
    'pass --allow-prerelease',
  ],
  [
    'a key that is none',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--pubkey', 'gone.pub'],
    2,
    '--pubkey gone.pub',
    'give plugins.updater.pubkey',
  ],
  [
    'a folder as key',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--pubkey', 'folder'],
    2,
    '--pubkey folder',
    'give plugins.updater.pubkey',
  ],
  [
    'a folder as key of a new app',
    ['apps', 'create', 'A', '--pubkey', 'folder', '--data-dir', 'store'],
    2,
    '--pubkey folder',
    'give plugins.updater.pubkey',
  ],
  [
    'a folder as key of a check',
    [...CHECK, '--target', 'linux', '--current-version', '1.0.0', '--download', '--pubkey', 'folder'],
    2,
    '--pubkey folder',
    'give plugins.updater.pubkey',
  ],
  [
    'a token file that is not there',
    ['releases', 'list', '--server', 'http://127.0.0.1:9', '--app', 'a1', '--token-file', 'gone'],
    2,
    '--token-file gone',
    'does not exist',
  ],
  [
    'an empty token',
    ['releases', 'list', '--server', 'http://127.0.0.1:9', '--app', 'a1', '--token-file', 'empty.bin'],
    2,
    'the token is empty',
    'remove the extra whitespace',
  ],
  [
    'a token in the configuration',
    [...PUBLISH, '--project', 'with-token', '--artifact', 'linux-x86_64=ok.bin'],
    2,
    'synckit-ota.config.json contains a token',
    'revoke that token',
  ],
  [
    'notes that are not there',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--notes-file', 'gone.md'],
    2,
    '--notes-file gone.md',
    'does not exist',
  ],
  [
    'notes in Windows-1252',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--notes-file', 'latin.md'],
    2,
    '--notes-file latin.md cannot be read: it is not UTF-8: byte 0xC4 at offset 0',
    'save it as UTF-8',
  ],
  [
    'a token in UTF-16 without a byte order mark',
    ['releases', 'list', '--server', 'http://127.0.0.1:9', '--app', 'a1', '--token-file', 'utf16.txt'],
    2,
    '--token-file utf16.txt cannot be read',
    'save it as UTF-8',
  ],
  [
    'a public key in UTF-16 without a byte order mark',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--pubkey', 'utf16.txt'],
    2,
    '--pubkey utf16.txt cannot be read',
    'save it as UTF-8',
  ],
  [
    'a configuration in Windows-1252',
    [...PUBLISH, '--artifact', 'linux-x86_64=ok.bin', '--project', 'latin-config'],
    2,
    'synckit-ota.config.json cannot be read: it is not UTF-8',
    'save it as UTF-8',
  ],
  [
    'a signature in another encoding',
    [...PUBLISH, '--artifact', 'linux-x86_64=latin-sig.bin'],
    2,
    'latin-sig.bin.sig cannot be read: it is not UTF-8',
    'save it as UTF-8',
  ],
  [
    'nothing to change',
    ['releases', 'edit', '1.2.0', ...REMOTE],
    2,
    'nothing to change',
    'pass --notes, --notes-file, --remove-notes, --mandatory',
  ],
  [
    'a key to record that is none',
    ['releases', 'edit', '1.2.0', '--embedded-pubkey', 'abc', ...REMOTE],
    2,
    '--embedded-pubkey',
    'minisign',
  ],
  [
    'empty new notes',
    ['releases', 'edit', '1.2.0', '--notes-file', 'empty.bin', ...REMOTE],
    2,
    'the notes are empty (--notes-file empty.bin)',
    'give the new text, or pass --remove-notes',
  ],
  [
    'new notes, and none',
    ['releases', 'edit', '1.2.0', '--notes', 'a', '--remove-notes', ...REMOTE],
    2,
    '--notes and --remove-notes cannot be used together',
    'give one',
  ],
  [
    'new notes twice',
    ['releases', 'edit', '1.2.0', '--notes', 'a', '--notes-file', 'empty.bin', ...REMOTE],
    2,
    '--notes and --notes-file cannot be used together',
    'give one',
  ],
  [
    'a slug that is none',
    ['publish', 'slug', 'My_App', ...REMOTE],
    2,
    '"My_App" is not a slug',
    'use 3 to 40 characters',
  ],
  [
    'a target that is none',
    [...CHECK, '--target', 'beos', '--current-version', '1.0.0'],
    2,
    '--target beos',
    'one of linux, darwin, windows',
  ],
  [
    'an installed version that is none',
    [...CHECK, '--target', 'linux', '--current-version', 'v1'],
    2,
    '--current-version v1',
    'like 1.2.0',
  ],
  [
    'a key with nothing to check',
    [
      ...CHECK,
      '--target',
      'linux',
      '--current-version',
      '1.0.0',
      '--pubkey',
      'RWQBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJico',
    ],
    2,
    '--pubkey',
    'pass --download too',
  ],
  [
    'an app without a name',
    ['apps', 'create', ' ', '--data-dir', 'store'],
    2,
    '<name> is empty',
    'Give it a value',
  ],
  [
    'an app that is not there',
    ['tokens', 'create', '--app', 'gone', '--data-dir', 'store'],
    2,
    'there is no app with the id, slug or name gone',
    'apps list',
  ],
  [
    'a token that is not there',
    ['tokens', 'revoke', 'gone', '--data-dir', 'store'],
    2,
    'there is no token with the id or name gone',
    'tokens list',
  ],
  [
    'a file as store',
    ['apps', 'list', '--data-dir', 'ok.bin'],
    2,
    'no store in',
    'Pass what the server runs with',
  ],
  [
    'a file as store to serve',
    ['serve', '--port', '0', '--data-dir', 'ok.bin'],
    9,
    'ok.bin',
    'Pass a --data-dir that this user can write to',
  ],
  [
    'a store that is none',
    ['apps', 'list', '--data-dir', 'not-a-store'],
    9,
    'synckit-ota.sqlite is not a SQLite database',
    'Restore a backup into another folder',
  ],
  [
    'a host that is none',
    ['serve', '--host', '203.0.113.1', '--port', '0', '--data-dir', 'store'],
    2,
    '203.0.113.1',
    'Choose another with --host',
  ],
];

describe("a user's mistake is reported in one sentence with a hint", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
    await mkdir(join(folder, 'folder'));
    await writeFile(join(folder, 'empty.bin'), '');
    await writeFile(join(folder, 'unsigned.bin'), 'bytes');
    await writeFile(join(folder, 'folder-sig.bin'), 'bytes');
    await mkdir(join(folder, 'folder-sig.bin.sig'));
    await mkdir(join(folder, 'with-token'));
    await writeFile(join(folder, 'with-token', 'synckit-ota.config.json'), '{"token":"sko_canary"}');
    await (await openSqlite({ dataDir: join(folder, 'store') })).close();
    await mkdir(join(folder, 'not-a-store'));
    await writeFile(join(folder, 'not-a-store', 'synckit-ota.sqlite'), 'this is no database '.repeat(100));
    await writeBundle(folder, 'ok.bin');
    await writeFile(join(folder, 'latin.md'), Buffer.from('\u00c4nderungen', 'latin1'));
    await writeFile(join(folder, 'utf16.txt'), Buffer.from('a token or a key', 'utf16le'));
    await mkdir(join(folder, 'latin-config'));
    const config = Buffer.from('{"slug": "\u00e4pp"}', 'latin1');
    await writeFile(join(folder, 'latin-config', 'synckit-ota.config.json'), config);
    await writeBundle(folder, 'latin-sig.bin');
    const signature = Buffer.from('untrusted comment: f\u00fcr 1.2.0', 'latin1');
    await writeFile(join(folder, 'latin-sig.bin.sig'), signature);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(MISTAKES)('%s', async (_, args, exit, named, remedy) => {
    const { code, stdout, stderr } = await runInProcess(args, { cwd: folder });
    expect(stdout.replace(/^\{.*\}$/gm, '').trim()).toBe(''); // serve may have logged
    expect(stderr.match(/^error: /gm), stderr).toHaveLength(1);
    expect(stderr).toContain(named);
    expect(stderr).toContain(remedy);
    expect(stderr).not.toMatch(/^\s+at |canary|problems:/m);
    expect(code).toBe(exit);
  });
});

test('stdin cannot be both the notes and the token', async () => {
  const args = [
    ...PUBLISH.filter((arg) => arg !== '--token' && arg !== 't'),
    '--artifact',
    'linux-x86_64=ok.bin',
  ];
  const both = ['--notes-file', '-', '--token-file', '-'];
  const { code, stderr } = await runInProcess([...args, ...both]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--notes-file.*--token-file|--token-file.*--notes-file/s);
});
