import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONFIG_FILE } from '../../../src/cli/config/find-config-file.ts';
import { startHostileServer } from '../../support/network/hostile-server.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { publishLinux, writeBundle } from '../../support/publish/world.ts';
import { fillStore } from '../../support/server/small-store.ts';

const TOKEN = { SYNCKIT_OTA_TOKEN: 'opaque' };

/** A server of someone else, which keeps what it was sent. */
async function startEvil() {
  const requests: string[] = [];
  const url = await listenHttp((request, response) => {
    requests.push(JSON.stringify(request.headers));
    response.writeHead(404).end();
  });
  return { url, requests };
}

const COMMANDS = [
  ['releases', 'list'],
  ['releases', 'show', '1.2.0'],
  ['releases', 'yank', '1.2.0'],
  ['publish', 'slug', 'my-app'],
  ['publish', 'release', '--version', '1.2.0'],
  ['publish', 'finish', '--release', '1.2.0'],
];

describe('attack H01: a config file that is not the project’s own gets no token', () => {
  test.each(COMMANDS)('%s %s', async (...args) => {
    const { url, requests } = await startEvil();
    const outside = await tempFolder();
    const project = join(outside, 'repository', 'app');
    await mkdir(join(outside, 'repository', '.git'), { recursive: true });
    await mkdir(project);
    await writeFile(join(outside, CONFIG_FILE), JSON.stringify({ server: url.href, app: 'a1' }));
    const { code, stderr } = await runInProcess(args, { env: TOKEN, cwd: project });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(`${join(outside, CONFIG_FILE)} is not read`);
    expect(requests).toEqual([]);
  });

  test.skipIf(process.geteuid?.() !== 0)('of another user, although there is no repository', async () => {
    const { url, requests } = await startEvil();
    const outside = await tempFolder();
    const project = join(outside, 'user', 'project');
    await mkdir(project, { recursive: true });
    const file = join(outside, CONFIG_FILE);
    await writeFile(file, JSON.stringify({ server: url.href, app: 'a1' }));
    await chown(file, 65_534, 65_534);
    for (const args of COMMANDS) {
      const { code, stderr } = await runInProcess(args, { env: TOKEN, cwd: project });
      expect(code, stderr).toBe(2);
      expect(stderr).toContain(`${file} is not read, because it belongs to the user 65534`);
    }
    expect(requests).toEqual([]);
  });

  test('and one that is left out is a warning where nothing else is missing', async () => {
    const server = await startHostileServer('x', []);
    const outside = await tempFolder();
    const project = join(outside, 'repository');
    await mkdir(join(project, '.git'), { recursive: true });
    await writeFile(join(outside, CONFIG_FILE), '{"channel":"beta"}');
    const env = { ...TOKEN, SYNCKIT_OTA_SERVER: server.href, SYNCKIT_OTA_APP: 'a1' };
    const { code, stderr } = await runInProcess(['releases', 'list'], { env, cwd: project });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`warning: ${join(outside, CONFIG_FILE)} is not read`);
  });
});

describe('attack H02: a server that a file names is printed, with the file', () => {
  async function projectWith(server: URL): Promise<string> {
    const folder = await tempFolder();
    await writeFile(join(folder, CONFIG_FILE), JSON.stringify({ server: server.href, app: 'a1' }));
    return folder;
  }

  test.each(COMMANDS)('by %s %s', async (...args) => {
    const server = await startHostileServer('x', []);
    const { stderr } = await runInProcess(args, { env: TOKEN, cwd: await projectWith(server) });
    expect(stderr).toContain(`Server: ${server.href} (named by ${CONFIG_FILE})\n`);
  });

  test('by publish', async () => {
    const server = await startHostileServer('x', []);
    const folder = await projectWith(server);
    const args = publishLinux('1.3.0', await writeBundle(folder, 'App.AppImage'), '--dry-run');
    const { stderr } = await runInProcess(args, { env: TOKEN, cwd: folder });
    expect(stderr).toContain(`Server: ${server.href} (named by ${CONFIG_FILE})\n`);
  });

  test('and not where an option or the environment names it', async () => {
    const server = await startHostileServer('x', []);
    const cwd = await projectWith(server);
    const byOption = await runInProcess(['releases', 'list', '--server', server.href], { env: TOKEN, cwd });
    const env = { ...TOKEN, SYNCKIT_OTA_SERVER: server.href };
    const byVariable = await runInProcess(['releases', 'list'], { env, cwd });
    expect(byOption.stderr + byVariable.stderr).not.toContain('named by');
  });
});

describe('attack L5: what every user of the machine can read or change is a warning', () => {
  test('of the commands that administer a store', async () => {
    const dataDir = join(await tempFolder(), 'data');
    await fillStore(dataDir, [1000]);
    const list = () => runInProcess(['apps', 'list', '--data-dir', dataDir]);
    expect((await list()).stderr).not.toContain('warning');
    await chmod(dataDir, 0o777);
    await chmod(join(dataDir, 'synckit-ota.sqlite'), 0o666);
    const { code, stderr } = await list();
    expect(code).toBe(0);
    expect(stderr).toContain(
      `warning: every user of this machine can replace the files in ${dataDir} (mode 0777)`,
    );
    expect(stderr).toContain(`can change ${join(dataDir, 'synckit-ota.sqlite')} (mode 0666)`);
  });

  test('of a command with a token file', async () => {
    const server = await startHostileServer('x', []);
    const folder = await tempFolder();
    const file = join(folder, 'token');
    await writeFile(file, 'opaque\n', { mode: 0o600 });
    const list = () =>
      runInProcess(['releases', 'list', '--token-file', file, '--server', server.href, '--app', 'a1'], {
        cwd: folder,
      });
    expect((await list()).stderr).toBe('');
    await chmod(file, 0o644);
    const { code, stderr } = await list();
    expect(code, stderr).toBe(0);
    expect(stderr).toBe(`warning: every user of this machine can read ${file} (mode 0644): chmod 600 it\n`);
  });
});
