import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer } from '../../support/server/server.ts';

let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await tempFolder();
  const server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const { id, token } = await server.createApp({ slug: 'my-app' });
  env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
});

const run = (...args: string[]) => runJsonInProcess(args, { env, cwd: folder });

async function publish(version: string, ...args: string[]) {
  const file = join(folder, `${version}.bin`);
  await writeFile(file, randomBytes(500));
  await writeFile(`${file}.sig`, 'not minisign');
  return run('publish', '--version', version, '--artifact', `linux-x86_64=${file}`, ...args);
}

const check = (version: string, ...args: string[]) =>
  run(
    ...['check', '--slug', 'my-app', '--target', 'linux', '--arch', 'x86_64'],
    ...['--current-version', version, ...args],
  );

test('publish and releases edit say how urgent an update is, and check shows it', async () => {
  expect(await publish('1.1.0', '--mandatory', '--minimum-system-version', 'linux=6.1')).toMatchObject({
    code: 0,
    document: { release: { mandatory: true, minimum_system_version: { linux: '6.1' } } },
  });
  expect(await check('1.0.0')).toMatchObject({
    document: { mandatory: true, minimum_system_version: '6.1' },
  });
  expect((await runInProcess(['releases', 'list'], { env })).stdout).toContain('mandatory');
  const edited = await runInProcess(
    ['releases', 'edit', '1.1.0', '--no-mandatory', '--minimum-system-version', 'linux=6.2'],
    { env },
  );
  expect(edited.stdout).toBe('1.1.0 is not mandatory.\n1.1.0 needs linux 6.2 or later.\n');
  expect((await check('1.0.0')).document).not.toHaveProperty('mandatory');
  expect((await run('releases', 'edit', '1.1.0', '--minimum-system-version', 'macos=11')).code).toBe(2);
  expect((await publish('1.2.0', '--minimum-system-version', 'linux')).code).toBe(2);
});

test('releases rollback leads apps back that take lower versions, from one release or from all above another', async () => {
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) expect((await publish(version)).code).toBe(0);
  await publish('1.3.0', '--channel', 'beta');
  expect(await check('1.2.0', '--downgrade')).toMatchObject({ document: { update: false } });
  expect(await run('releases', 'rollback', '1.2.0')).toMatchObject({
    code: 0,
    document: { rolled_back: [{ version: '1.2.0', status: 'yanked', rolled_back: true }] },
  });
  expect(await check('1.2.0', '--downgrade')).toMatchObject({ document: { version: '1.1.0' } });
  expect(await check('1.2.0')).toMatchObject({ document: { update: false } });
  expect((await runInProcess(['releases', 'list'], { env })).stdout).toContain('rolled back');
  await run('releases', 'restore', '1.2.0');
  expect(await run('releases', 'rollback', '--to', '1.0.0')).toMatchObject({
    document: { rolled_back: [{ version: '1.2.0' }, { version: '1.1.0' }] },
  });
  expect(await check('1.2.0', '--downgrade')).toMatchObject({ document: { version: '1.0.0' } });
  expect((await run('releases', 'rollback', '--to', '1.0.0')).code).toBe(4);
  expect((await run('releases', 'rollback', '--to', '1.1.0')).code).toBe(4);
  expect((await run('releases', 'rollback')).code).toBe(2);
  expect((await run('releases', 'rollback', '1.0.0', '--to', '1.0.0')).code).toBe(2);
});
