import { OtaError } from '../../errors.ts';
import type { Queries } from '../schema.ts';
import { saveSettingOnce, setting } from './settings.ts';

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
 * Refuses any place but the one that a database is bound to; an unbound one stays so.
 * @throws OtaError `store_unavailable`
 */
export async function checkStorageBinding(db: Queries, place: string): Promise<void> {
  const bound = await storageBinding(db);
  if (bound === undefined || bound === place) return;
  throw new OtaError('store_unavailable', `the artifacts of this database are in ${bound}, not in ${place}`, {
    hint: 'Serve it with the storage that they are in; the id of a data folder is in its file storage-id.',
  });
}
