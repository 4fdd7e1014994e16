import type { BackupIdentity } from '../database/queries/backup-record.ts';
import type { KnownFile, StoreHistory } from '../database/queries/store-history.ts';

export interface StoreState extends BackupIdentity {
  readonly history: StoreHistory;
}

/**
 * Whether a backup has what its store never had: it was made from a later state, or from another copy of the store. What the
 * store has deleted since it still knows.
 *
 * Files of deleted drafts leave no trace, so that one that the store lacks counts as deleted.
 */
export function isAhead(backup: StoreState, store: StoreState): boolean {
  const [had, has] = [backup.history, store.history];
  if (lastChange(had) > lastChange(has)) return true;
  if ([...had.revisions].some(([id, revision]) => isAppAhead({ id, revision }, had, has))) return true;
  return [...had.files].some(
    ([key, file]) =>
      has.revisions.has(file.appId) && !has.files.has(key) && !wasHad(file, has, backup.madeAt),
  );
}

function lastChange({ lastChanges }: StoreHistory): number {
  return [...lastChanges.values()].reduce((last, number) => Math.max(last, number), 0);
}

function isAppAhead(
  { id, revision }: { readonly id: string; readonly revision: number },
  had: StoreHistory,
  has: StoreHistory,
): boolean {
  const present = has.revisions.get(id);
  if (present !== undefined) return revision > present;
  return (has.lastChanges.get(id) ?? 0) <= (had.lastChanges.get(id) ?? 0); // else it was deleted since
}

/** Whether a store had a file that it has not any more. Other bytes are its own if their release is younger than the backup. */
function wasHad({ name, sha256, isDraft }: KnownFile, has: StoreHistory, madeAt: Date | undefined): boolean {
  if (isDraft) return true;
  const published = has.published.get(name);
  if (published === undefined) return false;
  return published.sha256 === sha256 || (published.releasedAt ?? 0) > (madeAt?.getTime() ?? 0);
}
