import { cp, link, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { openStores } from '../../../src/cli/wiring/start-server.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore } from '../../support/server/small-store.ts';

const DATABASE = 'synckit-ota.sqlite';

/** What `serve` opens, and its log. */
async function serve(dataDir: string) {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const settings = { checkMaxAge: 0, staleIfError: 0, maxArtifactSize: 1000, trustProxy: [] };
  const listen = { host: '127.0.0.1', port: 0 };
  const stores = await openStores(
    { ...settings, allowVersionReuse: false, dataDir, listen, publicUrl: undefined },
    { getPublicUrl: () => '', logger },
  );
  let isOpen = true;
  const close = async () => {
    if (isOpen) await stores.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...stores, close, log: () => lines.join('') };
}

/** A store that was served, which holds one file. */
async function servedStore(): Promise<string> {
  const dataDir = join(await tempFolder(), 'data');
  await fillStore(dataDir, [1000]);
  await (await serve(dataDir)).close();
  return dataDir;
}

/** A copy of a data folder, with a link to the files of the original. */
async function linkedCopy(dataDir: string): Promise<string> {
  const copy = join(await tempFolder(), 'staging');
  await cp(dataDir, copy, { recursive: true });
  await rm(join(copy, 'artifacts'), { recursive: true });
  await symlink(join(dataDir, 'artifacts'), join(copy, 'artifacts'));
  return copy;
}

test('field 15: a data folder with a link to the files of another is refused while that is served', async () => {
  const dataDir = await servedStore();
  const copy = await linkedCopy(dataDir);
  const original = await serve(dataDir);
  await expect(serve(copy)).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining(`${copy} (files in ${join(dataDir, 'artifacts')})`),
    hint: expect.stringContaining('symbolic link'),
  });
  const claim = ['storage', 'claim', '--data-dir', copy, '--yes', '--force'];
  expect(await runInProcess(claim)).toMatchObject({ code: 9 });
  await original.ownership.confirm();
});

test('field 15: a data folder with a link to the files of another is refused after that was served', async () => {
  const dataDir = await servedStore();
  const copy = await linkedCopy(dataDir);
  await (await serve(dataDir)).close();
  await expect(serve(copy)).rejects.toMatchObject({
    message: expect.stringContaining('was used since'),
    hint: expect.stringContaining('copied and not linked'),
  });
  expect((await serve(dataDir)).ownership.problem).toBeUndefined();
});

test('field 15: the record of their database is no artifact to fsck and backup', async () => {
  const dataDir = await servedStore();
  const server = await serve(dataDir);
  expect(await readdir(join(dataDir, 'artifacts'))).toEqual(
    expect.arrayContaining(['owner.json', 'serve.lock']),
  );
  const fsck = await runJsonInProcess(['fsck', '--data-dir', dataDir]);
  expect(fsck, fsck.stderr).toMatchObject({ code: 0, document: { orphans: { files: 0 } } });
  const backup = join(await tempFolder(), 'backup');
  expect(await runJsonInProcess(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
  expect(await readdir(join(backup, 'artifacts'))).toHaveLength(1);
  await server.close();
  const restored = join(await tempFolder(), 'restored');
  expect(await runJsonInProcess(['restore', backup, '--data-dir', restored])).toMatchObject({ code: 0 });
  expect((await serve(restored)).ownership.problem).toBeUndefined();
});

test('field 15: a folder with nothing but the lock of its files counts as new', async () => {
  const dataDir = join(await tempFolder(), 'data');
  await (await serve(dataDir)).close();
  for (const suffix of ['', '-wal', '-shm']) await rm(join(dataDir, DATABASE + suffix), { force: true });
  await expect(serve(dataDir)).rejects.toMatchObject({
    message: expect.stringContaining('another database'),
  });
  for (const folder of ['', 'artifacts']) await rm(join(dataDir, folder, 'owner.json'));
  for (const suffix of ['', '-wal', '-shm']) await rm(join(dataDir, DATABASE + suffix), { force: true });
  expect(await readdir(join(dataDir, 'artifacts'))).toEqual(['serve.lock']);
  expect((await serve(dataDir)).ownership.problem).toBeUndefined();
});

test('field 15: a copy by hard links is refused while the original is served, and says why', async () => {
  const dataDir = await servedStore();
  const copy = join(await tempFolder(), 'copy');
  await mkdir(copy);
  for (const name of [DATABASE, 'serve.lock']) await link(join(dataDir, name), join(copy, name));
  await serve(dataDir);
  await expect(serve(copy)).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('serve.lock there has 2 names (hard links)'),
    hint: expect.stringContaining('synckit-ota backup'),
  });
});

test('field 15: a database that has a second name is served with a warning', async () => {
  const dataDir = await servedStore();
  await link(join(dataDir, DATABASE), join(await tempFolder(), DATABASE));
  expect((await serve(dataDir)).log()).toContain('has 2 names (hard links)');
});
