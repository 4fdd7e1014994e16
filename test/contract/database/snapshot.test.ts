import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { snapshotDigest } from '../../../src/copy/snapshot.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { listDeleting } from '../../../src/database/queries/artifacts.ts';
import { listAudit } from '../../../src/database/queries/audit.ts';
import {
  HISTORY_TABLES,
  importAudit,
  readSnapshot,
  replaceRows,
  SNAPSHOT_TABLES,
} from '../../../src/database/queries/snapshot.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { openFilledStore } from '../../support/server/filled-store.ts';
import { keyOf } from '../../support/server/store-with-app.ts';

describe('a snapshot', () => {
  test('has every table, except for those that belong to the place of the store', async () => {
    const { database } = await openFilledStore();
    const LOCAL = [
      'audit',
      'artifact_digests',
      'attempts',
      'url_signing_keys',
      'settings',
      'storage_claim',
      'orphans',
      'issuer_keys',
      'app_usage',
      'hourly_changes',
      'changed_apps',
      'count_keys',
      'count_nodes',
    ];
    const tables = (await database.queries.introspection.getTables()).map(({ name }) => name);
    expect([...SNAPSHOT_TABLES, ...HISTORY_TABLES, ...LOCAL].sort()).toEqual(tables.sort());
  });

  test('has every row, also of pending uploads, except for artifacts that are being deleted', async () => {
    const { database, snapshot } = await openFilledStore();
    const taken = await snapshot();
    for (const table of [...SNAPSHOT_TABLES, ...HISTORY_TABLES]) {
      const { rows: all } = await sql`select * from ${sql.table(table)}`.execute(database.queries);
      expect(all.length, table).toBeGreaterThan(0);
      expect(taken[table]).toHaveLength(table === 'artifacts' ? all.length - 1 : all.length);
    }
    expect(taken.artifacts.map(({ status }) => status).sort()).toEqual(['complete', 'complete', 'pending']);
    expect(taken.published_bytes).toHaveLength(3);
  });
});

describeOnPostgres('a snapshot of SQLite in PostgreSQL', () => {
  const postgres = usePostgres();

  test('has the same rows, replaces those that were there, and queues files that become orphans', async () => {
    const { store, snapshot } = await openFilledStore();
    const target = await openPostgres({ url: await postgres.server.createDatabase() });
    onTestFinished(() => target.close());
    const transaction = () => target.queries.transaction();
    const first = await snapshot();
    await transaction().execute((db) => replaceRows(db, first));
    let release = '';
    for (let i = 0; i < 1100; i++) {
      if (i % 100 === 0) release = await store.release(`3.${i}.0`);
      await store.grant(release); // more than one statement takes
    }
    const second = await snapshot();
    const [orphan, ...artifacts] = second.artifacts;
    const withoutOne = { ...second, artifacts };
    await transaction().execute(async (db) => {
      await replaceRows(db, withoutOne);
      await importAudit(db, store.db, withoutOne);
    });
    const log = { limit: 10_000 };
    expect(await listAudit(target.queries, log)).toEqual(await listAudit(store.db, log));
    const copied = await transaction().execute(readSnapshot);
    const all = { withPending: true };
    expect(snapshotDigest(copied, all)).toBe(snapshotDigest(withoutOne, all));
    expect(copied).toMatchObject({ apps: second.apps, tokens: second.tokens });
    expect(await listDeleting(target.queries)).toEqual([
      { id: orphan?.id, storageKey: keyOf(orphan?.id ?? '') },
    ]);
  });
});
