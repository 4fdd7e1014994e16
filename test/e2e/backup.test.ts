import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support/process/temp-folder.ts';
import { answersOf, closedShop } from '../support/publish/shop.ts';
import {
  publishLinux,
  runJson,
  serveUntilFinished,
  startWorld,
  writeBundle,
} from '../support/publish/world.ts';

test('backup, fsck and restore, while serve runs', async () => {
  const { run, folder, dataDir, server } = await startWorld();
  const backup = join(await tempFolder(), 'backup');
  const publish = async (version: string) => {
    const file = await writeBundle(folder, `${version}.AppImage`);
    expect(await run(publishLinux(version, file))).toMatchObject({ code: 0 });
  };
  await publish('1.0.0');
  expect(await runJson(['backup', backup, '--data-dir', dataDir])).toMatchObject({
    code: 0,
    document: { status: 'complete', apps: 1, releases: 1, files: { total: 1, copied: 1, removed: 0 } },
  });
  await publish('1.1.0');
  expect(await run(['releases', 'delete', '1.0.0'])).toMatchObject({ code: 0 });
  const again = await runJson(['backup', backup, '--data-dir', dataDir]);
  expect(again).toMatchObject({ code: 0, document: { status: 'complete', files: { copied: 1 } } });
  expect(await runJson(['fsck', '--hashes', '--data-dir', dataDir])).toMatchObject({
    code: 0,
    document: { status: 'clean', damaged: [] },
  });
  expect(await server.stop()).toBe(0);

  const restored = join(await tempFolder(), 'restored');
  expect(await runJson(['restore', backup, '--data-dir', restored])).toMatchObject({
    code: 0,
    document: { status: 'complete', backup_created_at: again.document.created_at, apps: 1 },
  });
  const second = await serveUntilFinished(restored);
  const check = await fetch(`${second.url}/api/sync/ota/my-app/linux/x86_64/1.0.0`);
  const { version, url } = (await check.json()) as { version: string; url: string };
  expect(version).toBe('1.1.0');
  expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(10_000);
  expect(await second.stop()).toBe(0);
});

test('a restored store gives the same responses as the one that was backed up', {
  timeout: 60_000,
}, async () => {
  const { world, answers } = await closedShop();
  const [backup, restored] = [join(world.folder, '..', 'backup'), join(world.folder, '..', 'restored')];
  expect(await runJson(['backup', backup, '--data-dir', world.dataDir])).toMatchObject({ code: 0 });
  expect(await runJson(['restore', backup, '--data-dir', restored])).toMatchObject({ code: 0 });
  const server = await serveUntilFinished(restored);
  const { tokens } = answers as unknown as { tokens: { id: string; token: string }[] };
  expect({ ...(await answersOf(server.url, tokens)), tokens }).toEqual(answers);
  expect(await server.stop()).toBe(0);
});

test('field 11: publishing a file with other content again repairs it once fsck has said what to delete', async () => {
  const { dataDir, run, folder } = await startWorld();
  const file = await writeBundle(folder, 'App.AppImage');
  const publish = () => run(publishLinux('1.0.0', file));
  expect(await publish()).toMatchObject({ code: 0 });
  const [key = ''] = (await readdir(join(dataDir, 'artifacts'))).filter((name) => !name.includes('.'));
  const stored = join(dataDir, 'artifacts', key);
  await writeFile(stored, Buffer.alloc((await stat(stored)).size));
  const fsck = () => runJson(['fsck', '--hashes', '--data-dir', dataDir]);
  const damaged = await fsck();
  expect(damaged, damaged.stderr).toMatchObject({ code: 6, document: { damaged: [{ path: stored }] } });
  expect(damaged.stderr).toContain('Delete files with other content first');
  await rm(stored);
  const again = await publish();
  expect(again, again.stderr).toMatchObject({ code: 0 });
  expect(await fsck()).toMatchObject({ code: 0, document: { status: 'clean' } });
});
