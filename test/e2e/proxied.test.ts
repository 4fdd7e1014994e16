import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { pipeline } from 'node:stream';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type ForwardProxy, startForwardProxy } from '../support/network/forward-proxy.ts';
import { deadUrl, listenUntilFinished } from '../support/network/loopback-server.ts';
import { runMeasured, writeLargeBundle } from '../support/process/resident-memory.ts';
import {
  checkLinux,
  publishLinux,
  runJson,
  startWorld,
  type World,
  writeBundle,
} from '../support/publish/world.ts';

const CERTIFICATE = fileURLToPath(new URL('../fixtures/tls/cert.pem', import.meta.url));
const KEY = fileURLToPath(new URL('../fixtures/tls/key.pem', import.meta.url));

/** A server that only a proxy can reach: no name server knows its name. */
async function startBehindProxy(
  scheme: 'http' | 'https',
): Promise<{ world: World; proxy: ForwardProxy; env: Record<string, string> }> {
  const url = new URL(`${scheme}://updates.example`);
  const world = await startWorld(['--public-url', url.origin], url);
  const serve = new URL(world.server.url);
  const proxy = await startForwardProxy();
  proxy.hosts.set('updates.example', scheme === 'https' ? (await startTls(serve)).port : serve.port);
  proxy.credentials = 'user:secret';
  const via = Object.assign(new URL(proxy.url), { username: 'user', password: 'secret' }).href;
  const env = { [`${scheme.toUpperCase()}_PROXY`]: via, NODE_EXTRA_CA_CERTS: CERTIFICATE };
  return { world, proxy, env };
}

/** Ends TLS before a plain server. */
async function startTls(plain: URL): Promise<URL> {
  const options = { cert: await readFile(CERTIFICATE), key: await readFile(KEY) };
  const server = tls.createServer(options, (socket) => {
    const onward = net.connect(Number(plain.port), plain.hostname);
    pipeline(socket, onward, () => {});
    pipeline(onward, socket, () => {});
  });
  return listenUntilFinished(server);
}

describe('through a proxy that wants a password', () => {
  test.each(['http', 'https'] as const)('a release is published to %s, and fetched', async (scheme) => {
    const { world, proxy, env } = await startBehindProxy(scheme);
    const file = await writeBundle(world.folder, 'App.AppImage');
    const published = await world.runJson(publishLinux('1.2.0', file, '--verbose'), { env });
    expect(published.code, published.stderr).toBe(0);
    expect(published.document).toMatchObject({ status: 'published', artifacts: [{ verified: true }] });
    expect(await world.runJson(checkLinux('1.1.0', '--download'), { env })).toMatchObject({
      code: 0,
      document: { update: true, download: { size: 10_000 } },
    });
    expect(published.stdout + published.stderr).not.toContain('secret');
    const uploads = proxy.asked.filter((line) => /^PUT http:\/\/updates\.example\/.*\/uploads\//.test(line));
    if (scheme === 'http') expect(uploads).toHaveLength(1);
    else expect([...new Set(proxy.asked)]).toEqual(['CONNECT updates.example:443']);
  });

  test.skipIf(process.platform !== 'linux')(
    'a 512 MiB file is published in 150 MiB (reads /proc: Linux only)',
    async () => {
      const { world, env } = await startBehindProxy('https');
      const file = await writeLargeBundle(world.folder, 'Large.AppImage', 512 * 1024 ** 2);
      const { code, stderr, peaks } = await runMeasured(publishLinux('1.2.0', file), {
        env: { ...world.env, ...env },
      });
      expect(code, stderr).toBe(0);
      console.log(`512 MiB through a proxy's tunnel: ${Math.max(...peaks).toFixed(0)} MiB resident at most`);
      expect(peaks.length).toBeGreaterThan(5);
      expect(Math.max(...peaks)).toBeLessThan(150);
    },
    120_000,
  );

  test.each(['http', 'https'] as const)('and gets a wrong one, %s is out of reach', async (scheme) => {
    const { world, proxy, env } = await startBehindProxy(scheme);
    proxy.credentials = 'user:another';
    const { code, document, stdout, stderr } = await world.runJson(checkLinux('1.1.0'), { env });
    expect(code).toBe(8);
    expect(document.error).toMatchObject({
      code: 'not_the_api',
      message: `the proxy ${proxy.url.origin} refuses its user and password (407)`,
      retryable: false,
    });
    expect(stdout + stderr).not.toContain('secret');
  });
});

test('a page instead of the API names the proxy it came through', async () => {
  const { proxy, world, env } = await startBehindProxy('http');
  proxy.hosts.delete('updates.example');
  proxy.page = '<!doctype html><title>Log in</title>';
  const { code, document } = await world.runJson(['releases', 'list'], { env });
  expect(code).toBe(8);
  expect(document.error.message).toMatch(
    new RegExp(`^http://updates.example/.*, through the proxy ${proxy.url.origin}, answered an HTML page`),
  );
});

test('a proxy that is down is named, after the retries', async () => {
  const proxy = await deadUrl();
  const { code, document } = await runJson(checkLinux('1.1.0', '--server', 'https://updates.example'), {
    env: { https_proxy: `user:secret@${proxy.host}` },
  });
  expect(code).toBe(7);
  expect(document.error).toMatchObject({
    code: 'network',
    message: `the proxy ${proxy.origin} did not answer: connection refused`,
    hint: expect.stringContaining('HTTPS_PROXY'),
    retryable: true,
  });
});

test('what is no proxy is a mistake that is told with the others', async () => {
  const { code, document } = await runJson(['releases', 'list', '--server', 'ftp://x'], {
    env: { HTTPS_PROXY: 'socks5://user:secret@proxy.example' },
  });
  expect(code).toBe(2);
  expect(document.error.message).toContain('HTTPS_PROXY is not the URL of an http(s) proxy');
  expect(document.error.message).toContain('--server ftp://x');
  expect(document.error.message).not.toContain('secret');
});

test('this machine is reached without', async () => {
  const world = await startWorld();
  const env = { HTTP_PROXY: (await deadUrl()).href };
  expect(await world.run(['releases', 'list'], { env })).toMatchObject({ code: 0 });
});
