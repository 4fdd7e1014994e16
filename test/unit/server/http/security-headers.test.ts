import { describe, expect, test } from 'vitest';
import { API_ROOT, routes } from '../../../../src/protocol/routes.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

async function published() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  return { server, app, releaseId, file: await app.downloadPath(releaseId) };
}

function requireSecurityHeaders(headers: Record<string, unknown>): void {
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
  });
}

describe('attack L4: nothing that a browser opens can do harm', () => {
  test.each(Object.entries(routes))('%s, without a token', async (_name, { method, path }) => {
    const { server, app } = await published();
    const url = path
      .replace('{app_id}', app.id)
      .replace('{slug}', '<script>')
      .replace(/\{\w+\}/g, 'x');
    for (const asked of [method, 'OPTIONS', 'PUT', 'HEAD'] as const) {
      const reply = await server.app.inject({ method: asked, url });
      requireSecurityHeaders(reply.headers);
    }
  });

  test('answers of every status', async () => {
    const { server, app, releaseId, file } = await published();
    const check = `${API_ROOT}/my-app/linux/x86_64`;
    const etag = String((await app.get(`${check}/0.1.0`)).headers.etag);
    const asked: [number, string, Record<string, string>?][] = [
      [200, `${check}/0.1.0`],
      [200, '/livez'],
      [200, file],
      [204, `${check}/1.0.0`],
      [206, file, { range: 'bytes=0-1' }],
      [302, `${API_ROOT}/my-app/download/${releaseId}/linux/x86_64`],
      [304, `${check}/0.1.0`, { 'if-none-match': etag }],
      [304, file, { 'if-none-match': '*' }],
      [400, `${check}/nonsense`],
      [400, '/%zz'],
      [403, `${file}x`],
      [404, '/nope'],
      [416, file, { range: 'bytes=100000-' }],
    ];
    for (const [status, url, headers = {}] of asked) {
      const reply = await server.app.inject({ url, headers });
      expect(reply.statusCode, url).toBe(status);
      requireSecurityHeaders(reply.headers);
    }
  });

  test('checks that are answered before the framework', async () => {
    const server = await startServer();
    const { url } = await server.listen();
    await (await Publisher.on(server)).publish('1.0.0');
    for (const version of ['0.1.0', '1.0.0']) {
      for (let i = 0; i < 3; i++) {
        const reply = await fetch(`${url}${API_ROOT}/my-app/linux/x86_64/${version}`);
        requireSecurityHeaders(Object.fromEntries(reply.headers));
      }
    }
  });
});
