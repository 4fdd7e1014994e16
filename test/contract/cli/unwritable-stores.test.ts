import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../../src/database/queries/apps.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { fillStore } from '../../support/server/small-store.ts';

const DATABASE = 'synckit-ota.sqlite';

/** A store with one release and the app `later`, which is in the -wal if its server was killed. */
async function storeOf(end: 'stopped' | 'killed'): Promise<string> {
  const dataDir = join(await tempFolder(), 'data');
  await fillStore(dataDir, [1000, 2000]);
  const database = await openSqlite({ dataDir });
  await createApp(database.queries, { name: 'Later', slug: 'later' }, by());
  const killed = join(await tempFolder(), 'killed');
  if (end === 'killed') await cp(dataDir, killed, { recursive: true });
  await database.close();
  return end === 'killed' ? killed : dataDir;
}

/** As on a medium that cannot be written. @returns undefined where this user may not mount anything */
async function mountReadOnly(folder: string): Promise<string | undefined> {
  const target = await tempFolder();
  try {
    execFileSync('mount', ['--bind', folder, target], { stdio: 'ignore' });
    onTestFinished(() => void execFileSync('umount', [target]));
    execFileSync('mount', ['-o', 'remount,ro,bind', target], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return target;
}

/** As another user's folder. @returns undefined for a user that may write everywhere */
async function denyWriting(folder: string): Promise<string | undefined> {
  if (process.getuid?.() === 0) return undefined;
  await chmod(folder, 0o500);
  onTestFinished(() => chmod(folder, 0o700));
  return folder;
}

async function contentOf(dataDir: string): Promise<string[]> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith(DATABASE)).sort();
  const hashOf = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(dataDir, name)))
      .digest('hex');
  return Promise.all(names.map(async (name) => `${name} ${await hashOf(name)}`));
}

async function tempCopies(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => /^synckit-ota-[A-Za-z0-9]{6}$/.test(name));
}

describe.each([
  ['on a read-only mount', mountReadOnly],
  ['in a folder that this user may not write', denyWriting],
])('field 13: a store %s', (_where, lock) => {
  test.each(['stopped', 'killed'] as const)('is read, with all of a %s server', async (end) => {
    const source = await storeOf(end);
    const dataDir = await lock(source);
    if (dataDir === undefined) return;
    const before = await contentOf(dataDir);
    const copies = await tempCopies();
    const apps = await runJsonInProcess(['apps', 'list', '--data-dir', dataDir]);
    expect(apps.code, apps.stderr).toBe(0);
    expect(JSON.stringify(apps.document)).toContain('"later"');
    const reading = [
      ...[
        ['apps', 'show', 'later'],
        ['apps', 'trust', 'later'],
        ['tokens', 'list'],
        ['audit'],
        ['fsck', '--hashes'],
      ],
      ...[
        ['audit', 'checkpoint'],
        ['audit', 'verify'],
        ['backup', join(await tempFolder(), 'backup')],
      ],
    ];
    for (const args of reading) {
      const { code, stderr } = await runInProcess([...args, '--data-dir', dataDir]);
      expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    }
    expect(await contentOf(dataDir)).toEqual(before);
    expect((await tempCopies()).filter((name) => !copies.includes(name))).toEqual([]);
  });

  test('is not written: each command says so', async () => {
    const dataDir = await lock(await storeOf('stopped'));
    if (dataDir === undefined) return;
    const writing = [
      ['apps', 'create', 'B'],
      ['apps', 'trust', 'later', '--only'],
      ['keys', 'rotate'],
      ['serve', '--port', '0'],
    ];
    for (const args of writing) {
      const { code, stderr } = await runInProcess([...args, '--data-dir', dataDir]);
      expect({ args, code }).toEqual({ args, code: 9 });
      expect(stderr).toMatch(/EROFS|EACCES/);
    }
  });
});

test('field 13: fsck, audit verify and backup do not undo an interrupted change in place', async () => {
  const source = await storeOf('stopped');
  const connection = await connectSqlite(join(source, DATABASE), {});
  connection.pragma('journal_mode = DELETE');
  connection.pragma('cache_size = 1');
  connection.pragma('cache_spill = 1');
  connection.exec("begin immediate; update apps set name = 'Changed'; create table filler (text)");
  const insert = connection.prepare('insert into filler values (?)');
  for (let i = 0; i < 500; i++) insert.run('x'.repeat(4000));
  const dataDir = join(await tempFolder(), 'data');
  await mkdir(dataDir);
  await cp(source, dataDir, { recursive: true });
  connection.exec('rollback');
  connection.close();

  const before = await contentOf(dataDir);
  expect(before.map((line) => line.split(' ')[0])).toEqual([DATABASE, `${DATABASE}-journal`]);
  for (const args of [['fsck'], ['audit', 'verify'], ['backup', join(await tempFolder(), 'backup')]]) {
    const { code, stderr } = await runInProcess([...args, '--data-dir', dataDir]);
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    expect({ args, content: await contentOf(dataDir) }).toEqual({ args, content: before });
  }
  const apps = await runInProcess(['apps', 'list', '--data-dir', dataDir]);
  expect(apps.stdout).not.toContain('Changed');
});
