import type { Kysely } from 'kysely';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { deleteSetting, saveSetting, setting } from './settings.ts';

/** What a database says of itself that identifies a backup. */
export interface BackupIdentity {
  /** Of the store; undefined for one that was made before stores had ids. */
  readonly storeId: string | undefined;
  /** When the backup was made; undefined for a store that is none. */
  readonly madeAt: Date | undefined;
}

export async function backupIdentity(db: Queries): Promise<BackupIdentity> {
  const madeAt = await setting(db, 'backup');
  return {
    storeId: await setting(db, 'database-id'),
    madeAt: madeAt === undefined ? undefined : new Date(madeAt),
  };
}

/** Records in a copy that it is a backup. */
export async function recordBackup(db: Queries, now: Date): Promise<void> {
  await saveSetting(db, 'backup', now.toISOString());
}

/** Makes a backup a store again, which does not know yet where its files are. */
export async function forgetBackup(db: Kysely<Schema>, by: Attribution): Promise<void> {
  await transact(db, async (transaction) => {
    const madeAt = await setting(transaction, 'backup');
    await deleteSetting(transaction, 'backup');
    await transaction.deleteFrom('storage_claim').execute();
    await transaction.deleteFrom('orphans').execute();
    const details = { backup_made_at: madeAt ?? null };
    recordAudit(transaction, { by, action: 'store.restored', appId: null, details });
  });
}
