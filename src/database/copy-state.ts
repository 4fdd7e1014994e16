import { OtaError } from '../errors.ts';
import type { Queries } from './schema.ts';

/** How far a copy into a database is: its bytes are on their way, or its rows are there, of such a digest. */
export type CopyState = { readonly state: 'begun' } | { readonly state: 'done'; readonly digest: string };

/** Undefined where no copy was ever begun. */
export async function copyState(db: Queries): Promise<CopyState | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', 'copy').executeTakeFirst();
  if (row === undefined) return undefined;
  const [, digest] = row.value.split(' ');
  return digest === undefined ? { state: 'begun' } : { state: 'done', digest };
}

export async function recordCopyState(db: Queries, copy: CopyState): Promise<void> {
  const value = copy.state === 'done' ? `done ${copy.digest}` : 'begun';
  await db
    .insertInto('settings')
    .values({ name: 'copy', value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/**
 * Refuses a database that a copy was begun into and not ended: it would answer as if there were nothing.
 * @throws OtaError `store_unavailable`
 */
export async function requireNoUnfinishedCopy(db: Queries): Promise<void> {
  if ((await copyState(db))?.state !== 'begun') return;
  throw new OtaError('store_unavailable', 'a copy into this database was begun and has not ended', {
    hint: 'Run the same `synckit-ota copy` again until it ends; to give it up, use another database and prefix.',
  });
}
