import { OtaError } from '../../errors.ts';
import type { Queries } from '../schema.ts';
import { saveSettingOnce, setting } from './settings.ts';

/**
 * Records where a store's artifacts are, when it is served first, and from then on refuses any other place: there
 * every offer would lead to nothing, and what is there would pass for left-overs.
 * @param place `disk`, `disk:<id of the data folder>` or `s3://bucket/prefix`
 * @throws OtaError `store_unavailable` when they are somewhere else
 */
export async function requireStorageBinding(db: Queries, place: string): Promise<void> {
  await refuseOtherPlace(db, place);
  await saveSettingOnce(db, 'storage', place);
  await refuseOtherPlace(db, place); // another node may have been quicker
}

/**
 * Refuses any other place than the one that is recorded, and records nothing.
 * @throws OtaError `store_unavailable`
 */
export async function refuseOtherPlace(db: Queries, place: string): Promise<void> {
  const value = await storageBinding(db);
  if (value === undefined || value === place) return;
  throw new OtaError('store_unavailable', `the artifacts of this database are in ${value}, not in ${place}`, {
    hint: 'Serve it from where they are; the id of a data folder is in its file storage-id.',
  });
}

/** Where a store's artifacts are; undefined as long as it was never served. */
export function storageBinding(db: Queries): Promise<string | undefined> {
  return setting(db, 'storage');
}
