import { createHash } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp, listApps } from '../../../src/database/queries/apps.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite, openSqliteFile } from '../../../src/database/sqlite/sqlite-connection.ts';
import { start } from '../../support/process/binary.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { fillStore } from '../../support/server/small-store.ts';

const DATABASE = 'synckit-ota.sqlite';

/** A data folder as a killed server leaves it: with one release in the database file, and changes in its -wal. */
async function killedStore(): Promise<string> {
  const dataDir = join(await tempFolder(), 'data');
  await fillStore(dataDir, [1000, 2000]);
  const database = await openSqlite({ dataDir });
  await createApp(database.queries, { name: 'Later', slug: 'later' }, by());
  const killed = join(await tempFolder(), 'killed');
  await cp(dataDir, killed, { recursive: true });
  await database.close();
  return killed;
}

/** The same after a stop: everything is in the database file. */
async function stoppedStore(): Promise<string> {
  const dataDir = join(await tempFolder(), 'data');
  await fillStore(dataDir, [1000, 2000]);
  return dataDir;
}

async function withoutCompanions(dataDir: string): Promise<void> {
  for (const name of ['-wal', '-shm']) await rm(join(dataDir, DATABASE + name), { force: true });
}

/** What a database is replaced by: a copy that SQLite made of another moment. */
async function putBackUpInPlace(dataDir: string): Promise<void> {
  const copy = join(await tempFolder(), 'copy.sqlite');
  const connection = await connectSqlite(join(dataDir, DATABASE), { readonly: true });
  connection.prepare('vacuum into ?').run(copy);
  connection.close();
  await cp(copy, join(dataDir, DATABASE));
}

/** Hashes of the database and its -wal; an empty one is as good as none. */
async function contentOf(dataDir: string): Promise<string[]> {
  const files = ['', '-wal'].map((name) => readFile(join(dataDir, DATABASE + name)).catch(() => ''));
  return (await Promise.all(files)).map((bytes) => createHash('sha256').update(bytes).digest('hex'));
}

/** The rollback journal that is there while the first page of a database is written. @see https://www.sqlite.org/fileformat2.html */
function journalOfNewDatabase(): Buffer {
  const header = Buffer.alloc(512);
  header.write('d9d505f920a163d7', 'hex');
  for (const [at, value] of [
    [20, header.length],
    [24, 4096],
  ] as const) {
    header.writeUInt32BE(value, at);
  }
  return header;
}

const CASES: readonly (readonly [string, () => Promise<string>, (dataDir: string) => Promise<unknown>])[] = [
  ['is missing', stoppedStore, (dataDir) => rm(join(dataDir, DATABASE))],
  ['is missing beside its -wal', killedStore, (dataDir) => rm(join(dataDir, DATABASE))],
  ['is empty', stoppedStore, (dataDir) => truncate(join(dataDir, DATABASE))],
  ['is empty beside its -wal', killedStore, (dataDir) => truncate(join(dataDir, DATABASE))],
  ['is cut off', stoppedStore, (dataDir) => truncate(join(dataDir, DATABASE), 20_480)],
  ['is cut off in its first page', stoppedStore, (dataDir) => truncate(join(dataDir, DATABASE), 50)],
  [
    'is a folder',
    stoppedStore,
    async (dataDir) => {
      await rm(join(dataDir, DATABASE));
      await mkdir(join(dataDir, DATABASE));
    },
  ],
  [
    'is no database',
    stoppedStore,
    (dataDir) => writeFile(join(dataDir, DATABASE), 'no database at all'.repeat(1000)),
  ],
  [
    "is another program's",
    stoppedStore,
    async (dataDir) => {
      await rm(join(dataDir, DATABASE));
      const connection = await connectSqlite(join(dataDir, DATABASE), {});
      connection.exec('create table bookmarks (url text)');
      connection.close();
    },
  ],
  [
    'has damaged pages',
    stoppedStore,
    async (dataDir) => {
      const handle = await open(join(dataDir, DATABASE), 'r+');
      await handle.write(Buffer.alloc(12_288, 0xa5), 0, 12_288, 4 * 4096);
      await handle.close();
    },
  ],
  ['was restored beside the -wal of the one before', killedStore, putBackUpInPlace],
  [
    'was restored beside the -journal of another one',
    stoppedStore,
    (dataDir) => writeFile(join(dataDir, `${DATABASE}-journal`), journalOfNewDatabase()),
  ],
  [
    'was copied without its -wal, before it had tables',
    async () => {
      const dataDir = join(await tempFolder(), 'data');
      const database = await openSqlite({ dataDir });
      onTestFinished(() => database.close());
      const copy = join(await tempFolder(), 'copy');
      await mkdir(join(copy, 'artifacts'), { recursive: true });
      await cp(join(dataDir, DATABASE), join(copy, DATABASE));
      await writeFile(join(copy, 'artifacts', 'key'), 'published');
      return copy;
    },
    async () => {},
  ],
  [
    'was copied without its -wal, before it had apps',
    async () => {
      const dataDir = join(await tempFolder(), 'data');
      await (await openSqlite({ dataDir })).close();
      await mkdir(join(dataDir, 'artifacts'));
      await writeFile(join(dataDir, 'artifacts', 'key'), 'published');
      return dataDir;
    },
    withoutCompanions,
  ],
];

describe('field 11: a store', () => {
  test('that was copied without its -wal is refused where its files are elsewhere, until that is copied too', async () => {
    const dataDir = await tempFolder();
    const database = await openSqlite({ dataDir });
    onTestFinished(() => database.close());
    await createApp(database.queries, { name: 'My App', slug: 'my-app' }, by());
    const copy = await tempFolder();
    await cp(join(dataDir, DATABASE), join(copy, DATABASE));
    expect((await stat(join(copy, DATABASE))).size).toBe(4096);
    for (const words of [['apps', 'list'], ['apps', 'create', 'New'], ['fsck'], ['serve', '--port', '0']]) {
      const { code, stderr } = await runInProcess([...words, '--data-dir', copy]);
      expect(code, stderr).toBe(9);
      expect(stderr).toContain('has no tables');
    }
    await cp(join(dataDir, `${DATABASE}-wal`), join(copy, `${DATABASE}-wal`));
    const { document } = await runJsonInProcess(['apps', 'list', '--data-dir', copy]);
    expect(document).toHaveLength(1);
  });

  test.each(['before', 'while', 'after'])(
    'crash C4: is created where a first start was killed %s SQLite opened it',
    async (when) => {
      const dataDir = await tempFolder();
      const file = join(dataDir, DATABASE);
      await writeFile(`${file}.new`, '');
      await writeFile(file, '');
      if (when !== 'before') (await openSqliteFile(file)).close();
      if (when === 'while') await writeFile(`${file}-journal`, journalOfNewDatabase());
      const listed = await runInProcess(['apps', 'list', '--data-dir', dataDir]);
      expect(listed).toMatchObject({ code: 2, stderr: expect.stringContaining('no store in') });
      const { close, queries } = await openSqlite({ dataDir });
      expect(await listApps(queries)).toEqual([]);
      await close();
      expect(await readdir(dataDir)).toEqual([DATABASE]);
      expect(await runInProcess(['apps', 'list', '--data-dir', dataDir])).toMatchObject({ code: 0 });
    },
  );

  test.each(CASES)(
    'with a database that %s is refused by every command, and stays as it is',
    async (what, make, harm) => {
      const dataDir = await make();
      await harm(dataDir);
      const before = await contentOf(dataDir);
      for (const words of [
        ['serve', '--port', '0'],
        ['apps', 'list'],
        ['tokens', 'list'],
      ]) {
        const { code, stderr } = await runInProcess([...words, '--data-dir', dataDir]);
        expect(code, `${words.join(' ')}: ${stderr}`).toBe(9);
        expect(stderr).toMatch(/^error: [^\n]+\.\n {2}[^\n]+\.\n$/);
      }
      if (!/tables|apps|program/.test(what)) expect(await contentOf(dataDir)).toEqual(before);
    },
  );

  test('that a killed server left is opened with all that is in its -wal', async () => {
    const dataDir = await killedStore();
    const { code, document } = await runJsonInProcess(['apps', 'list', '--data-dir', dataDir]);
    expect(code).toBe(0);
    expect(document.map(({ slug }: { slug: string }) => slug).sort()).toEqual(['later', 'my-app']);
  });

  test('with the -shm of another one, but no -wal, is opened', async () => {
    const dataDir = await stoppedStore();
    await cp(join(await killedStore(), `${DATABASE}-shm`), join(dataDir, `${DATABASE}-shm`));
    expect(await runJsonInProcess(['apps', 'list', '--data-dir', dataDir])).toMatchObject({
      code: 0,
      document: [{ slug: 'my-app' }],
    });
  });

  test('with a foreign -wal is opened as it was put there, once that is moved away', async () => {
    const dataDir = await killedStore();
    await putBackUpInPlace(dataDir);
    await withoutCompanions(dataDir);
    expect(await runInProcess(['apps', 'list', '--data-dir', dataDir])).toMatchObject({ code: 0 });
  });

  test('that is large and damaged ends the server that has started on it', async () => {
    const dataDir = await stoppedStore();
    const file = join(dataDir, DATABASE);
    const connection = await connectSqlite(file, {});
    connection.exec(`
      create table filler (bytes blob);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000)
        insert into filler select zeroblob(1000) from n;
      create index filler_bytes on filler (bytes);
    `);
    const root = Number(
      connection.prepare("select rootpage from sqlite_schema where name = 'filler'").pluck().get(),
    );
    connection.close();
    const handle = await open(file, 'r+');
    await handle.write(Buffer.alloc(4096, 0xa5), 0, 4096, (root + 500) * 4096);
    await handle.close();
    const serve = start(['serve', '--port', '0', '--data-dir', dataDir, '--log-format', 'json']);
    onTestFinished(() => serve.kill('SIGKILL'));
    const { code, stdout } = await serve.finished;
    expect(code).toBe(9);
    expect(stdout).toContain('the database is damaged; stopping');
  });
});
