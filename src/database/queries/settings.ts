import { randomUUID } from 'node:crypto';
import { OtaError } from '../../errors.ts';
import type { Queries, SettingsTable } from '../schema.ts';

type SettingName = SettingsTable['name'];

/**
 * A value that is stored once for the whole database; undefined until it is saved.
 * @throws OtaError `store_unavailable` when it is no text: somebody else has changed the database
 */
export async function setting(db: Queries, name: SettingName): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
  if (row === undefined || typeof row.value === 'string') return row?.value;
  throw new OtaError('store_unavailable', `the database has a setting that cannot be read: ${name}`, {
    hint: 'Restore a backup into another folder with `synckit-ota restore`.',
  });
}

export async function saveSetting(db: Queries, name: SettingName, value: string): Promise<void> {
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** Saves a setting unless it has a value, perhaps from another node at the same time. */
export async function saveSettingOnce(db: Queries, name: SettingName, value: string): Promise<void> {
  await db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

export async function deleteSetting(db: Queries, name: SettingName): Promise<void> {
  await db.deleteFrom('settings').where('name', '=', name).execute();
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
