import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { SQLITE_AUDIT_TRIGGERS } from '../change-triggers.ts';

/**
 * Creates the triggers that refuse to change the audit log by mistake. Whoever may write to the database can remove them:
 * that is what the chain of hashes is for.
 */
export async function keepAudit(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) await keepOnPostgres(db);
  else for (const statement of SQLITE_AUDIT_TRIGGERS) await sql.raw(statement).execute(db);
}

async function keepOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function synckit_ota_keep_audit() returns trigger language plpgsql as
    $$ begin
      if tg_op = 'DELETE' then
        if old.seq <= (select deletable_seq from audit_head) then return old; end if;
      end if;
      raise exception 'the audit log is append-only';
    end $$
  `.execute(db);
  await sql`
    create trigger audit_kept before update or delete on audit
    for each row execute function synckit_ota_keep_audit()
  `.execute(db);
  await sql`
    create trigger audit_kept_whole before truncate on audit
    for each statement execute function synckit_ota_keep_audit()
  `.execute(db);
}
