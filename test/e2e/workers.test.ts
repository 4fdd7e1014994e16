import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { run, type Serving, startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { isRunning, workersOf } from '../support/process/workers.ts';

async function serveWithWorkers(): Promise<{ readonly server: Serving; readonly dataDir: string }> {
  const dataDir = join(await tempFolder(), 'data');
  const server = await startServe(dataDir, ['--workers', '2']);
  onTestFinished(async () => {
    await server.stop();
  });
  return { server, dataDir };
}

/** Each on a connection of its own, so that every worker gets some. */
async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers: { ...headers, connection: 'close' } });
  await response.arrayBuffer();
  return response.status;
}

test('field 14: every worker sees a new app at once, and a worker that is killed is replaced', async () => {
  const { server, dataDir } = await serveWithWorkers();
  const before = await workersOf(server);
  expect(before).toHaveLength(2);
  const check = `${server.url}/api/sync/ota/my-app/linux/x86_64/1.0.0`;
  for (let i = 0; i < 8; i++) expect(await statusOf(check)).toBe(404);
  await run(['apps', 'create', 'My App', '--slug', 'my-app', '--data-dir', dataDir]);
  for (let i = 0; i < 8; i++) expect(await statusOf(check)).toBe(204);

  process.kill(before[0] ?? 0, 'SIGKILL');
  await vi.waitFor(async () => {
    const now = await workersOf(server);
    expect(now).toHaveLength(2);
    expect(now).not.toContain(before[0]);
  });
  for (let i = 0; i < 8; i++) expect(await statusOf(check)).toBe(204);
  expect(server.logs().some(({ signal }) => signal === 'SIGKILL')).toBe(true);
});

test('field 14: the limit on invalid tokens counts over all workers', async () => {
  const { server } = await serveWithWorkers();
  const url = `${server.url}/api/sync/ota/apps/unknown/releases`;
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push(await statusOf(url, { authorization: 'Bearer wrong' }));
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
});

test('field 14: SIGTERM stops all workers, and so does the end of the process that started them', async () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const dataDir = join(await tempFolder(), 'data');
    const server = await startServe(dataDir, ['--workers', '2']);
    const workers = await workersOf(server);
    const code = await server.stop(signal);
    if (signal === 'SIGTERM') expect(code).toBe(0);
    await vi.waitFor(() => expect(workers.filter(isRunning)).toEqual([]));
  }
});

test('crash C1: what has connected when SIGTERM comes is answered, by workers too', async () => {
  for (const args of [[], ['--workers', '2']]) {
    const server = await startServe(join(await tempFolder(), 'data'), args);
    const port = Number(new URL(server.url).port);
    const sockets = Array.from({ length: 300 }, () => net.connect(port, '127.0.0.1'));
    const replies = sockets.map((socket) => text(socket).catch((error: Error) => error.message));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const stopped = server.stop();
    for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await Promise.all(replies)).filter((reply) => !reply.startsWith('HTTP/1.1 200'))).toEqual([]);
    expect(await stopped).toBe(0);
  }
});

test('crash C1: a worker that gets SIGTERM leaves once another serves, and no request is dropped', async () => {
  const { server } = await serveWithWorkers();
  const [first = 0, second = 0] = await workersOf(server);
  let isDone = false;
  const clients = [1, 2, 3].map(async () => {
    while (!isDone) expect(await statusOf(`${server.url}/livez`)).toBe(200);
  });
  for (const worker of [first, second]) process.kill(worker, 'SIGTERM');
  await vi.waitFor(() => expect([first, second].filter(isRunning)).toEqual([]), 20_000);
  isDone = true;
  await Promise.all(clients);
  expect(await workersOf(server)).toHaveLength(2);
});

test('field 13: SIGHUP to every process, as from a closed terminal, lets the upload to a worker finish', async () => {
  const { server, dataDir } = await serveWithWorkers();
  const created = await run([
    'apps',
    'create',
    'My App',
    '--slug',
    'my-app',
    '--json',
    '--data-dir',
    dataDir,
  ]);
  const app = JSON.parse(created.stdout);
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
    const url = `${server.url}/api/sync/ota/apps/${app.id}/releases${path}`;
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  };
  const release = (await post('', { version: '1.2.0', draft: true })) as { id: string };
  const file = { target: 'linux', arch: 'x86_64', file_size: 4, signature: 'signed' };
  const { upload_url } = (await post(`/${release.id}/artifacts`, file)) as { upload_url: string };

  const upload = http.request(upload_url, {
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': 4 },
  });
  const [response] = await Promise.all([once(upload, 'response'), sendOnceAsked(upload, server)]);
  expect(response[0].statusCode).toBe(200);
  expect(await server.stop()).toBe(0);
});

/** Sends SIGHUP to every process once a worker has the request, and its body once they are stopping. */
async function sendOnceAsked(upload: http.ClientRequest, server: Serving): Promise<void> {
  upload.flushHeaders();
  await once(upload, 'continue');
  for (const pid of [...(await workersOf(server)), server.pid]) process.kill(pid, 'SIGHUP');
  await vi.waitFor(() => expect(JSON.stringify(server.logs())).toContain('shutting down'));
  upload.end('file');
}

test('field 14: workers that cannot listen end the start with one error', async () => {
  const { server } = await serveWithWorkers();
  const { port } = new URL(server.url);
  const dataDir = join(await tempFolder(), 'other');
  const { code, stderr } = await run(['serve', '--data-dir', dataDir, '--port', port, '--workers', '2']);
  expect({ code, errors: stderr.match(/^error: /gm)?.length }).toEqual({ code: 2, errors: 1 });
  expect(stderr).not.toContain('bug');
});
