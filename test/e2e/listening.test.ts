import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { BINARY, type Running, run, start, startServe } from '../support/process/binary.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';

const PUBLIC_URL = ['--public-url', 'https://updates.example.com'];
const CAPABILITIES = '/api/sync/ota';

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

async function ask(socketPath: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const [response] = await once(http.get({ socketPath, path, headers, agent: false }), 'response');
  return { status: response.statusCode, body: await text(response) };
}

async function serveOnSocket(folder: string, args: readonly string[] = []): Promise<Running> {
  const socket = join(folder, 'ota.sock');
  const server = start([
    'serve',
    '--data-dir',
    join(folder, 'data'),
    '--listen',
    `unix:${socket}`,
    ...PUBLIC_URL,
    ...args,
  ]);
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await server.finished;
  });
  await vi.waitFor(() => expect(server.output.stdout).toContain('"listening"'));
  return server;
}

test.each([
  ['one process', []],
  ['workers', ['--workers', '2']],
])('field 13: --listen unix: with %s', async (_name, args) => {
  const folder = await tempFolder();
  const socket = join(folder, 'ota.sock');
  const killed = await serveOnSocket(folder, args);
  expect((await stat(socket)).mode & 0o777).toBe(0o666);
  expect(await ask(socket, CAPABILITIES)).toMatchObject({ status: 200 });
  const second = await run([
    'serve',
    '--data-dir',
    join(folder, 'other'),
    '--listen',
    `unix:${socket}`,
    ...PUBLIC_URL,
  ]);
  expect(second).toMatchObject({ code: 2 });

  killed.kill('SIGKILL');
  await killed.finished;
  await vi.waitFor(() => expect(ask(socket, CAPABILITIES)).rejects.toThrow());
  const next = await serveOnSocket(folder, args);
  expect(await ask(socket, CAPABILITIES)).toMatchObject({ status: 200 });
  next.kill('SIGTERM');
  expect(await next.finished).toMatchObject({ code: 0 });
});

test('field 13: over a Unix socket, clients are told apart by X-Forwarded-For, without ports and per IPv6 network', async () => {
  const folder = await tempFolder();
  await serveOnSocket(folder);
  const statuses = async (addressOf: (i: number) => string) => {
    const all: (number | undefined)[] = [];
    for (let i = 0; i < 11; i++) {
      const headers = { authorization: 'Bearer wrong', 'x-forwarded-for': addressOf(i) };
      all.push((await ask(join(folder, 'ota.sock'), '/api/sync/ota/apps/x/releases', headers)).status);
    }
    return all.at(-1);
  };
  expect(await statuses((i) => `203.0.113.${i}`)).toBe(401);
  expect(await statuses((i) => `198.51.100.7:${40_000 + i}`)).toBe(429);
  expect(await statuses((i) => `2001:db8:5:5::${i}`)).toBe(429);
});

test.skipIf(!isInstalled('nginx'))('field 13: nginx reaches a Unix socket', async () => {
  const folder = await tempFolder();
  await serveOnSocket(folder);
  const port = (await freePorts(1))[0];
  const conf = `user root; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; events {}
    http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
      uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://unix:${folder}/ota.sock; } } }`;
  await writeFile(join(folder, 'nginx.conf'), conf);
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  onTestFinished(() => void nginx.kill());
  await vi.waitFor(async () =>
    expect((await fetch(`http://127.0.0.1:${port}${CAPABILITIES}`)).status).toBe(200),
  );
});

test.skipIf(!isInstalled('systemd-socket-activate'))(
  'field 13: --listen systemd serves on the socket that is passed',
  async () => {
    const folder = await tempFolder();
    const port = (await freePorts(1))[0];
    const args = ['serve', '--data-dir', join(folder, 'data'), '--listen', 'systemd', ...PUBLIC_URL];
    const unit = spawn(
      'systemd-socket-activate',
      ['-l', `127.0.0.1:${port}`, process.execPath, BINARY, ...args],
      {
        stdio: 'ignore',
      },
    );
    onTestFinished(() => void unit.kill());
    await vi.waitFor(async () =>
      expect((await fetch(`http://127.0.0.1:${port}${CAPABILITIES}`)).status).toBe(200),
    );
    const ended = once(unit, 'exit');
    unit.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  },
);

test.each([
  [['--listen', 'systemd', ...PUBLIC_URL]],
  [['--listen', 'unix:/tmp/ota.sock']],
  [['--listen', '/tmp/ota.sock', ...PUBLIC_URL]],
  [['--listen', 'unix:', ...PUBLIC_URL]],
  [['--listen', 'unix:/no/such/folder/ota.sock', ...PUBLIC_URL]],
  [['--listen', 'unix:/tmp/ota.sock', '--port', '1', ...PUBLIC_URL]],
])('field 13: serve %j is refused', async (args) => {
  const dataDir = join(await tempFolder(), 'data');
  expect(await run(['serve', '--data-dir', dataDir, ...args])).toMatchObject({ code: 2 });
});

test.each<[string, (folder: string) => Promise<string>, RegExp]>([
  [
    'on a file',
    async (folder) => {
      await writeFile(join(folder, 'file'), '');
      return join(folder, 'file');
    },
    /something that is no socket is there/,
  ],
  ['in a missing folder', async (folder) => join(folder, 'missing', 'ota.sock'), /its folder does not exist/],
  ['with a long path', async (folder) => join(folder, 'a'.repeat(107)), /its path has \d+ bytes/],
])('field 13: --listen unix: %s says so', async (_, choose, reason) => {
  const folder = await tempFolder();
  const path = await choose(folder);
  const listen = ['--listen', `unix:${path}`, ...PUBLIC_URL];
  const { code, stderr } = await run(['serve', '--data-dir', join(folder, 'data'), ...listen]);
  expect(code).toBe(2);
  expect(stderr).toMatch(reason);
});

test('field 13: SIGHUP lets a request finish and ends with 0', async () => {
  const dataDir = join(await tempFolder(), 'data');
  const server = await startServe(dataDir);
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.write('GET /api/sync/ota HTTP/1.1\r\nHost: here\r\n');
  await once(socket, 'connect');
  const stopped = server.stop('SIGHUP');
  await vi.waitFor(() => expect(JSON.stringify(server.logs())).toContain('shutting down'));
  socket.write('\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /);
  expect(await stopped).toBe(0);
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'field 13: serve ends with the npx that started it, killed by %s',
  async (signal) => {
    const folder = await tempFolder();
    const bin = join(folder, 'node_modules', '.bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'synckit-ota'), `#!/bin/sh\nexec ${process.execPath} ${BINARY} "$@"\n`, {
      mode: 0o755,
    });
    await writeFile(join(folder, 'package.json'), '{}');
    const npx = spawn('npx', ['--no', 'synckit-ota', 'serve', '--port', '0'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    npx.stdout.on('data', (chunk) => {
      log += chunk;
    });
    await vi.waitFor(() => expect(log).toContain('"listening"'));
    const { url } = JSON.parse(log.split('\n').find((line) => line.includes('"listening"')) ?? '{}');
    npx.kill(signal);
    await vi.waitFor(() => expect(fetch(url + CAPABILITIES)).rejects.toThrow());
    await vi.waitFor(() => expect(log).toContain('"stopped"'));
  },
);
