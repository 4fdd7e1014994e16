import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { deleteApp, findAppsCalled, freeSlug, setSlug } from '../../src/database/queries/apps.ts';
import { listComparedFiles, markLost } from '../../src/database/queries/lost-files.ts';
import { openSqliteReadOnly } from '../../src/database/sqlite/open-read-only.ts';
import { openSqlite } from '../../src/database/sqlite/open-sqlite.ts';
import { describeOnPostgres, usePostgres } from '../support/postgres/postgres.ts';
import { startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { answersOf, closedShop, DELETED, deletedFile } from '../support/publish/shop.ts';
import { publishLinux, runJson, type World, writeBundle } from '../support/publish/world.ts';
import { objectsIn } from '../support/s3/s3-objects.ts';
import { describeOnS3 } from '../support/s3/s3-place.ts';
import { by } from '../support/server/by.ts';
import { copyArgs, fillStore } from '../support/server/small-store.ts';
import { storageOptions } from '../support/server/storage-options.ts';

type Tables = Record<string, string[]>;

describeOnPostgres('copy to PostgreSQL', () => {
  const postgres = usePostgres();

  describeOnS3('and S3', (open) => {
    test('copies a whole store, and the copy gives the same responses', { timeout: 90_000 }, async () => {
      const { world, answers } = await closedShop();
      const before = await contentOf(world.dataDir);
      const place = await open();
      const database = await postgres.server.createEmptyDatabase();
      const env = { SYNCKIT_OTA_DATABASE: database };

      const planned = await runJson([...copyArgs(world.dataDir, place), '--dry-run'], { env });
      expect(planned).toMatchObject({
        code: 0,
        document: { status: 'planned', files: { total: 8, sent: 0 } },
      });
      expect(await objectsIn(place)).toMatchObject({ artifacts: 0 });
      const copied = await runJson(copyArgs(world.dataDir, place), { env });
      expect(copied, copied.stderr).toMatchObject({
        code: 0,
        document: {
          status: 'copied',
          apps: 2,
          tokens: 3,
          releases: 7,
          files: { total: 8, sent: 8 },
          pending_uploads: 1,
        },
      });
      expect(copied.stderr).toContain('1 upload to the old server never arrived');
      expect(copied.stderr).toContain(`serve ${storageOptions(place).join(' ')} --public-url`);
      expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 8, uploads: [] });
      expect(await contentOf(world.dataDir)).toEqual(before);
      const { changed_apps: _onlyOnSqlite, ...source } = await tablesOfSource(world.dataDir);
      const target = await tablesOfTarget(database);
      expect(target.audit).toHaveLength((source.audit?.length ?? 0) + 1);
      expect(target.audit).toContainEqual(expect.stringContaining('action=store.copied'));
      const ofThePlace = {
        audit: expect.arrayContaining(source.audit ?? []),
        audit_head: expect.any(Array),
        url_signing_keys: [],
        orphans: [],
        hourly_changes: [],
        settings: expect.any(Array),
        storage_claim: expect.any(Array),
        ...migrations(target),
      };
      expect(target).toEqual({ ...source, ...ofThePlace });

      const again = await runJson(copyArgs(world.dataDir, place), { env });
      expect(again, again.stderr).toMatchObject({
        code: 0,
        document: { status: 'unchanged', files: { sent: 0 } },
      });

      const server = await startServe(join(world.dataDir, 'none'), storageOptions(place), { env });
      onTestFinished(async () => void (await server.stop('SIGKILL')));
      const { tokens } = answers as unknown as { tokens: { id: string; token: string }[] };
      expect({ ...(await answersOf(server.url, tokens)), tokens }).toEqual(answers);
      await expectGoesOn(world, server.url, env);
      expect(await readdir(world.dataDir)).not.toContain('none');

      const changed = await runJson(copyArgs(world.dataDir, place), { env });
      expect(changed).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
      expect(changed.stderr).toContain('changed since the last copy');
    });

    test('field 6: is continued after a slug was freed, an app deleted, and a lost file came back', async () => {
      const dataDir = await tempFolder();
      await fillStore(dataDir, [10, 20]);
      await fillStore(dataDir, [30], 'gone');
      const place = await open();
      const database = await postgres.server.createEmptyDatabase();
      const env = { SYNCKIT_OTA_DATABASE: database };
      const copy = () => runJson(copyArgs(dataDir, place), { env });
      expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied', apps: 2 } });

      const source = await openSqlite({ dataDir });
      const { queries } = source;
      const [app] = await findAppsCalled(queries, 'my-app');
      const [gone] = await findAppsCalled(queries, 'gone');
      const now = new Date();
      await setSlug(queries, { appId: app?.id ?? '', slug: 'renamed' }, by(now));
      await freeSlug(queries, 'my-app', by());
      await deleteApp(queries, gone?.id ?? '', by());
      const [file] = (await listComparedFiles(queries, { after: '', limit: 9 })).files;
      await markLost(queries, [file?.storageKey ?? ''], now);
      await source.close();

      const second = await copy();
      expect(second, second.stderr).toMatchObject({ code: 0, document: { status: 'copied', apps: 1 } });
      const complete = ((await tablesOfTarget(database)).artifacts ?? []).filter((row) =>
        row.includes('status=complete'),
      );
      expect(complete.map((row) => /lost_at=\w+/.exec(row)?.[0])).toEqual(['lost_at=null', 'lost_at=null']);
      expect(await copy()).toMatchObject({ code: 0, document: { status: 'unchanged' } });
    });
  });

  /** The same tokens publish; retired slugs and the bytes of a deleted version stay reserved. */
  async function expectGoesOn(world: World, url: string, store: Record<string, string>): Promise<void> {
    const env = { SYNCKIT_OTA_SERVER: url };
    const file = await writeBundle(world.folder, 'New.AppImage');
    const publish = (...args: Parameters<typeof publishLinux>) =>
      world.runJson(publishLinux(...args), { env });
    const otherBytes = await publish(DELETED, file, '--allow-lower');
    expect(otherBytes, otherBytes.stderr).toMatchObject({ code: 5 });
    const sameBytes = await publish(DELETED, deletedFile(world), '--allow-lower');
    expect(sameBytes, sameBytes.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await publish('1.5.0', file)).toMatchObject({ code: 0, document: { status: 'published' } });
    const { document: app } = await runJson(['apps', 'create', 'Thief', '--slug', 'old-name'], {
      env: store,
    });
    expect(app).toMatchObject({ error: { code: 'conflict' } });
  }

  async function tablesOfTarget(database: string): Promise<Tables> {
    const name = new URL(database).pathname.slice(1);
    const names = await postgres.server.sql(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
      name,
    );
    const tables: Tables = {};
    for (const table of names.map((row) => String(row.name))) {
      const rows = await postgres.server.sql(`select * from ${table}`, name);
      tables[table] = rows.map(asText).sort();
    }
    return tables;
  }
});

async function tablesOfSource(dataDir: string): Promise<Tables> {
  const queries = await openSqliteReadOnly({ dataDir });
  try {
    const { rows: names } = await sql<{ name: string }>`
      select name from sqlite_master where type = 'table' and name not like 'sqlite_%'
    `.execute(queries);
    const tables: Tables = {};
    for (const { name } of names) {
      const { rows } = await sql`select * from ${sql.table(name)}`.execute(queries);
      tables[name] = rows.map((row) => asText(row as object)).sort();
    }
    return tables;
  } finally {
    await queries.destroy();
  }
}

/** A row as text, the same from both engines: pg gives numbers of 64 bits as text. */
function asText(row: object): string {
  const values = Object.entries(row).map(([name, value]) => `${name}=${value}`);
  return values.sort().join(' ');
}

/** The migration runner's own tables. */
function migrations(tables: Tables): Tables {
  return Object.fromEntries(Object.entries(tables).filter(([name]) => name.startsWith('kysely_')));
}

/** Everything in a folder except the files that SQLite shares between open connections. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !/-(wal|shm)$/.test(entry.name));
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, (await readFile(path)).toString('base64')] as const)),
  );
}
