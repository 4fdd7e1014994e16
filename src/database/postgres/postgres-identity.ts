import { sql } from 'kysely';
import type { DatabaseIdentity } from '../database.ts';
import type { Queries } from '../schema.ts';

/** A standby that is promoted keeps the cluster's identifier; a restored dump and `pg_upgrade` get another. */
export async function postgresIdentity(db: Queries): Promise<DatabaseIdentity> {
  const { rows } = await sql<{ oid: string; started: string }>`
    select oid::text as oid, extract(epoch from pg_postmaster_start_time())::text as started
    from pg_database where datname = current_database()
  `.execute(db);
  const { oid = '', started = '' } = rows[0] ?? {};
  const server = `${await systemIdentifier(db)}/${oid}`;
  return { server, instance: `${server}@${started}` };
}

/** Empty where the user may not ask for it. */
async function systemIdentifier(db: Queries): Promise<string> {
  const allowed = sql<{ allowed: boolean }>`
    select has_function_privilege('pg_control_system()', 'execute') as allowed
  `;
  if (!(await allowed.execute(db)).rows[0]?.allowed) return '';
  const { rows } = await sql<{ id: string }>`
    select system_identifier::text as id from pg_control_system()
  `.execute(db);
  return rows[0]?.id ?? '';
}
