import { type Kysely, type Migration, type MigrationProvider, Migrator } from 'kysely';
import { OtaError } from '../errors.ts';
import { initial } from './migrations/0001-initial.ts';
import type { Schema } from './schema.ts';

/** In order, forward only. A name, once released, never changes. */
const MIGRATIONS: Readonly<Record<string, Migration>> = { '0001-initial': initial };

/**
 * Brings the schema to this version's, all steps in one transaction.
 * @param beforeChange called before an existing schema is changed, to back it up
 * @throws OtaError `store_unavailable` when the schema is newer than this program
 */
export async function migrate(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
  beforeChange: (lastApplied: string) => Promise<void> = async () => {},
): Promise<void> {
  const applied = await knownMigrations(db, migrations);
  if (applied.length === Object.keys(migrations).length) return; // without taking the write lock
  const lastApplied = applied.at(-1);
  if (lastApplied !== undefined) await beforeChange(lastApplied);
  const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) {
    throw new OtaError('store_unavailable', 'the store could not be brought to the current schema', {
      cause: error,
      hint: 'Nothing was changed; see the cause, and report it if it is not the disk.',
    });
  }
}

/**
 * Refuses a store that is not at this version's schema, and leaves it as it is.
 * @throws OtaError `store_unavailable` when it is newer or older
 */
export async function requireCurrentSchema(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<void> {
  const applied = await knownMigrations(db, migrations);
  if (applied.length === Object.keys(migrations).length) return;
  throw new OtaError('store_unavailable', 'the store is older than this program', {
    hint: "Start and stop this version's `synckit-ota serve` on it once: that backs it up and brings it up to date.",
  });
}

/** @throws OtaError `store_unavailable` when the store has others too */
async function knownMigrations(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const applied = await appliedMigrations(db);
  const unknown = applied.find((name) => !(name in migrations));
  if (unknown === undefined) return applied;
  throw new OtaError(
    'store_unavailable',
    `the store is newer than this program (it has migration ${unknown})`,
    {
      hint: 'Run the synckit-ota version that wrote it, or a newer one.',
    },
  );
}

/** Names of the migrations the store has, oldest first. */
async function appliedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
