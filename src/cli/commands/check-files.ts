import { existsSync, statSync } from 'node:fs';
import { checkStore } from '../../backup/check-store.ts';
import type { Database } from '../../database/database.ts';
import { checkStorageBinding } from '../../database/queries/storage-binding.ts';
import type { Queries } from '../../database/schema.ts';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import { existingFolderId } from '../../storage/disk/data-folder-id.ts';
import { diskInventory, type FileReader } from '../../storage/disk/disk-inventory.ts';
import type { FileInventory } from '../../storage/file-inventory.ts';
import type { Context } from '../context.ts';
import { placeOf, type S3Settings } from '../options/storage-options.ts';
import { ByteProgress } from '../output/byte-progress.ts';
import type { FsckResult } from '../output/fsck-report.ts';
import { noDataFolder } from '../wiring/open-store.ts';
import type { FsckOptions } from './fsck-command.ts';

/** The place of the files of a store on PostgreSQL with a data folder. @throws OtaError `usage` */
export async function placeOfFolder(dataDir: string): Promise<string> {
  if (!existsSync(dataDir)) throw noDataFolder(dataDir);
  const id = await existingFolderId(dataDir);
  if (id !== undefined) return `disk:${id}`;
  throw new OtaError('usage', `${dataDir} is not the data folder of a store on PostgreSQL`, {
    hint: 'Pass the --data-dir, or the --storage, that `synckit-ota serve` has.',
  });
}

export interface CheckedStore extends Pick<Database, 'clock'> {
  readonly queries: Queries;
  readonly s3: S3Settings | undefined;
  /** The name under which a database remembers the place of its files. */
  readonly place: string;
}

/** Compares the files of a store with its records. @throws OtaError as `checkStore` */
export async function checkFiles(
  { dataDir, hashes: withHashes }: Pick<FsckOptions, 'dataDir' | 'hashes'>,
  { queries, s3, place, clock }: CheckedStore,
  { output, signal }: Context,
): Promise<Omit<FsckResult, 'database'>> {
  await checkStorageBinding(queries, place);
  const hashes = withHashes === true;
  const bucket = s3 && (await openInventory(s3, clock));
  const inventory: FileInventory = bucket ?? diskInventory(dataDir, serverOf(dataDir));
  const progress = new ByteProgress(output, 'Read');
  try {
    const { onBytes } = progress;
    const files = await checkStore({ queries, inventory, hashes, signal, onBytes });
    const location = s3 ? placeOf(s3) : dataDir;
    return { storage: { location, locationOf: inventory.locationOf }, hashes, files };
  } finally {
    progress.stop();
    bucket?.close();
  }
}

/** Root can read files that the server cannot, which runs as the owner of its data folder. */
function serverOf(dataDir: string): FileReader | undefined {
  return process.geteuid?.() === 0 ? statSync(dataDir, { throwIfNoEntry: false }) : undefined;
}

async function openInventory(s3: S3Settings, clock: Clock) {
  const { openS3Inventory } = await import('../../storage/s3/s3-inventory.ts');
  return openS3Inventory({ ...s3, clock });
}
