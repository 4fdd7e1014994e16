import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { CHANGE_CHANNEL } from '../change-channel.ts';

/**
 * Creates the triggers by which PostgreSQL notifies all listening sessions of a commit that may change offers. SQLite
 * counts commits by itself.
 */
export async function notifyOfChanges(db: Kysely<unknown>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return;
  await sql`
    create function synckit_ota_notify() returns trigger language plpgsql as
    $$ begin perform pg_notify(${sql.lit(CHANGE_CHANNEL)}, ''); return null; end $$
  `.execute(db);
  await sql`
    create trigger apps_changed after insert or update of revision or delete on apps
    for each statement execute function synckit_ota_notify()
  `.execute(db);
  await sql`
    create trigger slugs_changed after insert or update or delete on slugs
    for each statement execute function synckit_ota_notify()
  `.execute(db);
}
