import type { Selectable } from 'kysely';
import type { Queries, Schema } from '../schema.ts';
import { recountUsage } from './app-limits.ts';
import { chunks } from './chunks.ts';
import { QUEUED } from './delete-artifacts.ts';

/**
 * Tables that belong to the place where a store is: the keys of its disk, and where and what its files are. What apps have
 * is counted from the others, digests are computed and keys of issuers fetched again, and processes that count are those of
 * the place, as is what only they can count on.
 */
type LocalTable =
  | 'url_signing_keys'
  | 'settings'
  | 'storage_claim'
  | 'orphans'
  | 'app_usage'
  | 'hourly_changes'
  | 'issuer_keys'
  | 'artifact_digests'
  | 'count_nodes'
  | 'attempts'
  | 'count_keys';

/** What a copy has of the history of its store, too. It does not count when stores are compared. */
export const HISTORY_TABLES = [
  'audit_head',
  'audit_baseline',
  'token_uses',
  'counts',
  'conversions',
  'webhook_deliveries',
] as const satisfies (keyof Schema)[];

/** All rows of a store, except for artifacts that are being deleted, and the entries of the audit log. */
export type Snapshot = {
  readonly [T in Exclude<keyof Schema, LocalTable | 'audit'>]: readonly Selectable<Schema[T]>[];
};

/** Each after those that it refers to. */
export const SNAPSHOT_TABLES = [
  'apps',
  'app_limits',
  'slugs',
  'tokens',
  'trusted_publishers',
  'webhooks',
  'used_identities',
  'releases',
  'artifacts',
  'statements',
  'published_bytes',
] as const satisfies Exclude<keyof Snapshot, (typeof HISTORY_TABLES)[number]>[];

/** Reads a store as it is at one moment, which takes a transaction. */
export async function readSnapshot(transaction: Queries): Promise<Snapshot> {
  return {
    apps: await transaction.selectFrom('apps').selectAll().execute(),
    app_limits: await transaction.selectFrom('app_limits').selectAll().execute(),
    slugs: await transaction.selectFrom('slugs').selectAll().execute(),
    tokens: await transaction.selectFrom('tokens').selectAll().execute(),
    trusted_publishers: await transaction.selectFrom('trusted_publishers').selectAll().execute(),
    webhooks: await transaction.selectFrom('webhooks').selectAll().execute(),
    used_identities: await transaction.selectFrom('used_identities').selectAll().execute(),
    releases: await transaction.selectFrom('releases').selectAll().execute(),
    artifacts: await transaction
      .selectFrom('artifacts')
      .selectAll()
      .where('status', '!=', 'deleting')
      .execute(),
    statements: await transaction.selectFrom('statements').selectAll().execute(),
    published_bytes: await transaction.selectFrom('published_bytes').selectAll().execute(),
    audit_head: await transaction.selectFrom('audit_head').selectAll().execute(),
    audit_baseline: await transaction.selectFrom('audit_baseline').selectAll().execute(),
    token_uses: await transaction.selectFrom('token_uses').selectAll().execute(),
    counts: await transaction.selectFrom('counts').selectAll().execute(),
    conversions: await transaction.selectFrom('conversions').selectAll().execute(),
    webhook_deliveries: await transaction.selectFrom('webhook_deliveries').selectAll().execute(),
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
  const { apps, app_limits, slugs, tokens, releases, artifacts, statements, published_bytes } = snapshot;
  const { trusted_publishers, used_identities, webhooks } = snapshot;
  for (const rows of chunks(apps)) await transaction.insertInto('apps').values(rows).execute();
  for (const rows of chunks(app_limits)) await transaction.insertInto('app_limits').values(rows).execute();
  for (const rows of chunks(slugs)) await transaction.insertInto('slugs').values(rows).execute();
  for (const rows of chunks(tokens)) await transaction.insertInto('tokens').values(rows).execute();
  for (const rows of chunks(trusted_publishers)) {
    await transaction.insertInto('trusted_publishers').values(rows).execute();
  }
  for (const rows of chunks(webhooks)) await transaction.insertInto('webhooks').values(rows).execute();
  for (const rows of chunks(used_identities)) {
    await transaction.insertInto('used_identities').values(rows).execute();
  }
  for (const rows of chunks(releases)) await transaction.insertInto('releases').values(rows).execute();
  for (const rows of chunks(artifacts)) await transaction.insertInto('artifacts').values(rows).execute();
  for (const rows of chunks(statements)) await transaction.insertInto('statements').values(rows).execute();
  for (const rows of chunks(published_bytes)) {
    await transaction.insertInto('published_bytes').values(rows).execute();
  }
  await replaceHistory(transaction, snapshot);
  await recountUsage(transaction);
}

async function replaceHistory(transaction: Queries, snapshot: Snapshot): Promise<void> {
  const { audit_head, audit_baseline, token_uses, counts, conversions, webhook_deliveries } = snapshot;
  await transaction
    .updateTable('audit_head')
    .set((eb) => ({ deletable_seq: eb.ref('seq') }))
    .execute();
  for (const table of ['audit', ...HISTORY_TABLES] as const) await transaction.deleteFrom(table).execute();
  for (const rows of chunks(audit_head)) await transaction.insertInto('audit_head').values(rows).execute();
  for (const rows of chunks(audit_baseline))
    await transaction.insertInto('audit_baseline').values(rows).execute();
  for (const rows of chunks(token_uses)) await transaction.insertInto('token_uses').values(rows).execute();
  for (const rows of chunks(counts)) await transaction.insertInto('counts').values(rows).execute();
  for (const rows of chunks(conversions)) await transaction.insertInto('conversions').values(rows).execute();
  for (const rows of chunks(webhook_deliveries))
    await transaction.insertInto('webhook_deliveries').values(rows).execute();
}

const ENTRIES_AT_ONCE = 500;

/** Copies the entries of the audit log up to that of a snapshot, after `replaceRows`. */
export async function importAudit(
  transaction: Queries,
  source: Queries,
  { audit_head }: Snapshot,
): Promise<void> {
  const [{ seq: last = 0, pruned_seq = 0 } = {}] = audit_head;
  for (let after = pruned_seq; after < last; after += ENTRIES_AT_ONCE) {
    const entries = await source
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', after)
      .where('seq', '<=', Math.min(last, after + ENTRIES_AT_ONCE))
      .execute();
    if (entries.length > 0) await transaction.insertInto('audit').values(entries).execute();
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
    await transaction.updateTable('artifacts').set(QUEUED).where('id', 'in', ids).execute();
  }
}
