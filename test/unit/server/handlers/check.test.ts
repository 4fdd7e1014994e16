import { createHash } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import { describe, expect, test } from 'vitest';
import type { Services } from '../../../../src/server/services.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

async function published(overrides: Partial<Services> = {}) {
  const server = await startServer(overrides);
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  const ask = (path: string, options: Omit<InjectOptions, 'url'> = {}) =>
    server.app.inject({ url: `/api/sync/ota/my-app/${path}`, ...options });
  return { server, app, ask };
}

async function withBeta(overrides: Partial<Services> = {}) {
  const { app, ask } = await published(overrides);
  const created = await app.send('POST', '/releases', {
    body: { version: '2.0.0-beta.1', signature: 's', channel: 'beta' },
  });
  const bytes = Buffer.from('beta');
  await app.put(await app.requestUpload(created.json().id, bytes.length), bytes);
  const offered = async (query: string, headers = {}) => {
    const reply = await ask(`linux/x86_64/0.1.0${query}`, { headers });
    return reply.statusCode === 200 ? reply.json().version : reply.statusCode;
  };
  return { ask, offered };
}

const STABLE = '1.0.0';
const BETA = '2.0.0-beta.1';

describe('field 13: the answer to a check', () => {
  test('has a strong ETag of its body', async () => {
    const { ask } = await published();
    const reply = await ask('linux/x86_64/0.1.0');
    const digest = createHash('sha256').update(reply.body).digest('base64url');
    expect(reply.headers).toMatchObject({ etag: `"${digest}"`, vary: 'x-ota-channel' });
  });

  test.each(['GET', 'HEAD'] as const)(
    'is 304 to %s with its ETag, in any form that names it',
    async (method) => {
      const { ask } = await published({ checkMaxAge: 60 });
      const { etag = '', ...all } = (await ask('linux/x86_64/0.1.0')).headers;
      for (const ifNoneMatch of [etag, `W/${etag}`, `"x", ${etag}`, `"x",W/${etag} , "y"`, '*']) {
        const reply = await ask('linux/x86_64/0.1.0', { method, headers: { 'if-none-match': ifNoneMatch } });
        expect(reply.statusCode).toBe(304);
        expect(reply.body).toBe('');
        expect(reply.headers).toMatchObject({ etag, vary: all.vary, 'cache-control': 'public, max-age=60' });
        expect(reply.headers['synckit-app-tag']).toBe(all['synckit-app-tag']);
      }
      for (const ifNoneMatch of ['"x"', etag.replaceAll('"', ''), `"x${etag.slice(1)}`, '']) {
        const reply = await ask('linux/x86_64/0.1.0', { method, headers: { 'if-none-match': ifNoneMatch } });
        expect(reply.statusCode).toBe(200);
      }
    },
  );

  test('changes its ETag with what it says', async () => {
    const { app, ask } = await published();
    const headers = { 'if-none-match': (await ask('linux/x86_64/0.1.0')).headers.etag ?? '' };
    await app.publish('1.1.0');
    const reply = await ask('linux/x86_64/0.1.0', { headers });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({ version: '1.1.0' });
  });

  test('is 204 without a tag where there is no update, whatever the request names', async () => {
    const { ask } = await published();
    for (const headers of [{}, { 'if-none-match': '*' }, { 'if-none-match': '"x"' }]) {
      const reply = await ask('linux/x86_64/1.0.0', { headers });
      expect(reply.statusCode).toBe(204);
      expect(reply.headers.etag).toBeUndefined();
      expect(reply.headers).toMatchObject({ vary: 'x-ota-channel', 'cache-control': 'no-store' });
    }
  });

  test('is not kept by shared caches where the channel was in the header, as not all obey Vary', async () => {
    const { ask } = await published({ checkMaxAge: 60 });
    const caching = async (headers: object) =>
      (await ask('linux/x86_64/0.1.0', { headers: { ...headers } })).headers['cache-control'];
    expect(await caching({})).toBe('public, max-age=60');
    expect(await caching({ 'x-ota-channel': 'beta' })).toBe('private, max-age=60');
  });

  test('HEAD has the headers of GET', async () => {
    const { ask } = await published();
    for (const path of ['linux/x86_64/0.1.0', 'linux/x86_64/1.0.0', 'linux/sparc/1.0.0']) {
      const [get, head] = [await ask(path), await ask(path, { method: 'HEAD' })];
      expect(head.statusCode).toBe(get.statusCode);
      expect(head.body).toBe('');
      expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
    }
  });
});

describe('field 13: the channel of a check', () => {
  test.each([
    ['', {}, STABLE],
    ['', { 'x-ota-channel': 'beta' }, BETA],
    ['', { 'X-OTA-Channel': ' BETA ' }, BETA],
    ['', { 'x-ota-channel': '' }, STABLE],
    ['', { 'x-ota-channel': 'nightly' }, STABLE],
    ['', { 'x-ota-channel': 'no channel!' }, 400],
    ['', { 'x-ota-channel': 'beta, stable' }, 400],
    ['?channel=', {}, STABLE],
    ['?channel=%20', {}, STABLE],
    ['?channel', {}, STABLE],
    ['?channel=Beta', {}, BETA],
    ['?channel=+beta%20', {}, BETA],
    ['?channel=beta&channel=beta', {}, 400],
    ['?channel=%7B%7Bchannel%7D%7D', {}, 400],
    ['?channel=stable', { 'x-ota-channel': 'beta' }, STABLE], // the query wins
    ['?channel=beta', { 'x-ota-channel': 'stable' }, BETA],
    ['?channel=', { 'x-ota-channel': 'beta' }, BETA],
  ])('%s with %j leads to %s', async (query, headers, expected) => {
    const { offered } = await withBeta();
    expect(await offered(query, headers)).toBe(expected);
  });
});

test.each([
  [
    'linux/x86_64/0.1.0?channel=%7B%7Bchannel%7D%7D',
    'channel',
    /\{\{channel\}\} was not filled in; .*\{\{arch\}\}/,
  ],
  ['%7B%7Btarget%7D%7D/x86_64/0.1.0', 'target', /: \{\{target\}\} was not filled in/],
  ['linux/x86_64/%7B%7Bcurrent_version%7D%7D', 'current_version', /was not filled in/],
  ['linux/x86_64/0.1.0?channel=beta&channel=beta', 'channel', /^is given 2 times$/],
  ['darwin/universal/0.1.0', 'arch', /: an app asks for the arch of its machine/],
  ['darwin/Universal/0.1.0', 'arch', /: an app asks for the arch of its machine/],
])('field 13: the answer to a check of %s says what is wrong with %s', async (path, field, message) => {
  const { ask } = await published();
  const reply = await ask(path);
  expect(reply.statusCode).toBe(400);
  expect(reply.json().errors).toEqual([{ field, message: expect.stringMatching(message) }]);
});

describe('field 13: what an installed app calls its platform', () => {
  test.each([
    'linux/x86_64',
    'Linux/x86_64',
    'LINUX/X86_64',
    'linux/amd64',
    'linux/x64',
    'linux/AMD64',
    'linux/x86-64',
    'linux/x86_64/0.1.0?bundle_type=',
    'linux/x86_64/0.1.0?bundle_type=%20Unknown',
  ])('%s is linux on x86_64', async (platform) => {
    const { ask } = await published();
    const path = platform.includes('?') ? platform : `${platform}/0.1.0`;
    expect((await ask(path)).statusCode).toBe(200);
  });

  test.each([
    [
      'darwin/aarch64',
      ['macos/arm64', 'osx/aarch64', 'mac/ARM64', 'macOS/arm64', 'MacOSX/aarch64', 'Darwin/arm64'],
    ],
    ['windows/x86_64', ['win32/x64', 'win64/x64', 'win/amd64', 'Windows/AMD64', 'WIN32/x86_64']],
    ['windows/i686', ['win32/ia32', 'win/x86', 'windows/i386']],
    ['linux/armv7', ['linux/arm', 'linux/armv7l', 'linux/armhf']],
  ])('%s is known by other names: %s', async (canonical, others) => {
    const server = await startServer();
    const app = await Publisher.on(server);
    const [target = '', arch = ''] = canonical.split('/');
    const releaseId = await app.createRelease('1.0.0');
    const bytes = Buffer.from('the app');
    const url = await app.requestUpload(releaseId, bytes.length, { target, arch } as never);
    await app.put(url, bytes);
    for (const other of [canonical, ...others]) {
      const check = await app.get(`/api/sync/ota/my-app/${other}/0.1.0`);
      expect([other, check.statusCode]).toEqual([other, 200]);
      expect(check.json().url).toContain(`/${canonical}`); // the answer has the canonical names
      const download = await app.get(`/api/sync/ota/my-app/download/${releaseId}/${other}`);
      expect([other, download.statusCode]).toEqual([other, 302]);
      expect((await app.get(`/api/sync/ota/my-app/latest/${other}`)).statusCode).toBe(302);
    }
  });

  test('may be one name, the key of static manifests, which an app sets as its updater’s target', async () => {
    const { ask } = await published();
    const offer = (await ask('linux/x86_64/0.1.0')).body;
    for (const path of ['linux-x86_64/x86_64/0.1.0', 'linux-x86_64/aarch64/0.1.0']) {
      expect((await ask(path)).body).toBe(offer);
    }
    expect((await ask('linux-x86_64-deb/x86_64/0.1.0')).statusCode).toBe(204);
    expect((await ask('linux-sparc/x86_64/0.1.0')).statusCode).toBe(400);
  });

  test('is named canonically by an upload, which gets the name with a 400', async () => {
    const { app } = await published();
    const releaseId = await app.createRelease('2.0.0');
    const ask = (platform: object) =>
      app.send('POST', `/releases/${releaseId}/artifacts`, { body: { ...platform, file_size: 5 } });
    for (const [platform, field, name] of [
      [{ target: 'macos', arch: 'aarch64' }, 'target', 'darwin'],
      [{ target: 'Linux', arch: 'x86_64' }, 'target', 'linux'],
      [{ target: 'linux', arch: 'amd64' }, 'arch', 'x86_64'],
    ] as const) {
      const reply = await ask(platform);
      expect(reply.statusCode).toBe(400);
      expect(reply.json().errors).toEqual([{ field, message: expect.stringContaining(` ${name} here`) }]);
    }
  });
});
