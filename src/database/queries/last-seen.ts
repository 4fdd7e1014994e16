import { isReadable } from '../../protocol/time.ts';
import type { Queries } from '../schema.ts';
import { saveSetting, setting } from './settings.ts';

/** What the clock showed when the store was served last; undefined for one that never was. */
export async function lastSeen(db: Queries): Promise<Date | undefined> {
  const value = await setting(db, 'last-seen');
  const time = value === undefined ? undefined : new Date(value);
  return time !== undefined && isReadable(time) ? time : undefined;
}

export async function recordSeen(db: Queries, now: Date): Promise<void> {
  await saveSetting(db, 'last-seen', now.toISOString());
}
