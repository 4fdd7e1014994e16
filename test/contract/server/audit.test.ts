import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { listAudit } from '../../../src/database/queries/audit.ts';
import { readTokenUses, recordTokenUses } from '../../../src/database/queries/tokens.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import { createApp } from '../../../src/server/app.ts';
import { TokenUses } from '../../../src/server/audit/token-uses.ts';
import { bytesOf, MAC, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

/** The entries of an app besides those that created it, with their details parsed. */
async function entriesOf({ server, id }: Publisher) {
  const all = await listAudit(server.database.queries, { appId: id, limit: 1000 });
  return all
    .filter(({ action }) => action !== 'app.created' && action !== 'token.created')
    .map((entry) => ({ ...entry, details: JSON.parse(entry.details) as Record<string, unknown> }));
}

async function tokenIdOf({ server, id }: Publisher): Promise<string> {
  const { id: tokenId } = await server.database.queries
    .selectFrom('tokens')
    .select('id')
    .where('app_id', '=', id)
    .executeTakeFirstOrThrow();
  return tokenId;
}

describeOnEachStore('attack M11: the audit log', ({ start }) => {
  test('says which token did what to a release, from which address', async () => {
    const server = await (await start()).open();
    const app = await Publisher.on(server);
    const id = await app.publish('1.0.0');
    requireStatus(await app.send('PUT', '/slug', { body: { slug: 'next-app' } }), 200);
    const remoteAddress = '203.0.113.7';
    const patch = (body: object) => app.send('PATCH', `/releases/${id}`, { body, remoteAddress });
    requireStatus(await patch({ notes: 'better' }), 200);
    requireStatus(await patch({ status: 'yanked' }), 200);
    requireStatus(await patch({ status: 'published' }), 200);
    await app.delete(id);
    const entries = await entriesOf(app);
    expect(entries.map(({ action }) => action)).toEqual([
      ...['release.created', 'file.completed', 'app.slug_set', 'release.edited', 'release.yanked'],
      ...['release.restored', 'release.deleted'],
    ]);
    const tokenId = await tokenIdOf(app);
    for (const { actor_kind, actor_id, actor_name } of entries)
      expect({ actor_kind, actor_id, actor_name }).toEqual({
        ...{ actor_kind: 'token', actor_id: tokenId, actor_name: 'test' },
      });
    const [, completed, slug, edited] = entries;
    expect(completed?.details).toMatchObject({ version: '1.0.0', platform: 'linux-x86_64', release_id: id });
    expect(slug).toMatchObject({ address: '127.0.0.1', details: { slug: 'next-app', before: 'my-app' } });
    expect(edited).toMatchObject({
      address: remoteAddress,
      details: { notes: { before: null, after: 'better' } },
    });
    expect(edited?.request_id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await verifyAudit(server.database.queries)).problems).toEqual([]);
  });

  test('has an upload with bytes that were not declared as refused, under the token that announced it', async () => {
    const server = await (await start()).open();
    const app = await Publisher.on(server);
    const releaseId = await app.createRelease('1.0.0');
    const sha256 = 'a'.repeat(64);
    const url = await app.requestUpload(releaseId, 10, MAC, { sha256 });
    const refused = await app.upload(releaseId, url, randomBytes(10));
    expect(refused.statusCode).toBe(422);
    await vi.waitFor(async () => {
      expect((await entriesOf(app)).at(-1)).toMatchObject({
        ...{ action: 'upload.refused', outcome: 'refused', actor_id: await tokenIdOf(app) },
        details: { code: 'content_mismatch', field: 'sha256', platform: 'darwin-aarch64', version: '1.0.0' },
      });
    });
  });
});

describe('attack M11: what a valid token is refused', () => {
  test('is recorded once, and then counted: a token cannot flood the log', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    const token = await server.createToken(app.id, { scopes: ['release:read'] });
    for (let i = 0; i < 200; i++)
      requireStatus(await app.send('POST', '/releases', { token, body: { version: '1.0.0' } }), 403);
    await app.send('PUT', '/slug', { token, body: { slug: 'mine' } });
    const { app: fastify } = server;
    await vi.waitFor(async () => expect(await entriesOf(app)).toHaveLength(1));
    const [first] = await entriesOf(app);
    expect(first).toMatchObject({
      ...{ action: 'request.refused', outcome: 'refused', actor_kind: 'token', address: '127.0.0.1' },
      details: { code: 'forbidden', method: 'POST' },
    });
    await fastify.close(); // what was only counted is recorded now
    expect((await entriesOf(app)).at(-1)?.details).toMatchObject({ code: 'forbidden', times: 200 });
    expect(await entriesOf(app)).toHaveLength(2);
  });

  test('includes what it tries on another app', async () => {
    const server = await startServer();
    const own = await Publisher.on(server);
    const other = await Publisher.on(server, { slug: 'other-app' });
    requireStatus(await other.send('GET', '/releases', { token: own.token }), 404);
    await vi.waitFor(async () => {
      expect((await entriesOf(own)).at(-1)).toMatchObject({
        ...{ action: 'request.refused', outcome: 'refused' },
        details: { code: 'not_found', app_id: other.id },
      });
    });
    expect(await entriesOf(other)).toEqual([]);
  });

  test('does not include what a caller without a valid token tries', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    requireStatus(await app.send('POST', '/releases', { token: 'sko_junk', body: {} }), 401);
    expect(await entriesOf(app)).toEqual([]);
  });
});

describe('attack T05: the log of requests', () => {
  test('names the id of the token, and never the token', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => lines.push(line) });
    const logged = createApp(server.services, logger);
    const url = `/api/sync/ota/apps/${app.id}`;
    await logged.inject({ url, headers: { authorization: `Bearer ${app.token}` } });
    await logged.close();
    const line = lines.map((text) => JSON.parse(text)).find(({ msg }) => msg === 'request');
    expect(line).toMatchObject({ path: url, status: 200, token: await tokenIdOf(app) });
    expect(lines.join('')).not.toContain(app.token);
  });
});

describe('attack M11: the last use of a token', () => {
  test('is known to the minute, and written beside the requests', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    const { queries } = server.database;
    const tokenId = await tokenIdOf(app);
    const lastUse = async () => (await readTokenUses(queries)).get(tokenId);
    const tokenUses = new TokenUses(server.services, server.app.log);
    const used = () => tokenUses.used(tokenId);
    used();
    expect(await lastUse()).toBeUndefined();
    const first = server.now.getTime();
    await tokenUses.write();
    expect(await lastUse()).toBe(first);
    server.now = new Date(first + 59_000);
    used();
    await tokenUses.write();
    expect(await lastUse()).toBe(first);
    server.now = new Date(first + 60_000);
    used();
    await tokenUses.write();
    expect(await lastUse()).toBe(first + 60_000);
    expect((await verifyAudit(queries)).problems).toEqual([]);
  });

  test('is written by the server that got the request', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    requireStatus(await app.send('GET', '/releases'), 200);
    await server.app.close();
    const { queries } = server.database;
    expect((await readTokenUses(queries)).get(await tokenIdOf(app))).toBe(server.now.getTime());
  });

  test('changes nothing of what checks answer', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    await app.publish('1.0.0', bytesOf('1.0.0'));
    const before = server.database.changeCounter();
    await recordTokenUses(server.database.queries, [{ tokenId: await tokenIdOf(app), usedAt: 1 }]);
    expect(server.database.changeCounter()).toBe(before);
  });
});
