import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateToken } from '../../src/protocol/token.ts';
import { startStep } from '../support/docs/github-runner.ts';
import { listenHttp } from '../support/network/loopback-server.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { checkLinux, publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';

test('the token is never printed, logged or stored', async () => {
  const world = await startWorld(['--verbose']);
  const { token, id } = world.app;
  const file = await writeBundle(world.folder, 'App.AppImage');
  const collector: string[] = [];
  const evil = await listenHttp((request, response) => {
    collector.push(JSON.stringify(request.headers));
    response.end();
  });
  const redirecting = await listenHttp((_, response) =>
    response.writeHead(307, { location: evil.href }).end(),
  );

  const printed: string[] = [];
  const run = async (args: string[], exit: number) => {
    const { code, stdout, stderr } = await world.run(args);
    printed.push(stdout, stderr);
    expect(code, stderr).toBe(exit);
  };
  await run(publishLinux('1.2.0', file, '--verbose'), 0);
  await run(publishLinux('1.2.0', file, '--json', '--verbose', '--token', token), 0);
  await run(['releases', 'list', '--verbose', '--token', `${token}x`], 2);
  await run(['releases', 'list', '--verbose', '--app', 'unknown'], 2);
  await run(['releases', 'list', '--verbose', '--server', redirecting.href], 8);
  await run(['publish', '--token', token, '--bogus'], 2);
  await run(checkLinux('1.1.0', '--download', '--verbose'), 0);
  await run(['releases', 'delete', '1.2.0', '--verbose'], 0);
  await fetch(`${world.server.url}/api/sync/ota/apps/${id}/releases`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await world.server.stop();

  const stored = await Promise.all(
    (await readdir(world.dataDir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(async (entry) => ({
        name: entry.name,
        bytes: await readFile(join(entry.parentPath, entry.name)),
      })),
  );
  expect(stored.map(({ name }) => name)).toContain('synckit-ota.sqlite');
  expect(printed.join('')).toContain('1.2.0');
  const logs = JSON.stringify(world.server.logs());
  expect(logs).toContain('stopped');

  expect(logs).toContain('/uploads/');
  expect(logs + printed.join(''), 'a signed URL with its query').not.toContain('signature=');
  const secret = token.slice(4); // not the prefix, which may be named
  expect(collector.join('')).not.toContain(secret);
  expect(printed.join('')).not.toContain(secret);
  expect(logs).not.toContain(secret);
  for (const { name, bytes } of stored) expect(bytes.includes(secret), name).toBe(false);
});

test('field 11: what a server echoes is printed without secrets and without control characters', async () => {
  const world = await startWorld();
  const token = generateToken();
  const escapes = '\u001b]0;title\u0007\u202e\u009b2J';
  const echo = await listenHttp(({ headers }, response) => {
    const presigned = 'https://b.example/k?X-Amz-Signature=deadbeef';
    const detail = `${headers.authorization} ${headers['x-access']} ${presigned} ${escapes}`;
    response.writeHead(409, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ status: 409, code: 'immutable', detail }));
  });
  const step = await startStep(await tempFolder());
  const printed: string[] = [];
  for (const format of [[], ['--json'], ['--verbose']]) {
    for (const env of [{}, step.env, { FORCE_COLOR: '1' }]) {
      const headers = ['--header', 'X-Access: open-sesame'];
      const args = ['releases', 'list', '--server', echo.href, '--token', token, ...headers, ...format];
      const { code, stdout, stderr } = await world.run(args, { env });
      expect(code, stderr).toBe(5);
      printed.push(stdout, stderr.replaceAll(/^::add-mask::.*$/gm, ''));
    }
  }
  printed.push(await step.summary());
  const text = printed.join('').replaceAll(/\p{Cc}\[\d\dm/gu, ''); // its own colours
  expect(text).toContain('Bearer');
  for (const secret of [token.slice(4), 'open-sesame', 'deadbeef']) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e]/u);
});

test('only its owner can read the store', async () => {
  const { dataDir } = await startWorld();
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  expect(entries.length).toBeGreaterThan(2);
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    expect(mode & 0o077, entry.name).toBe(0);
  }
});
