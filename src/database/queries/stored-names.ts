import { sql } from 'kysely';
import { foreignName } from '../../runtime/stored-name.ts';
import { isForeignName, NAMES } from '../foreign-names.ts';
import type { Queries } from '../schema.ts';

/**
 * Refuses a database that names a file outside of its store: a copy that somebody else has prepared. There is an index of
 * such names, so that this takes no longer in a large store; PostgreSQL uses it for the order.
 * @throws OtaError `store_unavailable`
 */
export async function requireStoredNames(db: Queries): Promise<void> {
  for (const { table, column } of NAMES) {
    const { rows } = await sql<{ name: unknown }>`
      select ${sql.ref(column)} as name from ${sql.table(table)}
      where ${isForeignName(db, column)} order by ${sql.ref(column)} limit 1`.execute(db);
    if (rows[0] !== undefined) throw foreignName(rows[0].name);
  }
}
