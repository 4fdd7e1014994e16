import { createHash } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { AppsTable, ArtifactsTable, Queries, ReleasesTable, Schema } from '../schema.ts';

/**
 * What of a store is carried to another database, in an order in which rows come after those they refer to. What signs
 * the URLs of a disk, and where a database has its files, is of the place it was in.
 */
const CARRIED = {
  apps: true,
  slugs: true,
  tokens: true,
  releases: true,
  artifacts: true,
  published_bytes: true,
  url_signing_keys: false,
  settings: false,
} as const satisfies Record<keyof Schema, boolean>;

type Carried = { [T in keyof Schema]: (typeof CARRIED)[T] extends true ? T : never }[keyof Schema];

export const SNAPSHOT_TABLES = (Object.keys(CARRIED) as (keyof Schema)[]).filter(
  (table): table is Carried => CARRIED[table],
);

/** Rows to one statement: PostgreSQL takes 65,535 values, SQLite half of that. */
const ROWS_AT_ONCE = 500;

/** The rows of a store, whole, but for files that are to be removed. */
export type StoreRows = { readonly [T in Carried]: readonly Schema[T][] };

/** An artifact that has its bytes. */
export type CompleteRow = ArtifactsTable & { readonly storage_key: string; readonly sha256: string };

/** Reads all of a store as it is at one moment, which takes a transaction. */
export async function readRows(transaction: Queries): Promise<StoreRows> {
  const rows: Partial<Record<Carried, unknown[]>> = {};
  for (const table of SNAPSHOT_TABLES) {
    const all = await transaction
      .selectFrom(table as 'artifacts')
      .selectAll()
      .execute();
    rows[table] = table === 'artifacts' ? all.filter(({ status }) => status !== 'deleting') : all;
  }
  return rows as StoreRows;
}

export function completeRows({ artifacts }: StoreRows): CompleteRow[] {
  return artifacts.filter((row): row is CompleteRow => row.status === 'complete');
}

/** How many uploads are promised and not made. */
export function countPromised({ artifacts }: StoreRows): number {
  return artifacts.filter(({ status }) => status === 'pending').length;
}

/**
 * A SHA-256 of everything in the rows, whichever database they were read from, in whatever order.
 * @param promises whether uploads that are promised count: those are forgotten by and by
 */
export function digestOf(rows: StoreRows, { promises }: { readonly promises: boolean }): string {
  const hash = createHash('sha256');
  for (const table of SNAPSHOT_TABLES) {
    const counted = table === 'artifacts' && !promises ? completeRows(rows) : rows[table];
    const lines = counted.map((row) =>
      JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
    hash.update(`${table}\n${lines.sort().join('\n')}\n`);
  }
  return hash.digest('hex');
}

/**
 * Puts rows in place of all that a database has, and reads them back. Files that no row refers to any more are queued
 * for removal.
 */
export async function replaceRows(transaction: Transaction<Schema>, rows: StoreRows): Promise<void> {
  const kept = new Set(completeRows(rows).map(({ storage_key }) => storage_key));
  for (const { id, storage_key } of completeRows(await readRows(transaction))) {
    if (kept.has(storage_key)) continue;
    const gone = transaction.updateTable('artifacts').set({ status: 'deleting', release_id: null });
    await gone.where('id', '=', id).execute();
  }
  await transaction.deleteFrom('artifacts').where('status', '!=', 'deleting').execute();
  for (const table of SNAPSHOT_TABLES.filter((name) => name !== 'artifacts').reverse()) {
    await transaction.deleteFrom(table).execute();
  }
  for (const table of SNAPSHOT_TABLES) {
    const all = rows[table] as readonly Schema['apps'][];
    for (let first = 0; first < all.length; first += ROWS_AT_ONCE) {
      await transaction
        .insertInto(table as 'apps')
        .values(all.slice(first, first + ROWS_AT_ONCE))
        .execute();
    }
  }
  const asRead = digestOf(await readRows(transaction), { promises: true });
  if (asRead !== digestOf(rows, { promises: true })) throw new Error('the rows are not what was written');
}

/**
 * Whether a store is what another one has become since: no app is missing, none is at an earlier change, and what was
 * once given out still is.
 */
export function descendsFrom(later: StoreRows, earlier: StoreRows): boolean {
  const revisions = new Map(later.apps.map(({ id, revision }) => [id, revision]));
  const slugs = new Set(later.slugs.map(({ slug }) => slug));
  return (
    earlier.apps.every(({ id, revision }) => (revisions.get(id) ?? -1) >= revision) &&
    earlier.slugs.every(({ slug }) => slugs.has(slug))
  );
}

/** What a file is of, for people: `my-app 1.2.0 linux-x86_64`, without the app's name where it has no slug. */
export function describeRow({ apps, releases }: StoreRows, row: CompleteRow): string {
  const release = releases.find(({ id }: ReleasesTable) => id === row.release_id);
  const app = apps.find(({ id }: AppsTable) => id === release?.app_id);
  const bundle = row.bundle_type === '' ? '' : `-${row.bundle_type}`;
  return `${app?.slug ?? app?.name ?? ''} ${release?.version ?? ''} ${row.target}-${row.arch}${bundle}`.trim();
}
