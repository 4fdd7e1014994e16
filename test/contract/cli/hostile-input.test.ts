import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONFIG_FILE } from '../../../src/cli/config/find-config-file.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { optionsOf } from '../../support/docs/command-tree.ts';
import { startStep } from '../../support/docs/github-runner.ts';
import { startHostileServer } from '../../support/network/hostile-server.ts';
import {
  expectHarmless,
  expectHarmlessRun,
  HOSTILE,
  HOSTILE_NAME,
} from '../../support/process/hostile-text.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { writeBundle } from '../../support/publish/world.ts';
import { fillStore } from '../../support/server/small-store.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const REMOTE = { SYNCKIT_OTA_APP: 'a1', SYNCKIT_OTA_TOKEN: 'opaque', SYNCKIT_OTA_WAIT: '0' };

/** Runs a command as people do on a terminal with colours, in a workflow, and for a script. */
async function runInAllModes(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<void> {
  const step = await startStep(await tempFolder());
  const what = JSON.stringify(args);
  for (const mode of [{ env: { FORCE_COLOR: '1' } }, { env: step.env }, { env: {}, flags: ['--json'] }]) {
    const options = { cwd, env: { ...REMOTE, ...env, ...mode.env } };
    const finished = await runInProcess([...args, ...(mode.flags ?? [])], options);
    expect(finished.code, `${what}: ${finished.stderr}`).not.toBe(1);
    expectHarmlessRun(finished, what, mode.env === step.env);
  }
  expectHarmless(await step.summary(), `${what}: the summary`);
}

describe('attack M4: an option with a hostile value is harmless:', () => {
  const COMMANDS = [
    'publish',
    'publish release',
    'publish artifact App.AppImage',
    'publish finish',
    'publish slug',
    'releases list',
    'releases show',
    'check',
    'apps create',
    'apps show',
    'tokens create',
    'tokens revoke',
    'fsck',
    'backup b',
    'storage claim',
  ];

  test.each(COMMANDS)('%s', async (command) => {
    const folder = await tempFolder();
    const words = command.split(' ');
    const server = await startHostileServer('x', []);
    await runInAllModes([...words, HOSTILE_NAME], { SYNCKIT_OTA_SERVER: server.href }, folder);
    await runInAllModes([...words, `--${HOSTILE_NAME}`], {}, folder);
    for (const option of optionsOf(words).options) {
      await runInAllModes([...words, option, HOSTILE_NAME], { SYNCKIT_OTA_SERVER: server.href }, folder);
    }
  });
});

describe('attack M4: a file with a hostile name, or hostile content, is harmless:', () => {
  test('a bundle', async () => {
    const folder = await tempFolder();
    const file = await writeBundle(folder, `${HOSTILE_NAME}.AppImage`);
    const server = await startHostileServer('x', []);
    const env = { SYNCKIT_OTA_SERVER: server.href };
    const artifact = ['--artifact', `linux-x86_64=${file}`, '--slug', 'my-app'];
    await runInAllModes(['publish', '--version', '1.3.0', '--dry-run', ...artifact], env, folder);
    await runInAllModes(
      ['publish', '--version', '1.3.0', '--dry-run', ...artifact, '--pubkey', file],
      env,
      folder,
    );
    for (const option of ['--token-file', '--notes-file', '--pubkey', '--project', '--bundles', '--config']) {
      await runInAllModes(['publish', option, file, '--dry-run'], env, folder);
      await runInAllModes(['publish', option, `${file} missing`, '--dry-run'], env, folder);
    }
  });

  test('a project’s folder', async () => {
    const folder = join(await tempFolder(), HOSTILE_NAME);
    await mkdir(folder);
    await writeFile(join(folder, CONFIG_FILE), '{"server": 1}');
    await runInAllModes(['releases', 'list'], {}, folder);
    await writeFile(join(folder, CONFIG_FILE), '{"server": "http://127.0.0.1:9"}');
    await runInAllModes(['releases', 'list'], {}, folder);
  });

  test.each(['server', 'app', 'slug', 'pubkey', 'wait', 'channel', 'config', HOSTILE])(
    'a config file with a hostile %j',
    async (name) => {
      const folder = await tempFolder();
      await writeFile(join(folder, CONFIG_FILE), JSON.stringify({ [name]: HOSTILE }));
      const server = await startHostileServer('x', []);
      const env = name === 'server' ? {} : { SYNCKIT_OTA_SERVER: server.href };
      await runInAllModes(['releases', 'list'], env, folder);
      await runInAllModes(['publish', '--dry-run', '--version', '1.3.0'], env, folder);
    },
  );

  test.each(['expect', 'artifacts'])('a config file with a hostile list of %s', async (name) => {
    const folder = await tempFolder();
    const value = name === 'expect' ? [HOSTILE] : { [HOSTILE]: HOSTILE };
    await writeFile(join(folder, CONFIG_FILE), JSON.stringify({ [name]: value }));
    await runInAllModes(['publish', '--dry-run', '--version', '1.3.0'], {}, folder);
  });

  test.each([
    ['productName', { productName: HOSTILE }],
    ['version', { version: HOSTILE }],
    [
      'an endpoint',
      { plugins: { updater: { endpoints: [`https://u.example/${HOSTILE}`, HOSTILE], pubkey: HOSTILE } } },
    ],
    ['its target', { bundle: { targets: [HOSTILE], createUpdaterArtifacts: HOSTILE } }],
  ])('a Tauri configuration with a hostile %s', async (_, changes) => {
    const project = await copyProject(changes);
    await runInAllModes(['publish', '--dry-run'], { SYNCKIT_OTA_SERVER: 'http://127.0.0.1:9' }, project);
  });

  test.each([
    'src-tauri/tauri.conf.json',
    'src-tauri/Cargo.toml',
    'package.json',
    CONFIG_FILE,
    'CHANGELOG.md',
  ])('%s that is not what it is called', async (name) => {
    const project = await copyProject();
    await writeFile(join(project, name), `# ${HOSTILE_NAME}\n## 1.2.0 ${HOSTILE_NAME}\n${HOSTILE_NAME}`);
    await runInAllModes(['publish', '--dry-run'], { SYNCKIT_OTA_SERVER: 'http://127.0.0.1:9' }, project);
  });
});

describe('attack M4: a database with a hostile text is harmless:', () => {
  test.each([
    ['apps', 'name'],
    ['apps', 'slug'],
    ['apps', 'pubkey'],
    ['tokens', 'name'],
    ['tokens', 'scopes'],
    ['releases', 'version'],
    ['releases', 'channel'],
    ['artifacts', 'sha256'],
    ['artifacts', 'target'],
    ['artifacts', 'storage_key'],
    ['settings', 'value'],
  ])('in %s.%s', async (table, column) => {
    const folder = await tempFolder();
    const dataDir = join(folder, 'data');
    await fillStore(dataDir, [1000]);
    expect(await runInProcess(['backup', join(folder, 'b'), '--data-dir', dataDir])).toMatchObject({
      code: 0,
    });
    for (const changed of [dataDir, join(folder, 'b')]) {
      const connection = await connectSqlite(join(changed, 'synckit-ota.sqlite'), {});
      connection.pragma('foreign_keys = OFF');
      connection.pragma('ignore_check_constraints = ON');
      connection.prepare(`update ${table} set ${column} = ?`).run(HOSTILE);
      connection.close();
    }
    const store = ['--data-dir', dataDir];
    for (const args of [
      ['apps', 'list', ...store],
      ['apps', 'show', 'my-app', ...store],
      ['apps', 'rename', 'my-app', 'Other', ...store],
      ['apps', 'delete', 'my-app', ...store],
      ['tokens', 'list', ...store],
      ['tokens', 'revoke', 'publish', ...store],
      ['fsck', '--hashes', ...store],
      ['backup', join(folder, 'c'), ...store],
      ['restore', join(folder, 'b'), '--data-dir', join(folder, 'restored')],
      [
        'copy',
        '--from-data-dir',
        dataDir,
        '--dry-run',
        '--to-database',
        'postgres://127.0.0.1:9/o',
        '--to-storage',
        's3://b',
      ],
      ['storage', 'claim', '--yes', ...store],
    ]) {
      await runInAllModes(args, {}, folder);
    }
  });
});
