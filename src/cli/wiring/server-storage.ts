import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../protocol/time.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { dataFolderId } from '../../storage/disk/data-folder-id.ts';
import { DiskStorage, type DiskStorageOptions } from '../../storage/disk/disk-storage.ts';
import { placeOf, type S3Settings } from '../options/storage-options.ts';

/** Where artifacts are stored, and the name under which a database remembers the place. */
export interface ServerStorage {
  readonly storage: ArtifactStorage;
  /** `disk`, `disk:<id of the data folder>` or `s3://bucket/prefix`. */
  readonly place: string;
}

/**
 * Opens the artifacts' storage in the data folder.
 * @param databaseIsElsewhere a database outside the folder remembers it by its id
 * @throws OtaError `store_unavailable`
 */
export async function openDisk(
  options: DiskStorageOptions,
  databaseIsElsewhere: boolean,
): Promise<ServerStorage> {
  const storage = await DiskStorage.open(options);
  const place = databaseIsElsewhere ? `disk:${await dataFolderId(options.dataDir)}` : 'disk';
  return { storage, place };
}

/**
 * Opens the artifacts' storage in a bucket, checks that it can be used, and logs what it refuses.
 * @throws OtaError `store_unavailable`; `usage` when no AWS region is set
 */
export async function openS3(
  settings: S3Settings,
  { clock }: Pick<Database, 'clock'>,
  logger: Logger,
): Promise<ServerStorage> {
  const { storage, refuses } = await openProbedS3(settings, clock);
  const place = placeOf(settings);
  logger.info({ storage: place, endpoint: settings.endpoint, refuses }, 'storage check passed');
  return { storage, place };
}

/** Opens a bucket, and checks that it can be used. @throws as `openS3` */
export async function openProbedS3(settings: S3Settings, clock: Clock) {
  const { S3Storage } = await import('../../storage/s3/s3-storage.ts');
  const storage = await S3Storage.open({ ...settings, clock });
  try {
    return { storage, refuses: await storage.probe() };
  } catch (error) {
    storage.close();
    throw error;
  }
}
