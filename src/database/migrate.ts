import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { OtaError } from '../errors.ts';
import { initial } from './migrations/0001-initial.ts';
import type { Schema } from './schema.ts';

/** In order, forward only. A name never changes once it is released. */
const MIGRATIONS: Readonly<Record<string, Migration>> = { '0001-initial': initial };

export interface MigrateOptions {
  /** By name; this version's when left out. */
  readonly migrations?: Readonly<Record<string, Migration>>;
  /** Called before an existing schema is changed, to back it up. */
  readonly beforeChange?: (lastApplied: string) => Promise<void>;
  /** Called before the tables of a new store are created, which an error prevents. */
  readonly onNewStore?: () => void;
}

/**
 * Migrates the schema to this version's, all steps in one transaction.
 * @throws OtaError `store_unavailable` when the schema is newer than this program, or another program's
 */
export async function migrate(
  db: Kysely<Schema>,
  { migrations = MIGRATIONS, beforeChange, onNewStore }: MigrateOptions = {},
): Promise<void> {
  const applied = await knownMigrations(db, migrations);
  if (applied.length === Object.keys(migrations).length) return; // without taking the write lock
  const lastApplied = applied.at(-1);
  if (lastApplied === undefined) onNewStore?.();
  else await beforeChange?.(lastApplied);
  const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) {
    if (error instanceof OtaError) throw error;
    throw new OtaError('store_unavailable', 'the schema could not be migrated', {
      cause: error,
      hint: `The tables are unchanged. The error was: ${error instanceof Error ? error.message : error}`,
    });
  }
}

/** Refuses a store that is not at this version's schema. @throws OtaError `store_unavailable` */
export async function requireCurrentSchema(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<void> {
  const applied = await knownMigrations(db, migrations);
  if (applied.length === Object.keys(migrations).length) return;
  throw olderStore();
}

/** The refusal of a store at an earlier schema, where it may not be migrated. */
export function olderStore(): OtaError {
  return new OtaError('store_unavailable', 'the store is older than this program', {
    hint: "Start this version's `synckit-ota serve` on it, which migrates it.",
  });
}

/**
 * The names of the migrations that were applied, oldest first.
 * @throws OtaError `store_unavailable` when there are unknown ones, or it is another program's database
 */
async function knownMigrations(
  db: Kysely<Schema>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const tables = await tablesOf(db); // read once: another process may be creating them
  const applied = tables.includes('kysely_migration') ? await appliedMigrations(db) : [];
  const isOurs = applied.some((name) => name in migrations);
  const [foreign] = applied.length > 0 ? applied : tables.filter((name) => !name.startsWith('kysely_'));
  if (!isOurs && foreign !== undefined) {
    throw new OtaError('store_unavailable', `the database belongs to another program: it has ${foreign}`, {
      hint: 'Use a database of its own for synckit-ota.',
    });
  }
  const unknown = applied.find((name) => !(name in migrations));
  if (unknown === undefined) return applied;
  throw new OtaError(
    'store_unavailable',
    `the store is newer than this program (it has migration ${unknown})`,
    { hint: 'Run the synckit-ota version that wrote it, or a newer one.' },
  );
}

/** The names of the tables in the schema where migrations create theirs: PostgreSQL may have other schemas. */
async function tablesOf(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ schema }) => schema !== undefined)) return tables.map(({ name }) => name);
  const { rows } = await sql<{ current: string }>`select current_schema() as current`.execute(db);
  const ofExtensions = await tablesOfExtensions(db);
  return tables
    .filter(({ schema, name }) => schema === rows[0]?.current && !ofExtensions.has(name))
    .map(({ name }) => name);
}

/** Tables and views that belong to an extension, like pg_stat_statements: another program has none of them. */
async function tablesOfExtensions(db: Kysely<Schema>): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    join pg_depend on classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e'
    join pg_namespace on pg_namespace.oid = relnamespace and nspname = current_schema()`.execute(db);
  return new Set(rows.map(({ name }) => name));
}

async function appliedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
