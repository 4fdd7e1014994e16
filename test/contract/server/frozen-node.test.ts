import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { nginxIsInstalled, startNginx } from '../../support/network/example-proxy.ts';
import { listenHttp, listenRaw } from '../../support/network/loopback-server.ts';

const bodyOf = async (request: IncomingMessage) => {
  let body = '';
  for await (const bytes of request.setEncoding('utf8')) body += bytes;
  return body;
};

describe.skipIf(!nginxIsInstalled)('nginx in front of several nodes (needs nginx)', () => {
  const portOf = ({ port }: URL) => Number(port);

  async function nodes() {
    const answer = () =>
      listenHttp(async (request, response) => {
        const body = await bodyOf(request);
        response.end(JSON.stringify({ method: request.method, url: request.url, body }));
      });
    const frozen = await listenRaw((socket) => socket.resume());
    return startNginx([portOf(frozen), portOf(await answer()), portOf(await answer())]);
  }

  test.each([
    '/api/sync/ota/apps/x',
    '/api/sync/ota/apps/x/releases?limit=5',
    '/api/sync/ota/my-app/linux/x86_64/1.0.0',
  ])('field 15: a read that reaches a frozen node is passed on: %s', async (path) => {
    const { url } = await nodes();
    for (let i = 0; i < 4; i++) {
      const reply = await fetch(new URL(path, url));
      expect(await reply.json()).toEqual({ method: 'GET', url: path, body: '' });
    }
  });

  test('field 15: writes keep their method, path and body', async () => {
    const { url } = await nodes();
    const path = '/api/sync/ota/apps/x/releases?a=b';
    await fetch(new URL('/api/sync/ota/apps/x', url)); // finds the frozen node
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) {
      await fetch(new URL('/api/sync/ota/apps/x', url));
      const reply = await fetch(new URL(path, url), { method, body: '{"version":"1.0.0"}' });
      expect(await reply.json()).toEqual({ method, url: path, body: '{"version":"1.0.0"}' });
    }
  });
});
