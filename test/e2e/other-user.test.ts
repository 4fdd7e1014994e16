import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BINARY, run } from '../support/process/binary.ts';
import { fillStore } from '../support/server/small-store.ts';

/** `nobody` on Debian, and a user without any file elsewhere. */
const OTHER_USER = 65_534;

function runAsOther(args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  const user = { uid: OTHER_USER, gid: OTHER_USER, cwd, encoding: 'utf8' as const, timeout: 20_000 };
  return spawnSync(process.execPath, [BINARY, ...args], { ...user, env: { PATH: '/usr/bin:/bin' } });
}

/** Only root may become another user, who must be able to read this repository. */
const canBeOther = process.getuid?.() === 0 && runAsOther(['--version'], '/').status === 0;

describe.skipIf(!canBeOther)('field 11: a store of another user', () => {
  let folder = '';
  let [dataDir, backup] = ['', ''];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
    await chmod(folder, 0o755);
    [dataDir, backup] = [join(folder, 'data'), join(folder, 'backup')];
    await fillStore(dataDir, [1000]);
    expect(await run(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
    for (const own of [dataDir, backup]) await chmod(own, 0o700);
    await mkdir(join(folder, 'free'));
    await chmod(join(folder, 'free'), 0o777);
  });

  test('says which file is left that keeps its own user from serving it', async () => {
    const own = join(folder, 'free', 'own');
    const file = join(own, 'synckit-ota.sqlite');
    await fillStore(own, [1000]);
    for (const name of ['.', ...(await readdir(own, { recursive: true }))]) {
      await chown(join(own, name), OTHER_USER, OTHER_USER);
    }
    const serve = ['serve', '--port', '0', '--data-dir', own];
    await chmod(file, 0o400);
    expect(runAsOther(serve, folder)).toMatchObject({ status: 9 }); // SQLite leaves a -shm with this mode
    await chmod(file, 0o600);
    const refused = runAsOther(serve, folder);
    expect(refused.stderr).toContain(`${file}-shm cannot be written`);
    expect(refused.status).toBe(9);
    await chmod(`${file}-shm`, 0o600);
    await chmod(`${file}-wal`, 0o600);
    expect(runAsOther(['apps', 'list', '--data-dir', own], folder)).toMatchObject({ status: 0 });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['serve --port 0 --data-dir data', 'data'],
    ['apps list --data-dir data', 'data'],
    ['apps show my-app --data-dir data', 'data'],
    ['apps create other --data-dir data', 'data'],
    ['tokens list --data-dir data', 'data'],
    ['storage claim --yes --data-dir data', 'data'],
    ['fsck --data-dir data', 'data'],
    ['backup free/b --data-dir data', 'data'],
    ['restore backup --data-dir free/r', 'backup'],
  ])('%s says that it needs another user, and exits with 9', (command, unreadable) => {
    const { status, stderr } = runAsOther(command.split(' '), folder);
    expect(stderr).toMatch(new RegExp(`error: .*${unreadable}.*(EACCES|cannot)`));
    expect(stderr).toMatch(/user/);
    expect(stderr).not.toMatch(/^\s+at |This is a bug/m);
    expect(status, stderr).toBe(9);
  });
});
