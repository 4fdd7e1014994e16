import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer } from '../../support/server/server.ts';

test('a kept token is used for its own server alone, never in CI, and not once it is forgotten', async () => {
  const server = await openTestServer(join(await tempFolder(), 'server'));
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const { id, token } = await server.createApp();
  const home = await tempFolder();
  const file = join(home, 'token');
  await writeFile(file, token);
  const env = { XDG_CONFIG_HOME: home, CI: '', SYNCKIT_OTA_APP: id };
  const runWith = (args: readonly string[], more: Record<string, string> = {}) =>
    runInProcess(args, { env: { ...env, ...more }, cwd: home });
  const list = (more?: Record<string, string>) => runWith(['releases', 'list', '--server', url], more);

  const first = await list();
  expect([first.code, first.stderr]).toEqual([2, expect.stringContaining('synckit-ota login')]);
  expect((await list({ CI: 'true' })).stderr).not.toContain('synckit-ota login');
  const login = await runWith(['login', '--server', url, '--token-file', file]);
  expect(login.code).toBe(0);
  expect(login.stdout + login.stderr).not.toContain(token);
  const kept = join(home, 'synckit-ota/tokens.json');
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  expect((await list()).code).toBe(0);
  expect((await list({ CI: 'true' })).code).toBe(2);
  expect((await list({ SYNCKIT_OTA_TOKEN: 'another' })).code).toBe(3);
  const elsewhere = await runWith(['releases', 'list', '--server', `${url}/other`]);
  expect(elsewhere.stderr).toContain('no token given');
  expect((await runWith(['logout', '--server', url])).code).toBe(0);
  expect((await list()).code).toBe(2);
  expect((await runWith(['logout', '--server', url])).code).toBe(2);
  expect((await runWith(['login', '--server', url, '--token-file', file], { CI: '1' })).code).toBe(2);
});
