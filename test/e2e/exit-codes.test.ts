import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/network/fault.ts';
import { startFaultProxy } from '../support/network/fault-proxy.ts';
import { deadUrl, listenHttp } from '../support/network/loopback-server.ts';
import { BINARY } from '../support/process/binary.ts';
import type { JsonRun } from '../support/process/json-run.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { checkLinux, publishLinux, runJson, startWorld, writeBundle } from '../support/publish/world.ts';

/** `{"error":{"code","message","hint","retryable"}}` and nothing else. */
function expectError(
  { code, document }: { code: number | null; document: unknown },
  exit: number,
  name: string,
) {
  expect(document).toEqual({
    error: {
      code: name,
      message: expect.any(String),
      hint: expect.toSatisfy((hint: unknown) => hint === null || typeof hint === 'string'),
      retryable: name === 'network',
    },
  });
  expect(code).toBe(exit);
}

describe('--json', () => {
  test('prints the documented keys for a publish, a re-run and a dry run', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const artifact = {
      target: 'linux',
      arch: 'x86_64',
      bundle_type: null,
      file,
      size: 10_000,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/api\/sync\/ota\/my-app\/download\//),
    };
    const release = {
      id: expect.any(String),
      version: '1.2.0',
      notes: null,
      signature: null,
      pub_date: expect.any(String),
      created_at: expect.any(String),
      status: 'published',
      channel: 'stable',
    };
    const warnings = [
      expect.stringContaining('is not base64'),
      expect.stringContaining('signatures were not checked'),
    ];

    const planned = await world.runJson(publishLinux('1.2.0', file, '--dry-run'));
    expect(planned.code).toBe(0);
    expect(planned.document).toEqual({
      status: 'planned',
      release: null,
      artifacts: [{ ...artifact, action: 'planned', url: null, verified: false }],
      warnings,
      simulation: { version: '1.2.0', source: 'versions', cells: [], changed: 0, omitted: 0 },
    });
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);

    const published = await world.runJson(publishLinux('1.2.0', file));
    expect(published.code).toBe(0);
    expect(published.document).toEqual({
      status: 'published',
      release,
      artifacts: [{ ...artifact, action: 'uploaded', verified: true }],
      warnings,
    });

    const again = await world.runJson(publishLinux('1.2.0', file));
    expect(again.document).toMatchObject({
      status: 'unchanged',
      artifacts: [{ action: 'skipped', verified: true }],
    });
    expect(Object.keys(again.document)).toEqual(Object.keys(published.document));
  });

  test('prints the documented keys for a check', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expect(await world.run(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });
    const update = {
      update: true,
      version: '1.2.0',
      url: expect.any(String),
      signature: 'signature of App.AppImage',
      notes: null,
      pub_date: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T.*Z$/),
    };
    expect((await world.runJson(checkLinux('1.1.0'))).document).toEqual(update);
    expect((await world.runJson(checkLinux('1.1.0', '--download'))).document).toEqual({
      ...update,
      download: { size: 10_000, sha256: expect.any(String), signature_valid: null, signed_version: null },
    });
    expect((await world.runJson(checkLinux('1.2.0'))).document).toEqual({
      update: false,
      reason: 'the newest version for linux-x86_64 is 1.2.0, which is not newer than 1.2.0',
    });
  });
});

describe('pains 11: the exit code is', () => {
  /** Their retries take seconds, during which the other tests run. */
  let unreachable: Promise<JsonRun>;
  let inTrouble: Promise<JsonRun & { requests: number }>;
  beforeAll(async () => {
    const { href } = await deadUrl();
    unreachable = runJson(checkLinux('1.1.0', '--server', href));
    inTrouble = checkInTrouble();
  });

  async function checkInTrouble() {
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      response.writeHead(503, { 'retry-after': '0' }).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const failed = await runJson(checkLinux('1.1.0', '--server', `http://127.0.0.1:${port}`));
    server.close();
    return { ...failed, requests };
  }

  test('1 for a bug, even in a promise that is not awaited', async () => {
    const url = await listenHttp(() => {}); // and never answers
    const preload = join(await tempFolder(), 'preload.cjs');
    const thrown = "setImmediate(() => { throw new TypeError('x is not a function'); })";
    await writeFile(
      preload,
      `const { prototype } = require('node:net').Socket;
       const { connect } = prototype;
       prototype.connect = function (...args) { ${thrown}; return connect.apply(this, args); };`,
    );
    const failed = await runJson(checkLinux('1.1.0', '--server', url.href), {
      env: { NODE_OPTIONS: `--require=${preload}` },
    });
    expectError(failed, 1, 'bug');
    expect(failed.stderr).toContain('TypeError: x is not a function\n    at ');
  });

  test('2 for an invalid command line', async () => {
    expectError(await runJson(['publish', '--version', 'x']), 2, 'usage');
  });

  test('2 for an app that does not exist', async () => {
    const world = await startWorld();
    expectError(await world.runJson(checkLinux('1.1.0')), 2, 'usage');
  });

  test('3 for an unknown token', async () => {
    const world = await startWorld();
    expectError(await world.runJson(['releases', 'list', '--token', 'unknown']), 3, 'unauthorized');
  });

  test('4 for a pre-release without --allow-prerelease, and 0 with it', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expectError(await world.runJson(publishLinux('1.2.0-rc.1', file)), 4, 'preflight_refused');
    expect(await world.run(publishLinux('1.2.0-rc.1', file, '--allow-prerelease'))).toMatchObject({
      code: 0,
    });
  });

  test('5 for a different file under a published version', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expect(await world.run(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });
    await appendFile(file, 'x');
    expectError(await world.runJson(publishLinux('1.2.0', file)), 5, 'conflict');
  });

  test('6 if the served file differs from the published one', async () => {
    const proxy = await startFaultProxy();
    const world = await startWorld(['--public-url', proxy.url.href], proxy.url);
    proxy.target = world.server.url;
    const flip = (answer: Answer) => ({ ...answer, body: answer.body.map((byte) => byte ^ 1) });
    proxy.inject = ({ url }) => (url.includes('/downloads/') ? { at: 'applied', outcome: flip } : undefined);
    const file = await writeBundle(world.folder, 'App.AppImage');
    const failed = await world.runJson(publishLinux('1.2.0', file));
    expectError(failed, 6, 'verification_failed');
    expect(failed.document.error.message).toContain('linux-x86_64');
    proxy.inject = () => undefined;
    expect(await world.run(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });
  });

  test.each([
    ['check', () => checkLinux('1.1.0')],
    ['releases list', () => ['releases', 'list', '--app', 'a', '--token', 't']],
    ['publish slug', () => ['publish', 'slug', 'my-app', '--app', 'a', '--token', 't']],
  ])('8 for a page instead of the API: %s', async (_, args) => {
    const url = await listenHttp((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title>');
    });
    expectError(await runJson([...args(), '--server', url.href]), 8, 'not_the_api');
  });

  test('9 for a store that cannot be opened', async () => {
    const dataDir = await tempFolder();
    await writeFile(join(dataDir, 'synckit-ota.sqlite'), 'this is no database');
    expectError(await runJson(['apps', 'list', '--data-dir', dataDir]), 9, 'store_unavailable');
  });

  test('7 for a server that keeps failing, after 6 attempts', async () => {
    const { requests, ...failed } = await inTrouble;
    expectError(failed, 7, 'network');
    expect(requests).toBe(6);
  });

  test('7 for a server that is not running', async () => {
    const failed = await unreachable;
    expectError(failed, 7, 'network');
    expect(failed.document.error).toMatchObject({
      message: expect.stringContaining('connection refused'),
      hint: expect.stringContaining('again'),
    });
  });
});

test('a closed pipe on stdout causes no stack trace', async () => {
  const child = spawn(process.execPath, [BINARY, 'publish', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  await once(child, 'close');
  expect(stderr).toBe('');
});
