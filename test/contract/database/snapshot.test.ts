import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type CopyTarget, checkCopyPreconditions } from '../../../src/copy/copy-preconditions.ts';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { createRelease, deleteRelease } from '../../../src/database/queries/releases.ts';
import {
  countPromised,
  digestOf,
  readRows,
  replaceRows,
  SNAPSHOT_TABLES,
  type StoreRows,
} from '../../../src/database/queries/snapshot.ts';
import { createToken } from '../../../src/database/queries/tokens.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { MAC, NOW, SHA_B, StoreWithApp } from '../../support/server/store-with-app.ts';

async function openSource(): Promise<{ database: Database; store: StoreWithApp }> {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  return { database, store: await StoreWithApp.in(database) };
}

const read = ({ queries }: Database) => queries.transaction().execute(readRows);
const replace = ({ queries }: Database, rows: StoreRows) =>
  queries.transaction().execute((transaction) => replaceRows(transaction, rows));

/** A store with something in every table, but for those that are of its place, and in every state. */
async function fill({ database: { queries }, store }: Awaited<ReturnType<typeof openSource>>): Promise<void> {
  const first = await store.release('1.0.0');
  await store.publish(first);
  await store.publish(first, MAC, SHA_B);
  await store.promise(first, { target: 'windows', arch: 'x86_64', bundleType: 'msi' });
  const deleted = await store.release('1.1.0');
  await store.publish(deleted);
  await deleteRelease(queries, { appId: store.appId, releaseId: deleted });
  await createRelease(
    queries,
    {
      appId: store.appId,
      version: '2.0.0',
      notes: 'ä "\u2028\n',
      signature: null,
      channel: 'beta',
      expect: ['linux-x86_64'],
    },
    NOW,
  );
  const token = { appId: store.appId, name: 't', scopes: [], expiresAt: NOW };
  await createToken(queries, token, NOW);
}

describe('what is carried of a store', () => {
  test('is every table there is, but for what is of the place it was in', async () => {
    const { database } = await openSource();
    const tables = (await database.queries.introspection.getTables()).map(({ name }) => name);
    expect([...SNAPSHOT_TABLES, 'url_signing_keys', 'settings'].sort()).toEqual(tables.sort());
  });

  test('is every row, promised uploads too, but not what is to be removed', async () => {
    const world = await openSource();
    await fill(world);
    const rows = await read(world.database);
    for (const table of SNAPSHOT_TABLES) {
      const { rows: all } = await sql`select * from ${sql.table(table)}`.execute(world.database.queries);
      expect(all.length, table).toBeGreaterThan(0);
      expect(rows[table]).toHaveLength(table === 'artifacts' ? all.length - 1 : all.length);
    }
    expect(countPromised(rows)).toBe(1);
    expect(rows.published_bytes).toHaveLength(3);
  });

  test.each(SNAPSHOT_TABLES)('has another digest as soon as a value of %s is another', async (table) => {
    const world = await openSource();
    await fill(world);
    const rows = await read(world.database);
    const digest = digestOf(rows, { promises: true });
    const [first, ...rest] = rows[table] as readonly object[];
    for (const column of Object.keys(first ?? {})) {
      const changed = { ...rows, [table]: [{ ...first, [column]: 'x' }, ...rest] };
      expect(digestOf(changed, { promises: true }), column).not.toBe(digest);
    }
    expect(digestOf({ ...rows, [table]: rest }, { promises: true })).not.toBe(digest);
    expect(digestOf({ ...rows, [table]: [...rest, first] }, { promises: true })).toBe(digest);
  });
});

describe('a target', () => {
  const PLACE = 's3://bucket/prefix';

  /** A store, and the copy of it that a database has. */
  async function openCopied() {
    const world = await openSource();
    await fill(world);
    const source = await read(world.database);
    const digest = digestOf(source, { promises: false });
    const target: CopyTarget = { rows: source, copy: { state: 'done', digest }, place: PLACE };
    const now = () => read(world.database);
    return { ...world, source, target, now };
  }

  test('that is the same needs nothing, and takes what is new', async () => {
    const { source, target, store, now } = await openCopied();
    expect(checkCopyPreconditions(source, target, PLACE)).toBe('same');
    await store.release('3.0.0');
    expect(checkCopyPreconditions(await now(), target, PLACE)).toBe('differs');
  });

  test('that was changed since is left alone: by a release, or by an upload that was promised there', async () => {
    const { source, target, store, now } = await openCopied();
    const promise = await store.promise(await store.release('3.0.0'));
    const rows = await now();
    expect(() => checkCopyPreconditions(source, { ...target, rows }, PLACE)).toThrow(/changed since/);
    const promised = rows.artifacts.filter(({ id }) => id === promise);
    const onlyPromised = { ...target.rows, artifacts: [...target.rows.artifacts, ...promised] };
    expect(() => checkCopyPreconditions(source, { ...target, rows: onlyPromised }, PLACE)).toThrow(
      /changed since/,
    );
  });

  test('that has a later state than the source is left alone', async () => {
    const { source, store, now } = await openCopied();
    await store.publish(await store.release('3.0.0'));
    const rows = await now();
    const later: CopyTarget = {
      rows,
      copy: { state: 'done', digest: digestOf(rows, { promises: false }) },
      place: PLACE,
    };
    expect(() => checkCopyPreconditions(source, later, PLACE)).toThrow(/a later state of this one/);
  });

  test('that forgot a promised upload is unchanged', async () => {
    const { source, target } = await openCopied();
    const artifacts = source.artifacts.filter(({ status }) => status !== 'pending');
    expect(checkCopyPreconditions(source, { ...target, rows: { ...source, artifacts } }, PLACE)).toBe(
      'differs',
    );
  });
});

describeOnPostgres('rows in PostgreSQL', () => {
  const postgres = usePostgres();

  test('are those that SQLite had, whatever they take the place of', async () => {
    const world = await openSource();
    await fill(world);
    const target = await openPostgres({ url: await postgres.server.createDatabase() });
    onTestFinished(() => target.close());
    await replace(target, await read(world.database));
    for (let i = 0; i < 1100; i++) await world.store.promise(await world.store.release(`5.0.${i}`)); // several statements
    const rows = await read(world.database);
    await replace(target, rows);
    expect(digestOf(await read(target), { promises: true })).toBe(digestOf(rows, { promises: true }));
    expect(await read(target)).toMatchObject({ apps: rows.apps, tokens: rows.tokens });
  });
});
