import { beforeAll, describe, expect, test } from 'vitest';
import { deadUrl } from '../support/network/loopback-server.ts';
import { startBehindProxy } from '../support/network/proxied-world.ts';
import type { JsonRun } from '../support/process/json-run.ts';
import { checkLinux, publishLinux, runJson, startWorld, writeBundle } from '../support/publish/world.ts';

let downProxy: URL;
/** Its retries take seconds, during which the other tests run. */
let byDownProxy: Promise<JsonRun>;
beforeAll(async () => {
  downProxy = await deadUrl();
  byDownProxy = runJson(checkLinux('1.1.0', '--server', 'https://updates.example'), {
    env: { https_proxy: `user:secret@${downProxy.host}` },
  });
});

describe('through a proxy that requires a password', () => {
  test.each(['http', 'https'] as const)('a release is published to %s, and downloaded', async (scheme) => {
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

  test.each(['http', 'https'] as const)('with a wrong password, %s cannot be reached', async (scheme) => {
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

test('an error for a page instead of the API names the proxy it came through', async () => {
  const { proxy, world, env } = await startBehindProxy('http');
  proxy.hosts.delete('updates.example');
  proxy.page = '<!doctype html><title>Log in</title>';
  const { code, document } = await world.runJson(['releases', 'list'], { env });
  expect(code).toBe(8);
  expect(document.error.message).toMatch(
    new RegExp(
      `^http://updates.example/.*, through the proxy ${proxy.url.origin}, answered with an HTML page`,
    ),
  );
});

test('an invalid proxy is reported together with other errors', async () => {
  const { code, document } = await runJson(['releases', 'list', '--server', 'ftp://x'], {
    env: { HTTPS_PROXY: 'socks5://user:secret@proxy.example' },
  });
  expect(code).toBe(2);
  expect(document.error.message).toContain('HTTPS_PROXY is not the URL of an http(s) proxy');
  expect(document.error.message).toContain('--server ftp://x');
  expect(document.error.message).not.toContain('secret');
});

test('this machine is reached without a proxy', async () => {
  const world = await startWorld();
  const env = { HTTP_PROXY: (await deadUrl()).href };
  expect(await world.run(['releases', 'list'], { env })).toMatchObject({ code: 0 });
});

test('a proxy that is down is named after the retries', async () => {
  const { code, document } = await byDownProxy;
  expect(code).toBe(7);
  expect(document.error).toMatchObject({
    code: 'network',
    message: `the proxy ${downProxy.origin} did not answer: connection refused`,
    hint: expect.stringContaining('HTTPS_PROXY'),
    retryable: true,
  });
});
