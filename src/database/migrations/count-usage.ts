import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { POSTGRES_USAGE_TRIGGERS, SQLITE_USAGE_TRIGGERS } from '../usage-triggers.ts';

/** Creates the triggers that keep what each app has, which its limits are compared with. */
export async function countUsage(db: Kysely<unknown>): Promise<void> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  for (const statement of isPostgres ? POSTGRES_USAGE_TRIGGERS : SQLITE_USAGE_TRIGGERS) {
    await sql.raw(statement).execute(db);
  }
}
