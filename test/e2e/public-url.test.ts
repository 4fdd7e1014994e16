import net from 'node:net';
import { pipeline } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { nginxIsInstalled, startNginxWith } from '../support/network/example-proxy.ts';
import { startForwardProxy } from '../support/network/forward-proxy.ts';
import { deadUrl, listenRaw } from '../support/network/loopback-server.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import {
  checkLinux,
  publishLinux,
  serveUntilFinished,
  startWorld,
  type World,
  writeBundle,
} from '../support/publish/world.ts';

/** Warnings of a server's log about its public URL. */
function warnings(logs: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  return logs.filter(({ level, msg }) => level === 40 && String(msg).includes('public URL'));
}

/** A server that clients reach at `http://updates.example`, on another machine as it seems to them. */
async function startElsewhere(serveArgs: readonly string[]) {
  const world = await startWorld(serveArgs, new URL('http://updates.example'));
  const proxy = await startForwardProxy();
  proxy.hosts.set('updates.example', new URL(world.server.url).port);
  return { world, proxy, env: { HTTP_PROXY: proxy.url.href } };
}

async function publishOne(world: World, env: Readonly<Record<string, string>> = {}, version = '1.2.0') {
  const file = await writeBundle(world.folder, 'App.AppImage');
  return world.runJson(publishLinux(version, file), { env });
}

describe('field 2: a server with a forgotten --public-url', () => {
  test('is not published to, and check says why', async () => {
    const { world, env } = await startElsewhere([]);
    const refused = await publishOne(world, env);
    expect(refused.code).toBe(4);
    expect(refused.document.error.message).toMatch(
      /http:\/\/127\.0\.0\.1:\d+, which leads every other machine/,
    );
    expect(refused.document.error.hint).toContain('--public-url');
    const own = { SYNCKIT_OTA_SERVER: world.server.url };
    expect((await world.runJson(['releases', 'list'], { env: own })).document).toEqual([]);

    expect((await publishOne(world, own)).code).toBe(0);
    const checked = await world.runJson(checkLinux('1.1.0'), { env });
    expect(checked.code).toBe(6);
    expect(checked.document.error.hint).toContain('--public-url');
  });

  test('is warned of where it is reached at another port of the same machine', async () => {
    const world = await startWorld();
    const { port } = await startRelay(world.server.url);
    const env = { SYNCKIT_OTA_SERVER: `http://localhost:${port}` };
    const published = await publishOne(world, env);
    expect(published.code).toBe(0);
    expect(published.document.warnings).toContainEqual(
      expect.stringMatching(/--public-url is missing or stale/),
    );
    expect((await world.runJson(checkLinux('1.1.0'), { env })).stderr).toMatch(
      /--public-url is missing or stale/,
    );
  });

  test.each([
    ['on loopback', [], 0],
    ['on all addresses', ['--host', '0.0.0.0'], 1],
    ['behind a trusted proxy', ['--trust-proxy', '127.0.0.1'], 1],
    ['on all addresses, with a public URL', ['--host', '0.0.0.0', '--public-url', 'https://u.example'], 0],
    ['with a public URL on loopback', ['--host', '0.0.0.0', '--public-url', 'http://localhost:4680'], 1],
  ] as const)('warns at its start %s: %s', async (_, args, count) => {
    const server = await serveUntilFinished(await tempFolder(), args);
    await vi.waitFor(async () =>
      expect((await fetch(`${localUrl(server.url)}/api/sync/ota`)).status).toBe(200),
    );
    expect(warnings(server.logs())).toHaveLength(count);
  });
});

describe('field 2: a server with a stale --public-url', () => {
  test('that does not answer is named as the source of the address', async () => {
    const old = (await deadUrl()).origin;
    const world = await startWorld(['--public-url', old]);
    const failed = await publishOne(world);
    const { message, hint } = failed.document.error;
    expect(failed.code).toBe(7);
    expect(message).toContain(`${old} did not answer: connection refused`);
    expect(message).toContain(`${new URL(world.server.url).origin} handed out this address`);
    expect(hint).toContain('--public-url');
    expect(failed.stderr).toContain(`hands out URLs at ${old}`);
  });

  test('that is another server is named as the source of the address', async () => {
    const { world, proxy, env } = await startElsewhere(['--public-url', 'http://old.example']);
    const old = await startWorld();
    proxy.hosts.set('old.example', new URL(old.server.url).port);
    const failed = await publishOne(world, env);
    expect(failed.code).not.toBe(0);
    expect(failed.document.error.message).toContain('handed out this address');
    expect(failed.document.error.hint).toContain('--public-url');
  });
});

describe('field 2: requests for another host', () => {
  test('are logged once, without what a client may have forged', async () => {
    const server = await serveUntilFinished(await tempFolder(), ['--public-url', 'https://old.example']);
    const ask = (headers: Record<string, string>, path = '') =>
      fetch(`${server.url}/api/sync/ota${path}`, { headers });
    await ask({});
    await ask({ 'x-forwarded-host': 'old.example' });
    await ask({ 'x-forwarded-host': 'scanner.example' }, '/no-app/linux/x86_64/1.0.0');
    await ask({ 'x-forwarded-host': `${'a'.repeat(5000)}<script>` });
    expect(warnings(server.logs())).toEqual([]);
    for (let times = 0; times < 3; times++) await ask({ 'x-forwarded-host': 'new.example' });
    await vi.waitFor(() => expect(warnings(server.logs())).toHaveLength(1));
    expect(warnings(server.logs())).toMatchObject([
      { host: 'new.example', publicUrl: 'https://old.example' },
    ]);
    const { public_url } = (await (await ask({ 'x-forwarded-host': 'new.example' })).json()) as {
      public_url: string;
    };
    expect(public_url).toBe('https://old.example');
  });
});

describe('field 2: behind a proxy with a path prefix', () => {
  test.skipIf(!nginxIsInstalled)(
    'a release is published if nginx strips it, and its 404 says so if not',
    async () => {
      const [port = 0] = await freePorts(1);
      const nginx = await startNginxWith((own) => {
        const locations = (['/ota/', '/raw/'] as const).map((path) => {
          const strip = path === '/ota/' ? '/' : '';
          return `location ${path} { proxy_pass http://127.0.0.1:${port}${strip}; client_max_body_size 0; }`;
        });
        return `server { listen 127.0.0.1:${own}; ${locations.join('\n')} }`;
      });
      const base = nginx.url.origin;
      const world = await startWorld(
        ['--port', String(port), '--public-url', `${base}/ota`],
        new URL(`${base}/ota`),
      );
      const published = await publishOne(world);
      expect(published.code, published.stderr).toBe(0);
      expect(published.stderr).not.toContain('--public-url');
      expect(published.document.artifacts[0].url.startsWith(`${base}/ota/api/`)).toBe(true);

      const raw = await publishOne(world, { SYNCKIT_OTA_SERVER: `${base}/raw` }, '1.3.0');
      expect(raw.code).toBe(2);
      expect(raw.document.error.message).toMatch(/has to begin with \/api\/sync\/ota, so a proxy/);
    },
  );

  test.skipIf(!nginxIsInstalled)('a public URL without the prefix is warned of', async () => {
    const [port = 0] = await freePorts(1);
    const nginx = await startNginxWith(
      (own) => `server { listen 127.0.0.1:${own};
        location /ota/ { proxy_pass http://127.0.0.1:${port}/; client_max_body_size 0; } }`,
    );
    const base = nginx.url.origin;
    const world = await startWorld(['--port', String(port), '--public-url', base], new URL(`${base}/ota`));
    const failed = await publishOne(world);
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/under another path: .*--public-url/);
  });
});

function localUrl(url: string): string {
  return url.replace('0.0.0.0', '127.0.0.1');
}

/** Another port that leads to a server. */
async function startRelay(to: string): Promise<URL> {
  const { hostname, port } = new URL(to);
  return listenRaw((socket) => {
    const onward = net.connect(Number(port), hostname);
    pipeline(socket, onward, () => {});
    pipeline(onward, socket, () => {});
  });
}
