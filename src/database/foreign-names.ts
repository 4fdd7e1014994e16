import { type Kysely, PostgresAdapter, type RawBuilder, sql } from 'kysely';
import { DEVICES, MAX_NAME_LENGTH, NAME_CHARACTERS } from '../runtime/stored-name.ts';

/** What becomes the name of a file or object, and the index of the names that no file of the store has. */
export const NAMES = [
  { table: 'artifacts', column: 'storage_key', index: 'artifacts_foreign_key' },
  { table: 'artifacts', column: 'id', index: 'artifacts_foreign_id' },
  { table: 'orphans', column: 'name', index: 'orphans_foreign' },
] as const;

/**
 * Whether a column has a name that `isStoredName` refuses. Without parameters, as the condition of an index is: a query
 * with the same text uses that index.
 */
export function isForeignName<Schema>(db: Kysely<Schema>, column: string): RawBuilder<boolean> {
  const name = sql.ref(column);
  const isDevice = sql`lower(${name}) in (${sql.join(DEVICES.map((device) => sql.lit(device)))})`;
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    const pattern = sql.lit(`^[${NAME_CHARACTERS}]{1,${MAX_NAME_LENGTH}}$`);
    return sql`${name} is not null and (${name} collate "C" !~ ${pattern} or ${isDevice})`;
  }
  // SQLite's columns may have a value of any type, and text with a NUL, at which it ends for most functions.
  return sql`${name} is not null and (typeof(${name}) <> 'text'
    or octet_length(${name}) not between 1 and ${sql.lit(MAX_NAME_LENGTH)} or octet_length(${name}) <> length(${name})
    or ${name} glob ${sql.lit(`*[^${NAME_CHARACTERS}]*`)} or ${isDevice})`;
}
