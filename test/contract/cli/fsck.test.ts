import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { recordedFiles } from '../../../src/database/queries/recorded-files.ts';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { bindStorage } from '../../../src/database/queries/storage-binding.ts';
import { dataFolderId } from '../../../src/storage/disk/data-folder-id.ts';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { Publisher } from '../../support/publish/publisher.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

async function placeOf({ place, dataDir, serveArgs }: Store): Promise<string> {
  if (place) return `s3://${place.location.bucket}/${place.location.prefix.replace(/\/$/, '')}`;
  return serveArgs.includes('--database') ? `disk:${await dataFolderId(dataDir)}` : 'disk';
}

/** Removes a file behind the server's back. */
async function lose({ place, dataDir }: Store, storageKey: string): Promise<void> {
  if (place === undefined) return rm(join(dataDir, 'artifacts', storageKey));
  const { location, ...settings } = place;
  const client = new S3Client(settings);
  const Key = `${location.prefix}artifacts/${storageKey}`;
  await client.send(new DeleteObjectCommand({ Bucket: location.bucket, Key }));
  client.destroy();
}

describeOnEachStore('field 11: fsck', ({ start }) => {
  test('finds nothing in a sound store, and names a file that is lost, while it is served', async () => {
    const store = await start();
    const server = await store.open();
    const app = await Publisher.on(server);
    await app.publish('1.0.0');
    await app.publish('1.1.0');
    const { queries } = server.database;
    await databaseId(queries);
    await bindStorage(queries, await placeOf(store));
    const fsck = (...more: string[]) =>
      runJsonInProcess(['fsck', '--data-dir', store.dataDir, ...store.serveArgs, ...more]);

    for (const options of [[], ['--hashes']]) {
      const clean = await fsck(...options);
      expect(clean, clean.stderr).toMatchObject({
        code: 0,
        document: { status: 'clean', files: { recorded: 2 }, damaged: [], orphans: { files: 0 } },
      });
    }
    const [first] = await recordedFiles(queries);
    await lose(store, first?.storageKey ?? '');
    for (const options of [[], ['--hashes']]) {
      const damaged = await fsck(...options);
      expect(damaged, damaged.stderr).toMatchObject({
        code: 6,
        document: {
          status: 'damaged',
          damaged: [
            { problem: 'missing', app_name: 'my-app', version: '1.0.0', target: 'linux', arch: 'x86_64' },
          ],
        },
      });
    }
  });

  test('is refused with another storage than the one that the database remembers', async () => {
    const store = await start();
    const { database } = await store.open();
    await placeOf(store); // as after a first start
    await bindStorage(database.queries, 's3://elsewhere');
    const refused = await runJsonInProcess(['fsck', '--data-dir', store.dataDir, ...store.serveArgs]);
    expect(refused).toMatchObject({ code: 9, document: { error: { code: 'store_unavailable' } } });
  });
});
