import { OtaError } from '../../errors.ts';
import type { Queries } from '../schema.ts';
import { saveSetting, setting } from './settings.ts';

/** How far a copy into a database is: its bytes are on their way, or its rows are there, of such a digest. */
export type CopyState = { readonly state: 'begun' } | { readonly state: 'done'; readonly digest: string };

/** How long a copy that was cut off may still be gone on with, in milliseconds. */
const GIVEN_UP_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

/** Undefined where no copy was ever begun. */
export async function copyState(db: Queries): Promise<CopyState | undefined> {
  const value = await setting(db, 'copy');
  if (value === undefined) return undefined;
  const [, digest] = value.split(' ');
  return digest === undefined ? { state: 'begun' } : { state: 'done', digest };
}

/** Where a copy was done before, that stays so, and it may be served: only `isCopyUnderWay` tells of a further run. */
export async function recordCopyBegun(db: Queries, now: Date): Promise<void> {
  if ((await copyState(db))?.state !== 'done') await saveSetting(db, 'copy', 'begun');
  await saveSetting(db, 'copy-under-way', now.toISOString());
}

/** @param digest of the rows as they were copied */
export async function recordCopyDone(db: Queries, digest: string): Promise<void> {
  await saveSetting(db, 'copy', `done ${digest}`);
  await forgetCopyUnderWay(db);
}

export async function forgetCopyUnderWay(db: Queries): Promise<void> {
  await db.deleteFrom('settings').where('name', '=', 'copy-under-way').execute();
}

/**
 * Whether there may be files that no row refers to yet, because a copy brought them and has not ended: for a week from its
 * begin, because it may have been cut off.
 */
export async function isCopyUnderWay(db: Queries, now: Date): Promise<boolean> {
  const begun = await setting(db, 'copy-under-way');
  return begun !== undefined && now.getTime() - Date.parse(begun) < GIVEN_UP_AFTER_MS;
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
