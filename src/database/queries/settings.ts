import { randomUUID } from 'node:crypto';
import type { Queries, SettingsTable } from '../schema.ts';

type SettingName = SettingsTable['name'];

/** What a store remembers of itself under a name; undefined when it was never recorded. */
export async function setting(db: Queries, name: SettingName): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

/** Records a setting, in place of what it was. */
export async function saveSetting(db: Queries, name: SettingName, value: string): Promise<void> {
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** Records a setting unless it has a value, perhaps one that another node recorded a moment ago. */
export async function saveSettingOnce(db: Queries, name: SettingName, value: string): Promise<void> {
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

/** A random id, generated on first use, that identifies a database wherever it is moved. */
export async function databaseId(db: Queries): Promise<string> {
  await saveSettingOnce(db, 'database-id', randomUUID());
  const { value } = await db
    .selectFrom('settings')
    .select('value')
    .where('name', '=', 'database-id')
    .executeTakeFirstOrThrow();
  return value;
}
