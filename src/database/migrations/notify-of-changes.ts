import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import { SQLITE_CHANGE_TRIGGERS, WATCHED } from '../change-triggers.ts';

/**
 * Creates the triggers that name the apps with offers that a commit may change. PostgreSQL notifies all listening sessions
 * after the commit; SQLite only counts commits, so there a table has the number of each app's last change.
 */
export async function notifyOfChanges(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) await notifyOnPostgres(db);
  else await logOnSqlite(db);
}

async function notifyOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function synckit_ota_notify() returns trigger language plpgsql as
    $$ begin
      if tg_op <> 'DELETE' then perform pg_notify(${sql.lit(CHANGE_CHANNEL)}, to_jsonb(new) ->> tg_argv[0]); end if;
      if tg_op <> 'INSERT' then perform pg_notify(${sql.lit(CHANGE_CHANNEL)}, to_jsonb(old) ->> tg_argv[0]); end if;
      return null;
    end $$
  `.execute(db);
  for (const { table, column, updated } of WATCHED) {
    await sql`
      create trigger ${sql.raw(`${table}_changed`)}
      after insert or update of ${sql.ref(updated)} or delete on ${sql.table(table)}
      for each row execute function synckit_ota_notify(${sql.lit(column)})
    `.execute(db);
  }
}

async function logOnSqlite(db: Kysely<unknown>): Promise<void> {
  await sql`create table changed_apps (app_id text primary key, number integer not null unique)`.execute(db);
  for (const statement of SQLITE_CHANGE_TRIGGERS) await sql.raw(statement).execute(db);
}
