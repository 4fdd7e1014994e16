import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { isComplete } from '../../../../src/database/queries/artifacts.ts';
import { formatPublicKey } from '../../../../src/protocol/minisign.ts';
import { generateSigningKeyPair } from '../../../../src/protocol/minisign-signer.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { bytesOf, LINUX, MAC, Publisher, startServer } from '../../../support/publish/publisher.ts';
import type { TestServer } from '../../../support/server/server.ts';

const BYTES = randomBytes(1000);

async function startPublisher() {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  return { server, app: await Publisher.on(server), dataDir };
}

/** How many files are staged and stored. */
async function filesIn(dataDir: string) {
  const [staging, artifacts] = await Promise.all(
    ['staging', 'artifacts'].map(async (folder) => (await readdir(join(dataDir, folder))).length),
  );
  return { staging, artifacts };
}

async function statusesOf(server: TestServer): Promise<string[]> {
  const rows = await server.database.queries.selectFrom('artifacts').select('status').execute();
  return rows.map(({ status }) => status);
}

describe('R17: of 20 parallel uploads to one URL', () => {
  async function putAll(bodies: readonly Buffer[]) {
    const { server, app, dataDir } = await startPublisher();
    const url = await app.promise('1.0.0', BYTES.length);
    const replies = await Promise.all(bodies.map((body) => app.put(url, body)));
    return { server, app, dataDir, replies };
  }

  test.each([
    ['the same bytes', () => BYTES],
    ['different bytes', (_: unknown, i: number) => Buffer.alloc(BYTES.length, i)],
  ])('of %s, one is stored and nothing else is left on disk', async (_what, body) => {
    const bodies = Array.from({ length: 20 }, body);
    const { server, app, dataDir, replies } = await putAll(bodies);
    const stored = replies.flatMap(({ statusCode }, i) => (statusCode === 200 ? [bodies[i]] : []));
    expect(stored).toHaveLength(1);
    expect(await app.fetchOffer()).toEqual(stored[0]);
    expect(await filesIn(dataDir)).toEqual({ staging: 0, artifacts: 1 });
    expect(await statusesOf(server)).toEqual(['complete']);
  });

  test('the others are refused because the file exists, not because the upload is unknown', async () => {
    const { replies } = await putAll(Array.from({ length: 20 }, () => BYTES));
    const refused = replies.filter(({ statusCode }) => statusCode !== 200);
    expect(refused.map(({ statusCode }) => statusCode)).toEqual(Array(19).fill(409));
  });
});

test('of parallel uploads to several URLs of one platform one is stored, and nothing else is left on disk', async () => {
  const { app, dataDir } = await startPublisher();
  const releaseId = await app.createRelease('1.0.0');
  const bodies = Array.from({ length: 10 }, (_, i) => Buffer.alloc(100, i));
  const urls = await Promise.all(bodies.map(() => app.requestUpload(releaseId, 100)));
  const replies = await Promise.all(bodies.map((body, i) => app.put(urls[i] ?? '', body)));
  const statuses = replies.map(({ statusCode }) => statusCode);
  expect(statuses.toSorted()).toEqual([200, ...Array(9).fill(409)]);
  expect(await app.fetchOffer()).toEqual(bodies[statuses.indexOf(200)]);
  expect(await filesIn(dataDir)).toEqual({ staging: 0, artifacts: 1 });
});

test('a release that is deleted during an upload to it leaves nothing behind', async () => {
  const { server, app, dataDir } = await startPublisher();
  const releaseId = await app.createRelease('1.0.0');
  const url = await app.requestUpload(releaseId, BYTES.length);
  const promote = server.disk.promote.bind(server.disk);
  server.disk.promote = async (key) => {
    await promote(key);
    await app.delete(releaseId);
  };
  expect((await app.put(url, BYTES)).statusCode).toBe(404);
  expect(await filesIn(dataDir)).toEqual({ staging: 0, artifacts: 0 });
  expect(await app.offered()).toBeUndefined();
});

test('if the database fails after the bytes were promoted, nothing is offered, and the same URL works later', async () => {
  const { server, app } = await startPublisher();
  const url = await app.promise('1.0.0', BYTES.length);
  const db = server.database.queries;
  await sql`create trigger fail before update on artifacts begin select raise(abort, 'planted'); end`.execute(
    db,
  );
  expect((await app.put(url, BYTES)).statusCode).toBe(503);
  expect(await app.offered()).toBeUndefined();
  await sql`drop trigger fail`.execute(db);
  expect((await app.put(url, BYTES)).statusCode).toBe(200);
  expect(await app.fetchOffer()).toEqual(BYTES);
});

test('an upload is completed by its own platform only', async () => {
  const { server, app } = await startPublisher();
  const releaseId = await app.createRelease('1.0.0');
  const linuxBytes = bytesOf('1.0.0', LINUX);
  const url = await app.requestUpload(releaseId, linuxBytes.length, LINUX);
  await app.requestUpload(releaseId, linuxBytes.length, MAC);
  expect((await app.put(url, linuxBytes)).statusCode).toBe(200);
  expect(await isComplete(server.database.queries, releaseId, LINUX)).toBe(true);
  expect(await isComplete(server.database.queries, releaseId, MAC)).toBe(false);
});

test('a file larger than the operator allows is refused before its upload, and one of exactly that size is accepted', async () => {
  const app = await Publisher.on(await startServer({ maxArtifactSize: 1000 }));
  const releaseId = await app.createRelease('1.0.0');
  const request = (fileSize: number) =>
    app.send('POST', `/releases/${releaseId}/artifacts`, { body: { ...LINUX, file_size: fileSize } });
  expect((await request(1001)).statusCode).toBe(413);
  expect((await request(1001)).json().errors).toEqual([
    { field: 'file_size', message: 'must be at most 1 kB on this server' },
  ]);
  expect((await request(1000)).statusCode).toBe(201);
});

test('a version that was live can be published again with other bytes if version reuse is allowed', async () => {
  const app = await Publisher.on(await startServer({ allowVersionReuse: true }));
  await app.delete(await app.publish('1.0.0', Buffer.from('first')));
  await app.publish('1.0.0', Buffer.from('other'));
  expect(await app.fetchOffer()).toEqual(Buffer.from('other'));
});

test.each([
  [true, 201],
  [false, 409],
])(
  'field 1: with version reuse %s, a deleted version with another key in its build gets %i',
  async (allowVersionReuse, status) => {
    const app = await Publisher.on(await startServer({ allowVersionReuse }));
    const [was, is] = [generateSigningKeyPair(), generateSigningKeyPair()];
    const releaseId = await app.publish('1.0.0', Buffer.from('first'));
    const change = { body: { embedded_pubkey: formatPublicKey(was.publicKey) } };
    expect((await app.send('PATCH', `/releases/${releaseId}`, change)).statusCode).toBe(200);
    await app.delete(releaseId);
    const body = { version: '1.0.0', embedded_pubkey: formatPublicKey(is.publicKey) };
    expect((await app.send('POST', '/releases', { body })).statusCode).toBe(status);
  },
);
