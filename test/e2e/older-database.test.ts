import { copyFile, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run, startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { publishLinux, serveUntilFinished, startWorld, writeBundle } from '../support/publish/world.ts';

const TWO_DAYS_AGO = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);

test('crash B4: an older database that is put in place is refused, asks first, and removes no file that it does not know', async () => {
  const world = await startWorld();
  const { folder, dataDir } = world;
  const database = join(dataDir, 'synckit-ota.sqlite');
  const [older, right] = [join(await tempFolder(), 'older'), join(await tempFolder(), 'right')];
  const publish = async (version: string, server: { readonly url: string }) => {
    const file = await writeBundle(folder, `${version}.AppImage`);
    const published = await world.run(publishLinux(version, file), {
      env: { SYNCKIT_OTA_SERVER: server.url },
    });
    expect(published, published.stderr).toMatchObject({ code: 0 });
  };
  const stored = async () =>
    (await readdir(join(dataDir, 'artifacts'))).filter((name) => !name.includes('.')).sort();

  await publish('1.0.0', world.server);
  expect(await world.server.stop()).toBe(0);
  await copyFile(database, older);
  const second = await serveUntilFinished(dataDir);
  await publish('1.1.0', second);
  await publish('1.2.0', second);
  expect(await second.stop()).toBe(0);
  await copyFile(database, right);
  const files = await stored();
  for (const name of files) await utimes(join(dataDir, 'artifacts', name), TWO_DAYS_AGO, TWO_DAYS_AGO);

  await copyFile(older, database);
  await expect(startServe(dataDir)).rejects.toThrow('exit 9');
  expect(await stored()).toEqual(files);
  const claimed = await run(['storage', 'claim', '--yes', '--data-dir', dataDir]);
  expect(claimed, claimed.stderr).toMatchObject({ code: 0 });
  const third = await serveUntilFinished(dataDir);
  expect(await third.stop()).toBe(0);
  expect(await stored()).toEqual(files);

  for (const suffix of ['-wal', '-shm']) await rm(database + suffix, { force: true });
  await copyFile(right, database);
  expect(await run(['storage', 'claim', '--yes', '--data-dir', dataDir])).toMatchObject({ code: 0 });
  const fourth = await serveUntilFinished(dataDir);
  const check = await fetch(`${fourth.url}/api/sync/ota/my-app/linux/x86_64/1.0.0`);
  const { version, url } = (await check.json()) as { version: string; url: string };
  expect(version).toBe('1.2.0');
  expect((await fetch(url)).status).toBe(200);
  expect(await fourth.stop()).toBe(0);
});
