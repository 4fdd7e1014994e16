import http, { type IncomingMessage } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deadUrl, listenHttp } from '../support/network/loopback-server.ts';
import { startServe } from '../support/process/binary.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

const SECRET = 'S3cret-of-the-access-proxy';
const HEADER = `X-Access-Secret: ${SECRET}`;
const LOGIN = 'https://team.cloudflareaccess.com/cdn-cgi/access/login/updates.example?redirect_url=%2F';

/** Lets requests with the header through, and sends all others to a login, as Cloudflare Access does. */
async function startBehindLogin(): Promise<World & { readonly refused: string[] }> {
  const [port = 0] = await freePorts(1);
  const refused: string[] = [];
  const url = await listenHttp((request, response) => {
    if (request.headers['x-access-secret'] !== SECRET) {
      refused.push(`${request.method} ${request.url}`);
      request.resume();
      response
        .writeHead(302, { location: LOGIN, server: 'cloudflare', 'cf-ray': '8c0f1a2b3c4d5e6f-FRA' })
        .end();
      return;
    }
    const { method, url: path = '/', headers } = request;
    const passed = http.request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  const world = await startWorld(['--port', String(port), '--public-url', url.origin], url);
  return { ...world, refused };
}

describe('field 12: behind an access proxy', () => {
  test('everything works with its header, which is printed nowhere', async () => {
    const world = await startBehindLogin();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const runs = [
      await world.runJson(publishLinux('1.2.0', file, '--header', HEADER, '-v')),
      await world.runJson(checkLinux('1.1.0', '--download', '--header', HEADER)),
      await world.runJson(['releases', 'list'], {
        env: { SYNCKIT_OTA_HEADERS: `\n${HEADER}\r\nX-Other: 1\n` },
      }),
    ];
    for (const { code, stdout, stderr } of runs) {
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).not.toContain(SECRET);
    }
    expect(world.refused).toEqual([]);
  });

  test('without it the login is named, and no token', async () => {
    const world = await startBehindLogin();
    for (const args of [['releases', 'list'], checkLinux('1.1.0')]) {
      const { code, document } = await world.runJson(args);
      expect([code, document.error.code]).toEqual([8, 'not_the_api']);
      expect(document.error.message).toContain('Cloudflare Access');
      expect(document.error.hint).toContain('CF-Access-Client-Id');
    }
  });

  test('its value is masked in a workflow, and a config file must not hold it', async () => {
    const world = await startBehindLogin();
    const { stderr } = await world.run(['releases', 'list', '--header', HEADER], {
      env: { GITHUB_ACTIONS: 'true' },
    });
    expect(stderr).toContain(`::add-mask::${SECRET}\n`);
    expect(stderr.replaceAll(`::add-mask::${SECRET}\n`, '')).not.toContain(SECRET);
    const { code, document } = await world.runJson([
      'releases',
      'list',
      '--header',
      'Host: x',
      '--wait',
      'long',
    ]);
    expect([code, document.error.code]).toEqual([2, 'usage']);
    expect(document.error.message).toMatch(/^2 problems/);
  });

  test('it is not sent to another origin that the server hands out', async () => {
    const collected: IncomingMessage[] = [];
    const elsewhere = await listenHttp((request, response) => {
      collected.push(request);
      request.resume();
      response.writeHead(404).end();
    });
    const url = await listenHttp((_, response) => {
      const update = { version: '1.2.0', url: new URL('/file', elsewhere).href, signature: 's' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(update));
    });
    const world = await startBehindLogin();
    await world.runJson(checkLinux('1.1.0', '--download', '--header', HEADER, '--server', url.origin));
    expect(collected).toHaveLength(1);
    expect(JSON.stringify(collected[0]?.rawHeaders)).not.toContain(SECRET);
  });
});

describe('field 15: publish --wait', () => {
  test('goes through when the server comes back, having said why it waits', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const { port } = new URL(world.server.url);
    await world.server.stop('SIGTERM');
    const publishing = world.run(publishLinux('1.2.0', file, '--wait', '2m'));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const back = await startServe(world.dataDir, ['--port', port]);
    onTestFinished(async () => {
      await back.stop('SIGKILL');
    });
    const { code, stderr } = await publishing;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/connection refused; retrying in .*, and for up to/);
  }, 60_000);

  test('of 0 tries once', async () => {
    const args = ['releases', 'list', '--app', 'a', '--token', 't', '--server', (await deadUrl()).href];
    const world = await startWorld();
    const { code, stderr } = await world.run([...args, '--wait', '0']);
    expect([code, stderr.includes('retrying')]).toEqual([7, false]);
  });
});
