import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { CreateArtifactResponse } from '../../src/protocol/messages.ts';
import { partSizeOf } from '../../src/protocol/upload/multipart.ts';
import { startFaultProxy } from '../support/network/fault-proxy.ts';
import { listenHttp } from '../support/network/loopback-server.ts';
import { run } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import {
  checkLinux,
  publishLinux,
  serveUntilFinished,
  startWorld,
  type World,
  writeBundle,
} from '../support/publish/world.ts';

/** Asks the server for an upload URL, as anyone who only knows api.md does. */
async function mintUploadUrl(world: World, size: number): Promise<string> {
  return (await announceUpload(world, { file_size: size })).upload_url;
}

async function announceUpload({ env, app }: World, fields: object): Promise<CreateArtifactResponse> {
  const post = async (path: string, body: object) => {
    const response = await fetch(`${env.SYNCKIT_OTA_SERVER}/api/sync/ota/apps/${app.id}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { id: string } & CreateArtifactResponse;
  };
  const { id } = await post('/releases', { version: '1.2.0', notes: '', signature: 'sig' });
  return post(`/releases/${id}/artifacts`, { target: 'linux', arch: 'x86_64', ...fields });
}

describe('serve', () => {
  test('field 13: says at SIGTERM that it stops, and answers a load balancer until that is noticed', async () => {
    const { url, stop, logs } = await serveUntilFinished(join(await tempFolder(), 'data'), ['--verbose']);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const stopped = stop('SIGTERM');
    await vi.waitFor(async () => {
      const reply = await fetch(`${url}/readyz`);
      expect(reply.status).toBe(503);
      expect(await reply.json()).toMatchObject({ reasons: [{ code: 'draining' }] });
    });
    expect((await fetch(`${url}/api/sync/ota`)).status).toBe(200);
    expect(await stopped).toBe(0);
    expect(logs().filter(({ path }) => path === '/readyz')).toEqual([]);
  });

  test('completes an upload that is in progress at SIGTERM, then exits with 0', async () => {
    const world = await startWorld();
    expect(await world.run(['publish', 'slug', 'my-app'])).toMatchObject({ code: 0 });
    const bytes = Buffer.alloc(500_000, 'x');
    const put = http.request(await mintUploadUrl(world, bytes.length), {
      method: 'PUT',
      headers: { 'content-length': bytes.length },
    });
    const answered = once(put, 'response') as Promise<[IncomingMessage]>;
    await new Promise((resolve) => put.write(bytes.subarray(0, 100_000), resolve));
    const stopped = world.server.stop('SIGTERM');
    await vi.waitFor(() => {
      expect(world.server.logs().map(({ msg }) => msg)).toContainEqual(
        expect.stringContaining('shutting down'),
      );
    }, 10_000);
    await vi.waitFor(async () => {
      const newcomer = net.connect(Number(new URL(world.server.url).port), '127.0.0.1');
      expect(await once(newcomer, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    });
    put.end(bytes.subarray(100_000));
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
    expect(await stopped).toBe(0);

    await serveUntilFinished(world.dataDir, ['--port', new URL(world.server.url).port]);
    expect(await world.runJson(checkLinux('1.1.0'))).toMatchObject({
      code: 0,
      document: { version: '1.2.0' },
    });
  });

  test('exits at SIGTERM while parts of an upload are still missing', async () => {
    const world = await startWorld();
    const part = Buffer.alloc(partSizeOf(1));
    const whole = { file_size: part.length + 1, sha256: 'a'.repeat(64), multipart: true };
    const { multipart } = await announceUpload(world, whole);
    const { status } = await fetch(multipart?.parts[0]?.url ?? '', { method: 'PUT', body: part });
    expect(status).toBe(200);
    expect(await world.server.stop('SIGTERM')).toBe(0);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('exits at once on a second %s', async (signal) => {
    const world = await startWorld();
    const put = http.request(await mintUploadUrl(world, 10), {
      method: 'PUT',
      headers: { 'content-length': 10 },
    });
    put.on('error', () => {});
    await new Promise((resolve) => put.write('12345', resolve));
    void world.server.stop(signal);
    await vi.waitFor(() => {
      expect(world.server.logs().map(({ msg }) => msg)).toContainEqual(
        expect.stringContaining('shutting down'),
      );
    }, 10_000);
    expect(await world.server.stop(signal)).toBe(signal === 'SIGTERM' ? 143 : 130);
  });

  test('refuses a folder that another process serves', async () => {
    const dataDir = join(await tempFolder(), 'data');
    const first = await serveUntilFinished(dataDir);
    const second = await run(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(second).toMatchObject({ code: 9, stderr: expect.stringContaining(`is using ${dataDir}`) });
    expect(await first.stop('SIGKILL')).toBeNull();
    const third = await serveUntilFinished(dataDir);
    expect(await third.stop()).toBe(0);
  });

  test('reports a port that is in use, with a hint', async () => {
    const { port } = await listenHttp((_, response) => response.end());
    const { code, stderr } = await run([
      'serve',
      '--port',
      port,
      '--data-dir',
      join(await tempFolder(), 'data'),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot listen on 127.0.0.1 port ${port}: the port is in use`);
    expect(stderr).toContain('--port');
  });

  test('reports all invalid options together', async () => {
    const wrong = {
      '--port': '99999',
      '--public-url': 'updates.example.com',
      '--check-max-age': 'day',
      '--stale-if-error': '-1',
      '--max-artifact-size': '2 gigabytes',
      '--check-cache-size': '0',
      '--trust-proxy': '10.0.0.0/99',
    };
    const { code, stderr } = await run(['serve', '--data-dir', '/nowhere', ...Object.entries(wrong).flat()]);
    expect(code).toBe(2);
    for (const [flag, value] of Object.entries(wrong)) expect(stderr).toContain(`${flag} ${value}`);
  });

  test('builds every URL from --public-url, with its path prefix', async () => {
    const proxy = await startFaultProxy();
    const publicUrl = new URL('/tools/updates', proxy.url);
    const world = await startWorld(['--public-url', `${publicUrl.href}/`], publicUrl);
    Object.assign(proxy, { target: world.server.url, prefix: '/tools/updates' });
    const file = await writeBundle(world.folder, 'App.AppImage');
    const published = await world.runJson(publishLinux('1.2.0', file));
    expect(published.code, published.stderr).toBe(0);
    const { url } = published.document.artifacts[0];
    expect(url).toMatch(new RegExp(`^${publicUrl.href}/api/sync/ota/my-app/download/`));
    const redirect = await fetch(url, { redirect: 'manual' });
    expect(redirect.status).toBe(302);
    expect(redirect.headers.get('location')).toContain(`${publicUrl.href}/api/sync/ota/downloads/`);
    const paths = proxy.requests.map((request) => request.url);
    expect(paths.some((path) => path.includes('/uploads/'))).toBe(true);
    for (const path of paths) expect(path).toMatch(/^\/tools\/updates\/api\/sync\/ota\b/);
  });
});
