import { execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { attack } from '../../support/attack/attack.ts';
import { measureChecks } from '../../support/attack/measured-checks.ts';
import { BINARY } from '../../support/process/binary.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { publishLinux, startWorld, writeBundle } from '../../support/publish/world.ts';

const CHECK = '/api/sync/ota/my-app/linux/x86_64/0.1.0';
const LIMIT = 200;

/** Starts `serve` with a limit on its descriptors, which it cannot raise. @returns its URL and process */
async function serveWithin(dataDir: string, descriptors: number): Promise<{ url: string; pid: number }> {
  const args = ['serve', '--port', '0', '--data-dir', dataDir, '--log-format', 'json'];
  const script = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const child = spawn('sh', ['-c', script, process.execPath, BINARY, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stdout.on('data', (text) => {
    log += text;
  });
  const url = await vi.waitFor(() => {
    const [, found = ''] = /"url":"(http:[^"]*)"/.exec(log) ?? [];
    expect(found).not.toBe('');
    return found;
  });
  return { url, pid: child.pid ?? -1 };
}

/** Lets a process open nothing more. */
function takeDescriptors(pid: number): void {
  const open = new Set(readdirSync(`/proc/${pid}/fd`));
  let first = 0;
  while (open.has(String(first))) first++;
  limit(pid, first);
}

/** The soft limit; the hard one stays. */
function limit(pid: number, files: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
}

async function startWithUpdate() {
  const world = await startWorld();
  const file = await writeBundle(world.folder, 'app.AppImage');
  expect((await world.run(publishLinux('1.0.0', file))).code).toBe(0);
  return world;
}

describe.skipIf(process.platform !== 'linux' || !isInstalled('prlimit'))('with few descriptors', () => {
  test('attack D02: more connections than the system allows keep no check out', {
    timeout: 60_000,
  }, async () => {
    const { server, dataDir } = await startWithUpdate();
    await server.stop();
    const { url, pid } = await serveWithin(dataDir, LIMIT);
    await attack('sending', { port: Number(new URL(url).port), paths: ['/x'], connections: 400 });
    const measured = await measureChecks(url + CHECK, 3000);
    expect(measured.failed).toBe(0);
    expect(readdirSync(`/proc/${pid}/fd`).length).toBeLessThan(LIMIT - 20);
  });

  test('crash C9: uploads and downloads get 503 while there are none, and work again afterwards', {
    timeout: 60_000,
  }, async () => {
    const { server, app } = await startWithUpdate();
    const call = async (path: string, body: object) => {
      const response = await fetch(`${server.url}/api/sync/ota/apps/${app.id}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, string>;
    };
    const { id } = await call('/releases', { version: '2.0.0', signature: 's' });
    const artifact = { target: 'linux', arch: 'x86_64', file_size: 5 };
    const { upload_url: uploadUrl = '' } = await call(`/releases/${id}/artifacts`, artifact);
    const offer = (await (await fetch(server.url + CHECK)).json()) as { url: string };
    const redirect = await fetch(offer.url, { redirect: 'manual' });
    const fileUrl = redirect.headers.get('location') ?? '';
    takeDescriptors(server.pid); // this process keeps a connection
    const put = () => fetch(uploadUrl, { method: 'PUT', body: 'bytes' });
    const head = () => fetch(fileUrl, { method: 'HEAD' });
    for (const send of [put, () => fetch(fileUrl), head]) {
      const reply = await send();
      await reply.text(); // which frees the connection
      expect(reply.status).toBe(503);
      expect(reply.headers.get('retry-after')).toBe('5');
      expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
    expect((await fetch(server.url + CHECK)).status).toBe(200);
    limit(server.pid, 1000);
    expect((await put()).status).toBe(200);
    expect((await fetch(fileUrl)).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });
});
