import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../protocol/time.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { dataFolderId } from '../../storage/disk/data-folder-id.ts';
import { DiskStorage, type DiskStorageOptions } from '../../storage/disk/disk-storage.ts';
import { placeOf, type S3Settings } from '../options/storage-options.ts';

/** Where artifacts are kept, and how a database knows the place. */
export interface ServedStorage {
  readonly storage: ArtifactStorage;
  /** `disk`, `disk:<id of the data folder>` or `s3://bucket/prefix`. */
  readonly place: string;
}

/**
 * Opens the artifacts' storage: the data folder's.
 * @param databaseIsElsewhere a database that is not in the folder knows it by its id
 * @throws OtaError `store_unavailable`
 */
export async function openDisk(
  options: DiskStorageOptions,
  databaseIsElsewhere: boolean,
): Promise<ServedStorage> {
  const storage = await DiskStorage.open(options);
  const place = databaseIsElsewhere ? `disk:${await dataFolderId(options.dataDir)}` : 'disk';
  return { storage, place };
}

/**
 * Opens the artifacts' storage in a bucket, finds out whether it can be used, and logs what it refuses.
 * @throws OtaError `store_unavailable`; `usage` when nobody says which region of AWS
 */
export async function openS3(
  settings: S3Settings,
  { clock }: Pick<Database, 'clock'>,
  logger: Logger,
): Promise<ServedStorage> {
  const { storage, refuses } = await openProbedS3(settings, clock);
  const place = placeOf(settings);
  logger.info({ storage: place, endpoint: settings.endpoint, refuses }, 'the store can be used');
  return { storage, place };
}

/** Opens a bucket, and finds out whether it can be used. @throws as `openS3` */
export async function openProbedS3(settings: S3Settings, clock: Clock) {
  // It is about the SDK's coming versions; the one that is used here is in the bundle.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { S3Storage } = await import('../../storage/s3/s3-storage.ts');
  const storage = await S3Storage.open({ ...settings, clock });
  try {
    return { storage, refuses: await storage.probe() };
  } catch (error) {
    storage.close();
    throw error;
  }
}
