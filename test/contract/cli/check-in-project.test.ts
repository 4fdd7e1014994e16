import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostPlatform } from '../../../src/cli/project/host-platform.ts';
import { listenHttp } from '../../support/network/loopback-server.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { copyProject } from '../../support/tauri/tauri-project.ts';

const { target, arch } = hostPlatform();

/** A server that has no updates. @returns what it is asked */
async function startServer() {
  const asked: string[] = [];
  const { href } = await listenHttp((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(204).end();
  });
  return { href, asked };
}

test('check reads the server and slug from the config file, and the rest from the Tauri project', async () => {
  const { href, asked } = await startServer();
  const project = await copyProject({ version: '1.4.0' });
  const settings = `{ // of the team\n "server": "${href}", "slug": "my-app", "channel": "beta" }`;
  await writeFile(join(project, 'synckit-ota.config.json'), settings);
  const { code, stdout, stderr } = await runInProcess(['check', '--project', project]);
  expect(code, stderr).toBe(0);
  expect(asked[0]).toBe(`/api/sync/ota/my-app/${target}/${arch}/1.4.0?channel=beta`);
  expect(stdout).toContain('No update: ');
  expect(stderr).toContain(`Server: ${href} (named by `);
});

test('check prefers its options', async () => {
  const { href, asked } = await startServer();
  const project = await copyProject({ version: '1.4.0' });
  await writeFile(
    join(project, 'synckit-ota.config.json'),
    '{ "server": "http://127.0.0.1:9", "slug": "x-app" }',
  );
  const where = ['--server', href, '--slug', 'my-app', '--target', 'windows', '--arch', 'aarch64'];
  const args = ['check', '--project', project, ...where, '--current-version', '1.0.0'];
  expect((await runInProcess(args)).code).toBe(0);
  expect(asked[0]).toBe('/api/sync/ota/my-app/windows/aarch64/1.0.0');
});

test('check assumes nothing outside of a project', async () => {
  const { href } = await startServer();
  const { code, stderr } = await runInProcess(['check', '--server', href, '--project', await tempFolder()]);
  expect(code).toBe(2);
  for (const missing of ['--target', '--arch', '--slug', '--current-version'])
    expect(stderr).toContain(missing);
});
