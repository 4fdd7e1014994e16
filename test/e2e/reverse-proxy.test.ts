import { describe, expect, test } from 'vitest';
import {
  caddyIsInstalled,
  type ExampleProxy,
  nginxIsInstalled,
  startCaddyForOne,
  startNginxForOne,
} from '../support/network/example-proxy.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/** More than proxies take by default: nginx 1 MiB. */
const SIZE = 3 * 1024 ** 2;

type Start = (nodePort: number) => Promise<ExampleProxy>;

async function startBehind(start: Start): Promise<World> {
  const [port = 0] = await freePorts(1);
  const { url } = await start(port);
  const args = [
    '--port',
    String(port),
    '--public-url',
    url.origin,
    '--trust-proxy',
    '127.0.0.1',
    '--verbose',
  ];
  return startWorld(args, url);
}

describe.each([
  ['nginx, with examples/nginx/single-node.conf', nginxIsInstalled, startNginxForOne],
  ['caddy, with examples/caddy/Caddyfile', caddyIsInstalled, startCaddyForOne],
] as const)('behind %s', (_, isInstalled, start) => {
  test.skipIf(!isInstalled)('a file of 3 MiB is published, checked for and downloaded', async () => {
    const world = await startBehind(start);
    const file = await writeBundle(world.folder, 'App.AppImage', Buffer.alloc(SIZE, 'app'));
    const published = await world.runJson(publishLinux('1.2.0', file));
    expect(published.code, published.stderr).toBe(0);
    expect(published.document).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
    const origin = new URL(world.env.SYNCKIT_OTA_SERVER ?? '').origin;
    expect(published.document.artifacts[0].url.startsWith(`${origin}/`)).toBe(true);
    expect(await world.runJson(checkLinux('1.1.0', '--download'))).toMatchObject({
      code: 0,
      document: { update: true, version: '1.2.0', download: { size: SIZE } },
    });
  });

  test.skipIf(!isInstalled)('a client cannot forge its address', async () => {
    const world = await startBehind(start);
    const url = new URL('/api/sync/ota', world.env.SYNCKIT_OTA_SERVER);
    await fetch(url, { headers: { 'x-forwarded-for': '203.0.113.7' } });
    const lines = world.server.logs().map((line) => JSON.stringify(line));
    expect(lines.some((line) => line.includes('127.0.0.1'))).toBe(true);
    expect(lines.filter((line) => line.includes('203.0.113.7'))).toEqual([]);
  });
});
