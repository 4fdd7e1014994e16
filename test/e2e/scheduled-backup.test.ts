import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import {
  publishLinux,
  runJson,
  serveUntilFinished,
  startWorld,
  writeBundle,
} from '../support/publish/world.ts';

const PATIENCE = { timeout: 20_000, interval: 100 };

test('R31: serve makes backups when they are due, that share files, keeps the newest, and they are restored', async () => {
  const backups = join(await tempFolder(), 'backups');
  const args = ['--backup-to', backups, '--backup-keep', '2'];
  const { folder, dataDir, server, run } = await startWorld();
  const publish = async (version: string) =>
    expect(await run(publishLinux(version, await writeBundle(folder, `${version}.AppImage`)))).toMatchObject({
      code: 0,
    });
  await publish('1.0.0');
  expect(await server.stop()).toBe(0);

  const made = async () =>
    (await readdir(backups).catch((): string[] => [])).filter((name) => /^backup-\d/.test(name));
  /** As if the last one was made on that day. */
  const backUp = async (day: number) => {
    for (const name of (await made()).filter((one) => !/^backup-2020/.test(one))) {
      await rename(join(backups, name), join(backups, `backup-2020010${day}T000000Z`));
    }
    const serving = await serveUntilFinished(dataDir, args);
    await vi.waitFor(
      async () => expect((await made()).filter((name) => !/^backup-2020/.test(name))).toHaveLength(1),
      PATIENCE,
    );
    await vi.waitFor(
      () => expect(serving.logs().some(({ msg }) => msg === 'backup made')).toBe(true),
      PATIENCE,
    );
    expect(await serving.stop()).toBe(0);
  };
  await backUp(1);
  await backUp(2);
  await backUp(3);
  const [older = '', newest = ''] = (await made()).sort();
  expect([older, (await made()).length]).toEqual(['backup-20200103T000000Z', 2]);
  const [file = ''] = await readdir(join(backups, newest, 'artifacts'));
  const [first, second] = await Promise.all(
    [older, newest].map((name) => stat(join(backups, name, 'artifacts', file))),
  );
  expect(first?.ino).toBe(second?.ino);

  const restored = join(await tempFolder(), 'restored');
  expect(await runJson(['restore', join(backups, newest), '--data-dir', restored])).toMatchObject({
    code: 0,
    document: { status: 'complete', releases: 1 },
  });
  expect(await runJson(['fsck', '--hashes', '--data-dir', restored])).toMatchObject({ code: 0 });
});

test.each([
  ['into the data folder', (dataDir: string) => ['--backup-to', join(dataDir, 'backups')]],
  ['of a bucket', () => ['--backup-to', '/tmp/backups', '--storage', 's3://bucket']],
  ['every now and then', () => ['--backup-to', '/tmp/backups', '--backup-every', 'now and then']],
])('a backup %s is refused at the start', async (_what, args) => {
  const dataDir = join(await tempFolder(), 'data');
  await expect(startServe(dataDir, args(dataDir))).rejects.toThrow('exit 2');
});
