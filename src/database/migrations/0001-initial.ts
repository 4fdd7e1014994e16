import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { notifyOfChanges } from './notify-of-changes.ts';

export const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createApps(db);
    await createReleases(db);
    await createArtifacts(db);
    await createSettings(db);
    await notifyOfChanges(db);
  },
};

async function createApps(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('apps')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('slug', 'text', (c) => c.unique())
    .addColumn('pubkey', 'text')
    .addColumn('revision', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('slugs')
    .addColumn('slug', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
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
    .execute();
}

async function createReleases(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('releases')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('precedence', 'text', (c) => c.notNull())
    .addColumn('notes', 'text')
    .addColumn('signature', 'text')
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('draft', 'published', 'yanked')`))
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('signing_key_id', 'text')
    .addColumn('embedded_pubkey', 'text')
    .addColumn('requires', 'text')
    .addColumn('allow_stranding', 'integer', (c) => c.notNull())
    .addColumn('expect', 'text')
    .addColumn('pub_date', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('releases_precedence', ['app_id', 'precedence'])
    .execute();
}

async function createArtifacts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('artifacts')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('release_id', 'text', (c) => c.references('releases.id').onDelete('set null'))
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('arch', 'text', (c) => c.notNull())
    .addColumn('bundle_type', 'text', (c) => c.notNull())
    .addColumn('file_size', 'bigint', (c) => c.notNull().check(sql`file_size > 0`))
    .addColumn('sha256', 'text')
    .addColumn('signature', 'text')
    .addColumn('signing_key_id', 'text')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('storage_key', 'text', (c) => c.unique())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('poll_at', 'bigint')
    .addColumn('leased_until', 'bigint', (c) => c.notNull())
    .addColumn('refusal', 'text')
    .addColumn('multipart_id', 'text')
    .addColumn('job', 'text')
    .addColumn('attempt', 'bigint')
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
  await db.schema.createIndex('artifacts_release').on('artifacts').column('release_id').execute();
  await db.schema.createIndex('artifacts_status').on('artifacts').columns(['status', 'expires_at']).execute();
  await db.schema.createIndex('artifacts_poll').on('artifacts').columns(['status', 'poll_at']).execute();

  await db.schema
    .createTable('published_bytes')
    .addColumn('app_id', 'text', (c) => c.notNull().references('apps.id'))
    .addColumn('precedence', 'text', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('arch', 'text', (c) => c.notNull())
    .addColumn('bundle_type', 'text', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('channel', 'text', (c) => c.notNull())
    .addColumn('signing_key_id', 'text')
    .addColumn('embedded_pubkey', 'text')
    .addPrimaryKeyConstraint('published_bytes_pk', ['app_id', 'precedence', 'target', 'arch', 'bundle_type'])
    .execute();
}

async function createSettings(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('url_signing_keys')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute();

  await db.schema
    .createTable('settings')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
}
