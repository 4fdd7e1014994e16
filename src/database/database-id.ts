import { randomUUID } from 'node:crypto';
import type { Queries } from './schema.ts';

/** What tells a database from every other, also after it was moved: a random id, made when it is asked for first. */
export async function databaseId(db: Queries): Promise<string> {
  await db
    .insertInto('settings')
    .values({ name: 'database-id', value: randomUUID() })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const { value } = await db
    .selectFrom('settings')
    .select('value')
    .where('name', '=', 'database-id')
    .executeTakeFirstOrThrow();
  return value;
}
