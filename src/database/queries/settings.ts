import type { Queries, SettingsTable } from '../schema.ts';

/** What a store remembers of itself under a name; undefined when it was never recorded. */
export async function setting(db: Queries, name: SettingsTable['name']): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}
