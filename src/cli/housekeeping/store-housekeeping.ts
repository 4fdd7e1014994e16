import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import type { OtaError } from '../../errors.ts';
import { Scrub } from '../../server/maintenance/scrub.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { type BackupSchedule, ScheduledBackups } from './scheduled-backups.ts';
import { startSqliteHousekeeping } from './sqlite-housekeeping.ts';

export interface HousekeepingSettings {
  readonly dataDir: string;
  /** How much of the files on a disk is read again each second, in bytes; undefined or 0: nothing. */
  readonly scrubRate?: number | undefined;
  readonly backups?: BackupSchedule | undefined;
}

export interface HousekeepingOptions {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly isSqlite: boolean;
  readonly logger: Logger;
  readonly onDurabilityLost: (cause: OtaError) => void;
}

/**
 * Starts what one process of a server does for its store, beside all requests.
 * @returns ends it
 * @throws OtaError `usage`, `store_unavailable`
 */
export async function startHousekeeping(
  { dataDir, scrubRate = 0, backups }: HousekeepingSettings,
  { database, storage, isSqlite, logger, onDurabilityLost }: HousekeepingOptions,
): Promise<() => Promise<void>> {
  const scheduled = backups && (await ScheduledBackups.start({ ...backups, dataDir, logger }));
  const endSqlite = isSqlite
    ? await startSqliteHousekeeping(database, { logger, onDurabilityLost })
    : async () => {};
  const { clock } = database;
  const scrub =
    scrubRate > 0 && storage instanceof DiskStorage
      ? new Scrub({ database, storage, clock, bytesPerSecond: scrubRate }, logger)
      : undefined;
  scrub?.start();
  return async () => {
    await Promise.all([scheduled?.stop(), scrub?.stop()]);
    await endSqlite();
  };
}
