import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { describe, expect, test } from 'vitest';
import { listAudit } from '../../../../src/database/queries/audit.ts';
import { saveOperatorLink } from '../../../../src/database/queries/operator-link.ts';
import { listTokens } from '../../../../src/database/queries/tokens.ts';
import { replaceUrlSigningKeys } from '../../../../src/database/queries/url-signing-keys.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';
import { by } from '../../../support/server/by.ts';

const FROM_PAGE = { 'x-synckit-ota-page': '1', 'sec-fetch-site': 'same-origin' };

async function builtPage(): Promise<string> {
  const folder = join(await tempFolder(), 'web');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'page-ABCDEFGH.js'), 'plain');
  writeFileSync(join(folder, 'page-ABCDEFGH.js.br'), 'brotli');
  writeFileSync(join(folder, 'page-ABCDEFGH.js.gz'), 'gzip');
  return folder;
}

async function start() {
  const server = await startServer({ web: true, webFolder: await builtPage() });
  const app = await Publisher.on(server);
  const send = (
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    options: InjectOptions = {},
  ) => server.app.inject({ method, url, ...options, headers: { ...FROM_PAGE, ...options.headers } });
  /** @returns the cookie */
  const signIn = async (payload: object = { token: app.token }) => {
    const reply = await send('POST', '/admin/session', { payload });
    const [cookie = ''] = String(reply.headers['set-cookie']).split(';');
    return { reply, cookie };
  };
  const link = async (secret = 'secret', life = 60_000) => {
    const until = new Date(server.now.getTime() + life);
    await saveOperatorLink(server.database.queries, { secret, until }, by(server.now));
    return signIn({ link: secret });
  };
  const releases = (headers: Record<string, string>, appId = app.id) =>
    server.app.inject({ url: `/api/sync/ota/apps/${appId}/releases`, headers });
  return { server, app, send, signIn, link, releases };
}

describe('the files of the page', () => {
  test('are compressed as the browser takes them, and kept for ever by their names', async () => {
    const { send } = await start();
    const script = '/admin/assets/page-ABCDEFGH.js';
    for (const [accept, body] of [
      ['gzip, deflate, br', 'brotli'],
      ['gzip;q=1.0', 'gzip'],
      ['identity', 'plain'],
    ] as const) {
      const reply = await send('GET', script, { headers: { 'accept-encoding': accept } });
      expect([accept, reply.body]).toEqual([accept, body]);
      expect(reply.headers).toMatchObject({
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
      });
    }
    for (const file of ['none.js', '..%2f..%2fpackage.json', 'index.html.br'])
      expect([file, (await send('GET', `/admin/assets/${file}`)).statusCode]).toEqual([file, 404]);
  });

  test('are beside the page, also below a path that a proxy removes', async () => {
    const { send } = await start();
    const redirect = await send('GET', '/admin');
    expect([redirect.statusCode, redirect.headers.location]).toEqual([302, 'admin/']);
    expect((await send('GET', '/admin/')).headers['cache-control']).toBe('no-cache');
  });

  test('answer HEAD as GET', async () => {
    const { send } = await start();
    for (const url of ['/admin', '/admin/', '/admin/assets/page-ABCDEFGH.js']) {
      const [get, head] = [await send('GET', url), await send('HEAD', url)];
      expect([url, head.statusCode, head.body]).toEqual([url, get.statusCode, '']);
    }
  });

  test('are not there with --no-web, nor is anything beside them', async () => {
    const server = await startServer({ web: false, webFolder: await builtPage() });
    for (const url of ['/admin/', '/admin/session', '/admin/assets/page-ABCDEFGH.js'])
      expect([url, (await server.app.inject(url)).statusCode]).toEqual([url, 404]);
  });
});

describe('attack W2: the page in a hostile browser window', () => {
  test('runs its own scripts only, and is shown in no frame', async () => {
    const { send } = await start();
    const { headers } = await send('GET', '/admin/');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    );
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    });
  });
});

describe('attack W3: a session', () => {
  test('is a cookie that no script reads, no other site sends, and that holds no token', async () => {
    const { app, signIn } = await start();
    const { reply, cookie } = await signIn();
    expect(reply.headers['set-cookie']).toMatch(
      /^__Host-synckit-ota=token\.[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(cookie).not.toContain(app.token);
    expect(reply.json().session).toMatchObject({ kind: 'token', apps: [{ id: app.id, slug: 'my-app' }] });
  });

  test('counts for requests of the page only: not for what another website has a browser send', async () => {
    const { signIn, releases } = await start();
    const { cookie } = await signIn();
    expect((await releases({ cookie, ...FROM_PAGE })).statusCode).toBe(200);
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-origin' },
      { ...FROM_PAGE, 'sec-fetch-site': 'cross-site' },
      { ...FROM_PAGE, 'sec-fetch-site': 'same-site' },
      { ...FROM_PAGE, 'sec-fetch-site': 'none' },
    ])
      expect((await releases({ cookie, ...headers })).statusCode).toBe(401);
  });

  test('is started and ended by the page only', async () => {
    const { server, app, send } = await start();
    const payload = { token: app.token };
    const foreign = await server.app.inject({ method: 'POST', url: '/admin/session', payload });
    expect([foreign.statusCode, foreign.headers['set-cookie']]).toEqual([403, undefined]);
    expect((await server.app.inject({ method: 'DELETE', url: '/admin/session' })).statusCode).toBe(403);
    const ended = await send('DELETE', '/admin/session');
    expect(ended.headers['set-cookie']).toContain(
      '__Host-synckit-ota=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0',
    );
  });

  test('cannot be made up or changed', async () => {
    const { signIn, releases } = await start();
    const { cookie } = await signIn();
    const [name = '', value = ''] = cookie.split('=');
    const [, id, expires, key, signature = ''] = value.split('.');
    for (const forged of [
      `operator.${id}.${expires}.${key}.${signature}`,
      `token.${id}.${Number(expires) + 1}.${key}.${signature}`,
      `token.${id}.${expires}.00000000.${signature}`,
      `token.${id}.${expires}.${key}.${'A'.repeat(43)}`,
      `token.${id}.${expires}.${key}.`,
      '',
    ])
      expect((await releases({ cookie: `${name}=${forged}`, ...FROM_PAGE })).statusCode).toBe(401);
  });

  test('ends with its token, after twelve hours, and with the keys that signed it', async () => {
    const { server, app, signIn, releases } = await start();
    const first = await signIn();
    server.now = new Date(server.now.getTime() + 12 * 3_600_000);
    expect((await releases({ cookie: first.cookie, ...FROM_PAGE })).statusCode).toBe(401);
    const second = await signIn();
    await replaceUrlSigningKeys(server.database.queries, server.now, by(server.now)); // `keys rotate --no-grace`
    expect((await releases({ cookie: second.cookie, ...FROM_PAGE })).statusCode).toBe(401);
    const third = await signIn();
    const [{ id = '' } = {}] = await listTokens(server.database.queries, app.id);
    const { statusCode } = await server.app.inject({
      method: 'DELETE',
      url: `/admin/apps/${app.id}/tokens/${id}`,
      headers: { cookie: third.cookie, ...FROM_PAGE },
    });
    expect(statusCode).toBe(204);
    expect((await releases({ cookie: third.cookie, ...FROM_PAGE })).statusCode).toBe(401);
    expect((await listAudit(server.database.queries, { limit: 1 }))[0]).toMatchObject({
      action: 'token.revoked',
    });
  });

  test('gives what its token does, and no other app', async () => {
    const { server, app, signIn, releases } = await start();
    const token = await server.createToken(app.id, { scopes: ['release:read'] });
    const other = await server.createApp({ slug: 'other-app' });
    const { cookie } = await signIn({ token });
    expect((await releases({ cookie, ...FROM_PAGE }, other.id)).statusCode).toBe(404);
    for (const path of ['tokens', 'trust', 'audit']) {
      const reply = await server.app.inject({
        url: `/admin/apps/${app.id}/${path}`,
        headers: { cookie, ...FROM_PAGE },
      });
      expect([path, reply.statusCode]).toEqual([path, 403]);
    }
  });

  test('is not guessed: invalid tokens are counted', async () => {
    const { signIn } = await start();
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await signIn({ token: `sko_${i}` })).reply.statusCode);
    expect(statuses).toContain(401);
    expect(statuses.at(-1)).toBe(429);
    expect((await signIn()).reply.statusCode).toBe(200);
  });
});

describe('attack W4: the link that serve prints', () => {
  test('signs in once, within its time, and the one before it does not', async () => {
    const { server, link, signIn } = await start();
    expect((await link('first', 0)).reply.statusCode).toBe(401);
    const second = { secret: 'second', until: new Date(server.now.getTime() + 1000) };
    await saveOperatorLink(server.database.queries, second, by(server.now));
    const { reply } = await link('third');
    expect(reply.json().session).toMatchObject({ kind: 'operator', apps: [{ slug: 'my-app' }] });
    for (const secret of ['second', 'third', 'undefined', ''])
      expect((await signIn({ link: secret })).reply.statusCode).toBe(401);
    const [entry] = await listAudit(server.database.queries, { limit: 1 });
    expect(entry).toMatchObject({
      action: 'operator.signed_in',
      actor_kind: 'operator',
      address: '127.0.0.1',
    });
  });

  test('gives every app, and new ones', async () => {
    const { server, app, link, send, releases } = await start();
    const { cookie } = await link();
    expect((await releases({ cookie, ...FROM_PAGE })).statusCode).toBe(200);
    const payload = { name: 'Other', slug: 'other-app' };
    const headers = { cookie };
    const created = await send('POST', '/admin/apps', { payload, headers });
    expect(created.statusCode).toBe(201);
    expect(
      (await releases({ authorization: `Bearer ${created.json().token}` }, created.json().id)).statusCode,
    ).toBe(200);
    expect((await send('POST', '/admin/apps', { payload, headers })).json().code).toBe('slug_taken');
    const reserved = { name: 'Other', slug: 'admin' };
    expect((await send('POST', '/admin/apps', { payload: reserved, headers })).json().code).toBe(
      'slug_reserved',
    );
    const tokens = await send('GET', `/admin/apps/${app.id}/tokens`, { headers });
    expect(tokens.json()).toMatchObject([{ name: 'test', revoked_at: null }]);
    expect(tokens.body).not.toMatch(/hash|sko_/);
    expect((await send('GET', `/admin/apps/${app.id}/trust`, { headers })).json()).toEqual([]);
    expect((await send('GET', `/admin/apps/${app.id}/audit`, { headers })).json()[0]).toMatchObject({
      action: 'token.created',
    });
    const [last] = await listAudit(server.database.queries, { limit: 1 });
    expect(last).toMatchObject({ actor_kind: 'operator', actor_name: 'page' });
  });

  test('is not what a token signs in to: no new apps', async () => {
    const { send, signIn } = await start();
    const { cookie } = await signIn();
    const payload = { name: 'Other', slug: 'other-app' };
    expect((await send('POST', '/admin/apps', { payload, headers: { cookie } })).statusCode).toBe(401);
    expect((await send('POST', '/admin/apps', { payload })).statusCode).toBe(401);
  });
});
