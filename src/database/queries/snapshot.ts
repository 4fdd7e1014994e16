import type { Queries, Schema } from '../schema.ts';
import { chunks } from './chunks.ts';

/** Tables that belong to the place where a store is: the keys of its disk, and where its files are. */
type LocalTable = 'url_signing_keys' | 'settings';

/** All rows of a store, except for artifacts that are being deleted. */
export type Snapshot = { readonly [T in Exclude<keyof Schema, LocalTable>]: readonly Schema[T][] };

/** Each after those that it refers to. */
export const SNAPSHOT_TABLES = [
  'apps',
  'slugs',
  'tokens',
  'releases',
  'artifacts',
  'published_bytes',
] as const satisfies (keyof Snapshot)[];

/** Reads a store as it is at one moment, which takes a transaction. */
export async function readSnapshot(transaction: Queries): Promise<Snapshot> {
  return {
    apps: await transaction.selectFrom('apps').selectAll().execute(),
    slugs: await transaction.selectFrom('slugs').selectAll().execute(),
    tokens: await transaction.selectFrom('tokens').selectAll().execute(),
    releases: await transaction.selectFrom('releases').selectAll().execute(),
    artifacts: await transaction
      .selectFrom('artifacts')
      .selectAll()
      .where('status', '!=', 'deleting')
      .execute(),
    published_bytes: await transaction.selectFrom('published_bytes').selectAll().execute(),
  };
}

/**
 * Replaces all rows of a database by a snapshot, which takes a transaction. Files that become orphans by that are queued
 * for removal.
 */
export async function replaceRows(transaction: Queries, snapshot: Snapshot): Promise<void> {
  await queueOrphans(transaction, snapshot);
  await transaction.deleteFrom('artifacts').where('status', '!=', 'deleting').execute();
  for (const table of SNAPSHOT_TABLES.filter((name) => name !== 'artifacts').reverse()) {
    await transaction.deleteFrom(table).execute();
  }
  const { apps, slugs, tokens, releases, artifacts, published_bytes } = snapshot;
  for (const rows of chunks(apps)) await transaction.insertInto('apps').values(rows).execute();
  for (const rows of chunks(slugs)) await transaction.insertInto('slugs').values(rows).execute();
  for (const rows of chunks(tokens)) await transaction.insertInto('tokens').values(rows).execute();
  for (const rows of chunks(releases)) await transaction.insertInto('releases').values(rows).execute();
  for (const rows of chunks(artifacts)) await transaction.insertInto('artifacts').values(rows).execute();
  for (const rows of chunks(published_bytes)) {
    await transaction.insertInto('published_bytes').values(rows).execute();
  }
}

/** Queues the files for removal that are served now, and that no artifact of the snapshot refers to. */
async function queueOrphans(transaction: Queries, { artifacts }: Snapshot): Promise<void> {
  const kept = new Set(artifacts.map(({ storage_key }) => storage_key));
  const served = await transaction
    .selectFrom('artifacts')
    .select(['id', 'storage_key'])
    .where('status', '=', 'complete')
    .execute();
  const orphans = served.filter(({ storage_key }) => !kept.has(storage_key)).map(({ id }) => id);
  for (const ids of chunks(orphans)) {
    await transaction
      .updateTable('artifacts')
      .set({ status: 'deleting', release_id: null })
      .where('id', 'in', ids)
      .execute();
  }
}
