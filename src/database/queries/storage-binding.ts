import type { Kysely } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { saveSetting, saveSettingOnce, setting } from './settings.ts';

const DISK = 'disk:';

/** Where a store's artifacts are; undefined until it is served for the first time. */
export function storageBinding(db: Queries): Promise<string | undefined> {
  return setting(db, 'storage');
}

/**
 * Binds a database to the place of its artifacts when it is served for the first time, and refuses any other from then
 * on: no offer would lead to a file there, and the files there would count as orphans.
 * @param place `disk`, `disk:<id of the data folder>` or `s3://bucket/prefix`
 * @throws OtaError `store_unavailable` when it is bound to another place
 */
export async function bindStorage(db: Queries, place: string): Promise<void> {
  await checkStorageBinding(db, place);
  await saveSettingOnce(db, 'storage', place);
  await checkStorageBinding(db, place); // another node may have bound it to another place at the same time
}

/**
 * Binds a database to another place, or to the same one that another database has used, on purpose.
 * @param from the id of the database that used it
 */
export async function rebindStorage(
  db: Kysely<Schema>,
  { place, from }: { readonly place: string; readonly from: string | null },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    const before = (await storageBinding(transaction)) ?? null;
    await saveSetting(transaction, 'storage', place);
    const details = { place, before, from_database: from };
    recordAudit(transaction, { by, action: 'storage.adopted', appId: null, details });
  });
}

/**
 * Refuses any place but the one that a database is bound to; an unbound one stays so.
 * @throws OtaError `store_unavailable`
 */
export async function checkStorageBinding(db: Queries, place: string): Promise<void> {
  const bound = await storageBinding(db);
  if (bound === undefined || bound === place) return;
  const message = `the files of this database are in ${nameOf(bound)}, not in ${nameOf(place)}`;
  throw new OtaError('store_unavailable', message, { hint: hintFor(bound) });
}

function nameOf(place: string): string {
  if (place === 'disk') return 'the data folder';
  return place.startsWith(DISK) ? `the data folder with the id ${place.slice(DISK.length)}` : place;
}

function hintFor(bound: string): string {
  if (bound === 'disk') return 'Leave --storage out: they are beside the database.';
  if (!bound.startsWith(DISK)) return `Pass --storage ${bound}.`;
  return 'Pass that folder as --data-dir, without --storage; the id of a folder is in its file storage-id.';
}
