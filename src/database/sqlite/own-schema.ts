import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { SQLITE_TRIGGERS } from '../change-triggers.ts';
import type { Schema } from '../schema.ts';
import { SQLITE_USAGE_TRIGGERS } from '../usage-triggers.ts';
import { RESTORE_HINT } from './database-file.ts';

const OWN_TRIGGERS: ReadonlySet<string> = new Set([...SQLITE_TRIGGERS, ...SQLITE_USAGE_TRIGGERS].map(bodyOf));

const TABLES: Readonly<Record<keyof Schema | 'changed_apps', true>> = {
  apps: true,
  app_usage: true,
  hourly_changes: true,
  app_limits: true,
  slugs: true,
  tokens: true,
  trusted_publishers: true,
  webhooks: true,
  webhook_deliveries: true,
  used_identities: true,
  issuer_keys: true,
  releases: true,
  artifacts: true,
  artifact_digests: true,
  statements: true,
  published_bytes: true,
  url_signing_keys: true,
  settings: true,
  storage_claim: true,
  orphans: true,
  audit: true,
  audit_head: true,
  audit_baseline: true,
  token_uses: true,
  counts: true,
  attempts: true,
  conversions: true,
  count_nodes: true,
  count_keys: true,
  changed_apps: true,
};

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly sql: string | null;
}

/**
 * Refuses a database with anything that runs or computes when tables are used, besides this program's own triggers: a
 * copy that somebody else has prepared. Tables and indexes of others, such as Litestream's, are no harm.
 * @throws OtaError `store_unavailable`; SqliteError when the database cannot be read
 */
export function requireOwnSchema(connection: Sqlite.Database): void {
  const foreign = findForeignObject(connection);
  if (foreign === undefined) return;
  const { type, name } = foreign;
  throw new OtaError(
    'store_unavailable',
    `${connection.name} has a ${type} that is not one of synckit-ota: ${JSON.stringify(name.slice(0, 80))}`,
    {
      hint: 'If it was added on purpose, such as a view for reports, remove it with `sqlite3` (`drop view`, `drop trigger`). Else somebody has changed the database: restore a backup that only its owner could write to.',
    },
  );
}

/** Refuses a database that lacks a table, although it was migrated. @throws OtaError `store_unavailable` */
export function requireTables(connection: Sqlite.Database): void {
  const present = connection
    .prepare<[], string>("select name from sqlite_schema where type = 'table'")
    .pluck()
    .all();
  const missing = Object.keys(TABLES).find((name) => !present.includes(name));
  if (missing === undefined) return;
  throw new OtaError('store_unavailable', `${connection.name} is damaged: it lacks the table ${missing}`, {
    hint: RESTORE_HINT,
  });
}

function findForeignObject(connection: Sqlite.Database): SchemaObject | undefined {
  try {
    const active = connection
      .prepare<[], SchemaObject>(
        "select type, name, sql from sqlite_schema where type in ('trigger', 'view') or sql like 'create virtual%'",
      )
      .all()
      .find(({ type, sql }) => type !== 'trigger' || !OWN_TRIGGERS.has(bodyOf(sql ?? '')));
    if (active !== undefined)
      return { ...active, type: active.type === 'table' ? 'virtual table' : active.type };
    return connection
      .prepare<[], SchemaObject>(
        `select 'generated column' as type, column.name, null as sql
         from sqlite_schema as s, pragma_table_xinfo(s.name) as column where s.type = 'table' and column.hidden > 1 limit 1`,
      )
      .get();
  } catch (error) {
    if (/^SQLITE_CORRUPT/.test(errorCode(error) ?? '')) return undefined; // found and reported by the integrity check
    throw error;
  }
}

/** A statement as SQLite keeps it, from the name on: it writes the words before that anew. */
function bodyOf(statement: string): string {
  return statement
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^create trigger /i, '');
}
