import { type Kysely, PostgresAdapter, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { GENESIS } from '../attribution.ts';
import { isForeignName, NAMES } from '../foreign-names.ts';
import type { Schema } from '../schema.ts';
import { countUsage } from './count-usage.ts';
import { keepAudit } from './keep-audit.ts';
import { notifyOfChanges } from './notify-of-changes.ts';

export const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createApps(db);
    await createTrust(db);
    await createReleases(db);
    await createArtifacts(db);
    await createArtifactDigests(db);
    await createStatements(db);
    await createPublishedBytes(db);
    await createSettings(db);
    await createOwnership(db);
    await createAudit(db);
    await createLimits(db);
    await createCounts(db);
    await createConversions(db);
    await createCountKeys(db);
    await createWebhooks(db);
    await indexForeignNames(db);
    await notifyOfChanges(db);
    await countUsage(db);
  },
};

async function createApps(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('apps')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('slug', 'text', (c) => c.unique())
    .addColumn('pubkey', 'text')
    .addColumn('approval', 'integer', (c) => c.notNull())
    .addColumn('require_bound_signatures', 'integer', (c) => c.notNull())
    .addColumn('revision', 'bigint', (c) => c.notNull())
    .addColumn('trusted_only', 'integer', (c) => c.notNull())
    .addColumn('cohort_fallback', 'text', (c) => c.notNull())
    .addColumn('minimum_version', 'text')
    .addColumn('auto_pause', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('slugs')
    .addColumn('slug', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.references('apps.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('scopes', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('publisher_id', 'text')
    .addColumn('job', 'text')
    .execute();
  await db.schema
    .createIndex('tokens_of_jobs')
    .on('tokens')
    .column('expires_at')
    .where(sql.ref('publisher_id'), 'is not', null)
    .execute();
}

async function createTrust(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('trusted_publishers')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('repository', 'text', (c) => c.notNull())
    .addColumn('repository_id', 'text')
    .addColumn('owner_id', 'text')
    .addColumn('workflow', 'text', (c) => c.notNull())
    .addColumn('environment', 'text')
    .addColumn('refs', 'text', (c) => c.notNull())
    .addColumn('protected_refs', 'integer', (c) => c.notNull())
    .addColumn('channels', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('trusted_publishers_app').on('trusted_publishers').column('app_id').execute();

  await db.schema
    .createTable('used_identities')
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('jti', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('used_identities_pk', ['issuer', 'jti'])
    .execute();
  await db.schema.createIndex('used_identities_expiry').on('used_identities').column('expires_at').execute();

  await db.schema
    .createTable('issuer_keys')
    .addColumn('issuer', 'text', (c) => c.primaryKey())
    .addColumn('jwks', 'text')
    .addColumn('fetched_at', 'bigint', (c) => c.notNull())
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('ended_at', 'bigint', (c) => c.notNull())
    .addColumn('error', 'text')
    .execute();
}

async function createReleases(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('releases')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('precedence', 'text', (c) => c.notNull())
    .addColumn('version_order', orderedText(db), (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('draft', 'published', 'yanked')`))
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('signing_key_id', 'text')
    .addColumn('embedded_pubkey', 'text')
    .addColumn('requires', 'text')
    .addColumn('allow_stranding', 'integer', (c) => c.notNull())
    .addColumn('expect', 'text')
    .addColumn('token_id', 'text')
    .addColumn('editor_ids', 'text')
    .addColumn('awaits_approval', 'integer', (c) => c.notNull())
    .addColumn('provenance', 'text')
    .addColumn('pub_date', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('rollout', 'text')
    .addColumn('paused_at', 'bigint')
    .addColumn('pause_reason', 'text')
    .addColumn('watch', 'text')
    .addColumn('held_until', 'bigint', (c) => c.notNull())
    .addColumn('mandatory', 'integer', (c) => c.notNull())
    .addColumn('rolled_back', 'integer', (c) => c.notNull())
    .addColumn('minimum_system', 'text')
    .addColumn('signature', 'text')
    .addColumn('notes', 'text') // last: SQLite reads what is before a long text without it
    .addUniqueConstraint('releases_precedence', ['app_id', 'precedence'])
    .execute();
  await db.schema.createIndex('releases_order').on('releases').columns(['app_id', 'version_order']).execute();
  await db.schema
    .createIndex('releases_channel')
    .on('releases')
    .columns(['app_id', 'channel', 'status', 'version_order'])
    .execute();
  await db.schema
    .createIndex('releases_held')
    .on('releases')
    .columns(['app_id', 'held_until'])
    .where(sql.ref('held_until'), '>', sql.lit(0))
    .execute();
  for (const column of ['mandatory', 'rolled_back'] as const) {
    await db.schema
      .createIndex(`releases_${column}`)
      .on('releases')
      .columns(['app_id', 'version_order'])
      .where(sql.ref(column), '=', sql.lit(1))
      .execute();
  }
  await db.schema
    .createIndex('releases_waiting')
    .on('releases')
    .column('id')
    .where(sql.ref('status'), '=', sql.lit('draft'))
    .where(sql.ref('expect'), 'is not', null)
    .execute();
}

async function createArtifacts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('artifacts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app', 'text', (c) => c.notNull())
    .addColumn('release_id', 'text', (c) => c.references('releases.id').onDelete('set null'))
    .addColumn('version_order', orderedText(db), (c) => c.notNull())
    .addColumn('lane', orderedText(db), (c) => c.notNull())
    .addColumn('released', 'integer', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('arch', 'text', (c) => c.notNull())
    .addColumn('bundle_type', 'text', (c) => c.notNull())
    .addColumn('file_size', 'bigint', (c) => c.notNull().check(sql`file_size > 0`))
    .addColumn('sha256', 'text')
    .addColumn('signature', 'text')
    .addColumn('signing_key_id', 'text')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('storage_key', 'text', (c) => c.unique())
    .addColumn('lost_at', 'bigint')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('poll_at', 'bigint')
    .addColumn('leased_until', 'bigint', (c) => c.notNull())
    .addColumn('refusal', 'text')
    .addColumn('multipart_id', 'text')
    .addColumn('job', 'text')
    .addColumn('attempt', 'bigint')
    .addColumn('file_name', 'text')
    .addColumn('token_id', 'text')
    .addColumn('default_kinds', 'text')
    .addCheckConstraint(
      'artifacts_life',
      sql`(status = 'pending' and release_id is not null and storage_key is null)
          or (status = 'complete' and release_id is not null and storage_key is not null and sha256 is not null)
          or (status = 'deleting' and storage_key is not null)`,
    )
    .execute();
  await db.schema
    .createIndex('artifacts_complete')
    .on('artifacts')
    .unique()
    .columns(['release_id', 'target', 'arch', 'bundle_type'])
    .where(sql.ref('status'), '=', sql.lit('complete'))
    .execute();
  await db.schema
    .createIndex('artifacts_lost')
    .on('artifacts')
    .column('lost_at')
    .where(sql.ref('lost_at'), 'is not', null)
    .execute();
  await db.schema.createIndex('artifacts_release').on('artifacts').column('release_id').execute();
  await indexStatus(db, { status: 'pending', name: 'artifacts_pending', columns: ['expires_at'] });
  await indexStatus(db, { status: 'pending', name: 'artifacts_poll', columns: ['app', 'poll_at'] });
  await indexStatus(db, { status: 'deleting', name: 'artifacts_deleting', columns: ['id'] });
  await db.schema
    .createIndex('artifacts_offered')
    .on('artifacts')
    .columns(['app', 'lane', 'version_order'])
    .where(sql.ref('status'), '=', sql.lit('complete'))
    .where(sql.ref('released'), '=', sql.lit(1))
    .where(sql.ref('lost_at'), 'is', null)
    .execute();
}

async function createArtifactDigests(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('artifact_digests')
    .addColumn('artifact_id', 'text', (c) => c.notNull().references('artifacts.id').onDelete('cascade'))
    .addColumn('algorithm', 'text', (c) => c.notNull())
    .addColumn('digest', 'text')
    .addColumn('leased_until', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('artifact_digests_pk', ['artifact_id', 'algorithm'])
    .execute();
}

async function createStatements(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('statements')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app', 'text', (c) => c.notNull())
    .addColumn('release_id', 'text', (c) => c.notNull().references('releases.id').onDelete('cascade'))
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('manifest', 'attestation')`))
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('writer', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('statements_release')
    .on('statements')
    .columns(['release_id', 'kind', 'created_at', 'id'])
    .execute();
}

async function createPublishedBytes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('published_bytes')
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('precedence', 'text', (c) => c.notNull())
    .addColumn('version_order', orderedText(db), (c) => c.notNull())
    .addColumn('lane', orderedText(db), (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('arch', 'text', (c) => c.notNull())
    .addColumn('bundle_type', 'text', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('signing_key_id', 'text')
    .addColumn('embedded_pubkey', 'text')
    .addColumn('default_kinds', 'text')
    .addPrimaryKeyConstraint('published_bytes_pk', ['app_id', 'precedence', 'target', 'arch', 'bundle_type'])
    .execute();
  await db.schema
    .createIndex('published_bytes_lanes')
    .on('published_bytes')
    .columns(['app_id', 'lane', 'version_order'])
    .execute();
}

/** For the few rows of a status among the many that are complete. */
async function indexStatus(
  db: Kysely<unknown>,
  index: { readonly status: string; readonly name: string; readonly columns: readonly string[] },
): Promise<void> {
  await db.schema
    .createIndex(index.name)
    .on('artifacts')
    .columns([...index.columns])
    .where(sql.ref('status'), '=', sql.lit(index.status))
    .execute();
}

/** Text that sorts byte by byte, as SQLite's always does. */
function orderedText(db: Kysely<unknown>) {
  return isPostgres(db) ? sql`text collate "C"` : sql`text`;
}

function isPostgres(db: Kysely<unknown>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

async function createSettings(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('url_signing_keys')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('valid_until', 'bigint')
    .execute();

  await db.schema
    .createTable('settings')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
}

async function createOwnership(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('storage_claim')
    .addColumn('id', 'integer', (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('epoch', 'bigint', (c) => c.notNull())
    .addColumn('nonce', 'text', (c) => c.notNull())
    .addColumn('unconfirmed', 'text', (c) => c.notNull())
    .addColumn('renewed_at', 'bigint', (c) => c.notNull())
    .addColumn('instance', 'text', (c) => c.notNull())
    .addColumn('leased_until', 'bigint', (c) => c.notNull())
    .addColumn('lost', 'text')
    .execute();

  await db.schema
    .createTable('orphans')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('removing', 'integer', (c) => c.notNull())
    .addColumn('drop_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('orphans_dropped')
    .on('orphans')
    .column('drop_at')
    .where(sql.ref('drop_at'), 'is not', null)
    .execute();
  await db.schema.createIndex('orphans_created').on('orphans').column('created_at').execute();
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('seq', 'bigint', (c) => c.primaryKey())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('app_id', 'text')
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('actor_kind', 'text', (c) => c.notNull())
    .addColumn('actor_id', 'text')
    .addColumn('actor_name', 'text')
    .addColumn('address', 'text')
    .addColumn('request_id', 'text')
    .addColumn('details', 'text', (c) => c.notNull())
    .addColumn('rows', 'text', (c) => c.notNull())
    .addColumn('previous', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('audit_app').on('audit').columns(['app_id', 'seq']).execute();
  await db.schema
    .createTable('audit_head')
    .addColumn('id', 'integer', (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('pruned_seq', 'bigint', (c) => c.notNull())
    .addColumn('pruned_hash', 'text', (c) => c.notNull())
    .addColumn('deletable_seq', 'bigint', (c) => c.notNull())
    .execute();
  await db
    .withTables<Pick<Schema, 'audit_head'>>()
    .insertInto('audit_head')
    .values({ id: 1, seq: 0, hash: GENESIS, pruned_seq: 0, pruned_hash: GENESIS, deletable_seq: 0 })
    .execute();
  await db.schema
    .createTable('audit_baseline')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text')
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('token_uses')
    .addColumn('token_id', 'text', (c) => c.primaryKey())
    .addColumn('used_at', 'bigint', (c) => c.notNull())
    .execute();
  await keepAudit(db);
}

async function createLimits(db: Kysely<unknown>): Promise<void> {
  const counted = [
    'releases',
    'drafts',
    'pending_uploads',
    'slugs',
    'notes_bytes',
    'stored_bytes',
    'announced_bytes',
  ];
  await counted
    .reduce(
      (table, column) => table.addColumn(column, 'bigint', (c) => c.notNull().defaultTo(0)),
      db.schema.createTable('app_usage').addColumn('app_id', 'text', (c) => c.primaryKey()),
    )
    .execute();

  await db.schema
    .createTable('app_limits')
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('value', 'bigint')
    .addPrimaryKeyConstraint('app_limits_pk', ['app_id', 'name'])
    .execute();

  await db.schema
    .createTable('hourly_changes')
    .addColumn('app_id', 'text', (c) => c.primaryKey())
    .addColumn('hour', 'bigint', (c) => c.notNull())
    .addColumn('changes', 'bigint', (c) => c.notNull())
    .execute();
}

async function createCounts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('counts')
    .addColumn('app_id', 'text', (c) => c.notNull())
    .addColumn('period', orderedText(db), (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('platform', 'text', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) => c.notNull().defaultTo(''))
    .addColumn('generation', 'text', (c) => c.notNull())
    .addColumn('clients', 'bigint', (c) => c.notNull())
    .addColumn('sketch_until', 'bigint')
    .addColumn('sketch', 'text') // last: SQLite reads what is before a long text without it
    .addPrimaryKeyConstraint('counts_pk', [
      'app_id',
      'period',
      'kind',
      'version',
      'platform',
      'outcome',
      'generation',
    ])
    .execute();
  await db.schema.createIndex('counts_period').on('counts').column('period').execute();
  await db.schema.createIndex('counts_version').on('counts').columns(['app_id', 'version', 'kind']).execute();
  await db.schema
    .createIndex('counts_sketches')
    .on('counts')
    .column('sketch_until')
    .where(sql.ref('sketch_until'), 'is not', null)
    .execute();
}

async function createConversions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('attempts')
    .addColumn('app_id', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('platform', 'text', (c) => c.notNull())
    .addColumn('generation', 'text', (c) => c.notNull())
    .addColumn('ends_at', 'bigint', (c) => c.notNull())
    .addColumn('period', 'text', (c) => c.notNull())
    .addColumn('hours', 'integer', (c) => c.notNull())
    .addColumn('due_at', 'bigint', (c) => c.notNull())
    .addColumn('sketch', 'text', (c) => c.notNull()) // last, as above
    .addPrimaryKeyConstraint('attempts_pk', ['app_id', 'version', 'platform', 'generation', 'ends_at'])
    .execute();
  await db.schema.createIndex('attempts_due').on('attempts').column('due_at').execute();

  await db.schema
    .createTable('conversions')
    .addColumn('app_id', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('platform', 'text', (c) => c.notNull())
    .addColumn('hours', 'integer', (c) => c.notNull())
    .addColumn('attempts', 'double precision', (c) => c.notNull())
    .addColumn('converted', 'double precision', (c) => c.notNull())
    .addColumn('changed_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('conversions_pk', ['app_id', 'version', 'platform', 'hours'])
    .execute();
  await db.schema.createIndex('conversions_changed').on('conversions').column('changed_at').execute();
}

async function createCountKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('count_nodes')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('public_key', 'text', (c) => c.notNull())
    .addColumn('seen_at', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('count_keys')
    .addColumn('period', 'text', (c) => c.notNull())
    .addColumn('node_id', 'text', (c) => c.notNull())
    .addColumn('generation', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text')
    .addPrimaryKeyConstraint('count_keys_pk', ['period', 'node_id'])
    .execute();
}

async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('webhooks')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.references('apps.id'))
    .addColumn('url', 'text', (c) => c.notNull())
    .addColumn('format', 'text', (c) => c.notNull())
    .addColumn('events', 'text', (c) => c.notNull())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('allow_private', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('disabled_at', 'bigint')
    .addColumn('failing_since', 'bigint')
    .execute();
  await db.schema
    .createTable('webhook_deliveries')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('webhook_id', 'text', (c) => c.notNull().references('webhooks.id').onDelete('cascade'))
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('outcome', 'text', (c) =>
      c.notNull().check(sql`outcome in ('pending', 'delivered', 'failed')`),
    )
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('next_at', 'bigint', (c) => c.notNull())
    .addColumn('leased_until', 'bigint', (c) => c.notNull())
    .addColumn('status', 'integer')
    .addColumn('error', 'text')
    .execute();
  await db.schema
    .createIndex('webhook_deliveries_log')
    .on('webhook_deliveries')
    .columns(['webhook_id', 'created_at', 'id'])
    .execute();
  await db.schema
    .createIndex('webhook_deliveries_pending')
    .on('webhook_deliveries')
    .columns(['webhook_id', 'next_at'])
    .where(sql.ref('outcome'), '=', sql.lit('pending'))
    .execute();
}

/** Empty, unless somebody has changed the database: a start finds such names without reading the others. */
async function indexForeignNames(db: Kysely<unknown>): Promise<void> {
  for (const { table, column, index } of NAMES) {
    await db.schema.createIndex(index).on(table).column(column).where(isForeignName(db, column)).execute();
  }
}
