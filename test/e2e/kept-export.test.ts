import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { tempFolder } from '../support/process/temp-folder.ts';
import { publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';

/** What docs/self-hosting/static-export.md allows, and time for a busy machine, in milliseconds. */
const LAG = { timeout: 30_000, interval: 200 };
const LONG_MS = 120_000;

const serving = (folder: string, ...more: string[]) => [
  ...['--export', folder, '--export-base-url', 'https://mirror.example.com', ...more],
];

async function offered(folder: string): Promise<string | undefined> {
  const path = join(folder, 'my-app/stable/linux/x86_64/1.0.0.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text).version;
}

test.each([
  ['one process', []],
  ['several', ['--workers', '2']],
])('serve --export with %s follows each change', { timeout: LONG_MS }, async (_, more) => {
  const folder = join(await tempFolder(), 'export');
  const world = await startWorld(serving(folder, ...more));
  const publish = async (version: string) => {
    const file = await writeBundle(world.folder, `${version}.AppImage`);
    expect(await world.run(publishLinux(version, file))).toMatchObject({ code: 0 });
  };
  const follows = (version: string) =>
    vi.waitFor(async () => expect(await offered(folder)).toBe(version), LAG);
  await publish('1.0.0');
  await publish('1.1.0');
  await follows('1.1.0');
  const [file = ''] = await readdir(join(folder, 'my-app/files'));
  expect(await readdir(join(folder, 'my-app/files', file))).toEqual([expect.stringContaining('.AppImage')]);
  expect(await world.run(['releases', 'yank', '1.1.0'])).toMatchObject({ code: 0 });
  await follows('1.0.0');
  expect(await world.run(['releases', 'restore', '1.1.0'])).toMatchObject({ code: 0 });
  await follows('1.1.0');
  expect(await world.server.stop()).toBe(0);
});

test('serve goes on when it cannot export, logs that, and tries again', { timeout: LONG_MS }, async () => {
  const folder = join(await tempFolder(), 'export');
  await writeFile(folder, 'a file in the way');
  const world = await startWorld(serving(folder));
  const file = await writeBundle(world.folder, '1.0.0.AppImage');
  expect(await world.run(publishLinux('1.0.0', file))).toMatchObject({ code: 0 });
  const failures = () => world.server.logs().filter(({ msg }) => `${msg}`.startsWith('the export failed'));
  await vi.waitFor(() => expect(failures()).toMatchObject([{ slug: 'my-app', failures: 1 }]), LAG);
  const check = await fetch(`${world.server.url}/api/sync/ota/my-app/linux/x86_64/0.9.0`);
  expect(check.status).toBe(200);
  await rm(folder);
  await vi.waitFor(async () => expect(await offered(folder)).toBe('1.0.0'), LAG);
  expect(await world.server.stop()).toBe(0);
});
