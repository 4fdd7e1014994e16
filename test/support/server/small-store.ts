import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bindStorage } from '../../../src/database/queries/storage-binding.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { servedFolder } from '../../../src/storage/stored-path.ts';
import type { S3Place } from '../s3/s3-place.ts';
import { storageOptions } from './storage-options.ts';
import { keyOf, LINUX, StoreWithApp } from './store-with-app.ts';

/** The options of `copy` for a store and its target. */
export function copyArgs(dataDir: string, place: S3Place): string[] {
  const [, ...storage] = storageOptions(place);
  return ['copy', '--from-data-dir', dataDir, '--to-storage', ...storage];
}

/** A file of a store: its path, and its name, which is the same in a bucket. */
export interface SmallStoreFile {
  readonly key: string;
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * Adds an app to a data folder, as if it had been served, with a release for each size: `1.0.0`, `1.1.0` and so on.
 * @returns the files
 */
export async function fillStore(
  dataDir: string,
  sizes: readonly number[],
  slug = 'my-app',
): Promise<SmallStoreFile[]> {
  const database = await openSqlite({ dataDir });
  try {
    await bindStorage(database.queries, 'disk');
    await mkdir(servedFolder(dataDir), { recursive: true });
    const store = await StoreWithApp.in(database, slug);
    const files: SmallStoreFile[] = [];
    for (const [i, size] of sizes.entries()) {
      const bytes = randomBytes(size);
      const id = await store.grant(await store.release(`1.${i}.0`), LINUX, { fileSize: size });
      const path = join(servedFolder(dataDir), keyOf(id));
      await writeFile(path, bytes);
      await store.complete(id, createHash('sha256').update(bytes).digest('hex'));
      files.push({ key: keyOf(id), path, bytes });
    }
    return files;
  } finally {
    await database.close();
  }
}
