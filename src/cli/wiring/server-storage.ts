import { realpathSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { lockFolder } from '../../database/sqlite/serve-lock.ts';
import type { Clock } from '../../protocol/time.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { dataFolderId } from '../../storage/disk/data-folder-id.ts';
import { DiskStorage, type DiskStorageOptions } from '../../storage/disk/disk-storage.ts';
import { FILES_LOCK } from '../../storage/disk/owner-file.ts';
import { servedFolder } from '../../storage/stored-path.ts';
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
 * Keeps servers with another data folder from the same files, as long as this process lives. Once the storage is open.
 * @returns unlocks them
 * @throws OtaError `store_unavailable` when another process has them
 */
export function lockFiles(dataDir: string): Promise<() => void> {
  return lockFolder(servedFolder(dataDir), FILES_LOCK, {
    message: `another \`synckit-ota serve\` is using the files of ${describeFolder(dataDir)}`,
    hint: 'Its data folder has the same `artifacts`, by a symbolic link or a mount. Give this one files of its own: a copy by `cp --archive --dereference`.',
  });
}

/** A data folder for people, and where its files are if a link leads elsewhere. */
export function describeFolder(dataDir: string): string {
  const files = realpathSync(servedFolder(dataDir));
  return files === servedFolder(realpathSync(dataDir)) ? dataDir : `${dataDir} (files in ${files})`;
}

export interface OpenS3Options extends Pick<Database, 'clock'> {
  readonly logger: Logger;
  /** Another process of this server has checked that the bucket can be used. */
  readonly isChecked: boolean;
}

/**
 * Opens the artifacts' storage in a bucket, checks that it can be used, and logs what it refuses.
 * @throws OtaError `store_unavailable`; `usage` when no AWS region is set
 */
export async function openS3(
  settings: S3Settings,
  { clock, logger, isChecked }: OpenS3Options,
): Promise<ServerStorage> {
  const place = placeOf(settings);
  if (isChecked) return { storage: await open(settings, clock), place };
  const { storage, refuses, warnings } = await openProbedS3(settings, clock);
  logger.info({ storage: place, endpoint: settings.endpoint, refuses }, 'storage check passed');
  for (const warning of warnings) logger.warn(warning);
  return { storage, place };
}

/** Opens a bucket, and checks that it can be used. @throws as `openS3` */
export async function openProbedS3(settings: S3Settings, clock: Clock) {
  const storage = await open(settings, clock);
  try {
    return { storage, refuses: await storage.probe(), warnings: await storage.warnings() };
  } catch (error) {
    storage.close();
    throw error;
  }
}

async function open(settings: S3Settings, clock: Clock) {
  const { S3Storage } = await import('../../storage/s3/s3-storage.ts');
  return S3Storage.open({ ...settings, clock });
}
