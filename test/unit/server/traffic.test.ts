import http from 'node:http';
import { expect, test, vi } from 'vitest';
import { type Traffic, watchTraffic } from '../../../src/server/traffic.ts';
import { bytesOf, Publisher, startServer } from '../../support/publish/publisher.ts';

async function watched() {
  const server = await startServer();
  const seen: Traffic[] = [];
  watchTraffic(server.app, (traffic) => seen.push(traffic));
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${url}/api/sync/ota${path}`, { method });
    return { response, body: await response.text() };
  };
  return { seen, url, app, get };
}

const LINUX = { target: 'linux', arch: 'x86_64' };

/** What was reported, once so much was: an answer may be read before its end is noticed here. */
async function reported(seen: Traffic[], count: number): Promise<Traffic[]> {
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(count));
  return seen.splice(0);
}

test('checks are reported with the request and the offer', async () => {
  const { seen, app, get } = await watched();
  await app.publish('1.2.0');
  const check = async (path: string) => {
    await get(`/my-app/${path}`);
    const [traffic, ...more] = await reported(seen, 1);
    expect(more).toEqual([]);
    return traffic;
  };
  expect(await check('linux/x86_64/1.1.0')).toEqual({
    type: 'check',
    platform: LINUX,
    currentVersion: '1.1.0',
    offered: '1.2.0',
  });
  expect(await check('linux/x86_64/1.2.0%2B7')).toEqual({
    type: 'check',
    platform: LINUX,
    currentVersion: '1.2.0+7',
    offered: undefined,
  });
  expect(await check('linux/x86_64/1.1.0?bundle_type=deb&channel=beta')).toEqual({
    type: 'check',
    platform: { ...LINUX, bundleType: 'deb' },
    currentVersion: '1.1.0',
    offered: undefined,
  });
  expect(await check('linux/x86_64/1.1.0?bundle_type={{bundle_type}}')).toMatchObject({
    platform: LINUX,
    offered: '1.2.0',
  });
});

test('a download is reported once, at its end, with its size, and its redirect is not', async () => {
  const { seen, app, get } = await watched();
  const releaseId = await app.publish('1.2.0');
  await get(`/my-app/download/${releaseId}/linux/x86_64`);
  expect(await reported(seen, 1)).toEqual([
    {
      type: 'download',
      fileName: 'my-app-1.2.0-linux-x86_64',
      size: bytesOf('1.2.0').length,
      complete: true,
    },
  ]);
});

test('a download that its client aborts is reported as incomplete', async () => {
  const { seen, url, app } = await watched();
  const size = 64 * 1024 * 1024; // more than the system's buffers take
  const releaseId = await app.publish('1.2.0', Buffer.alloc(size));
  const path = await app.downloadPath(releaseId);
  seen.splice(0);
  http.get(url + path, (response) => response.once('data', () => response.destroy())).on('error', () => {});
  expect(await reported(seen, 1)).toMatchObject([{ type: 'download', size, complete: false }]);
});

test('a refused request is reported with the reason, and without its query', async () => {
  const { seen, url, get } = await watched();
  await get('/other-app/linux/x86_64/1.0.0?channel=beta');
  await get('/my-app/linux/sparc/1.0.0');
  await get('/downloads/of-nothing/App.exe?expires=1&key=00000000&signature=secret');
  await fetch(`${url}/latest.json`);
  const refusals = await reported(seen, 4);
  expect(refusals).toEqual([
    {
      type: 'refused',
      method: 'GET',
      path: '/api/sync/ota/other-app/linux/x86_64/1.0.0',
      status: 404,
      reason: 'There is no app with the slug other-app.',
    },
    expect.objectContaining({ status: 400, reason: expect.stringContaining('arch must be one of') }),
    expect.objectContaining({ status: 403, path: '/api/sync/ota/downloads/of-nothing/App.exe' }),
    expect.objectContaining({ status: 404, path: '/latest.json' }),
  ]);
  expect(JSON.stringify(refusals)).not.toContain('secret');
});

test('other requests are not reported', async () => {
  const { seen, app, get } = await watched();
  await app.publish('1.2.0');
  await get('');
  await get('/my-app/linux/x86_64/1.1.0', 'HEAD');
  await get('/my-app/linux/x86_64/1.1.0');
  expect(await reported(seen, 1)).toMatchObject([{ type: 'check' }]);
});
