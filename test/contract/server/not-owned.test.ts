import { describe, expect, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { Ownership } from '../../../src/ownership/ownership.ts';
import { pathOf, type RouteName, routes } from '../../../src/protocol/routes.ts';
import type { ArtifactStorage } from '../../../src/storage/artifact-storage.ts';
import { signPath } from '../../../src/storage/signed-url.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { LINUX, Publisher, startServer } from '../../support/publish/publisher.ts';
import { signedEnvelope } from '../../support/publish/signed-envelope.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';
import { openS3 } from '../../support/s3/s3-world.ts';
import type { TestServer } from '../../support/server/server.ts';

/** What each route answers while the files are not this database's: the type asks for one of every new route. */
const STATUS_OF: Record<RouteName, number> = {
  capabilities: 200,
  getApp: 200,
  stats: 200,
  explain: 200,
  simulate: 200,
  listReleases: 200,
  check: 200,
  download: 302,
  latest: 302,
  latestJson: 200,
  electronFeed: 404, // there is none for the platform
  electronFile: 404,
  sparkleFeed: 200,
  winsparkleFeed: 200,
  velopackFeed: 404,
  storedFile: 200,
  readManifest: 404,
  manifest: 404,
  putManifest: 503,
  readAttestation: 404,
  attestation: 404,
  putAttestation: 503,
  setSlug: 503,
  events: 503,
  exchangeIdentity: 503,
  createRelease: 503,
  createArtifact: 503,
  completeUpload: 503,
  updateRelease: 503,
  publishRelease: 503,
  promoteRelease: 503,
  deleteRelease: 503,
  upload: 503,
  uploadPart: 503,
};
const all = Object.keys(STATUS_OF) as RouteName[];
const ofDisk: RouteName[] = ['upload', 'uploadPart', 'storedFile'];

const QUERY: Partial<Record<RouteName, string>> = {
  explain: '?version=0.9.0&target=linux&arch=x86_64',
};

const BODY: Partial<Record<RouteName, object>> = {
  setSlug: { slug: 'next-app' },
  events: { version: '1.0.0', target: 'windows', arch: 'x86_64', outcome: 'failed' },
  exchangeIdentity: { identity_token: 'x' },
  simulate: { version: '9.0.0', artifacts: [] },
  createRelease: { version: '9.0.0', signature: 's' },
  createArtifact: { target: 'windows', arch: 'x86_64', file_size: 5 },
  updateRelease: { status: 'yanked' },
  publishRelease: [],
  promoteRelease: { channel: 'beta' },
  putManifest: signedEnvelope({ version: '1.0.0', releaseId: 'r' }),
  putAttestation: unverifiedBundle({ version: '1.0.0', releaseId: 'r' }),
};

const FOREIGN = {
  ...{ database_id: 'another', server: '', instance: '', epoch: 9, nonce: 'n' },
  ...{ renewed_at: 0, holder: 'another' },
};

async function onDisk() {
  const [dataDir, database] = [await tempFolder(), await openSqlite({ dataDir: await tempFolder() })];
  const { disk: storage } = await startServer({}, dataDir);
  const ownership = await Ownership.open({ database, storage, location: 'the place' });
  return { storage, ownership, server: await startServer({ database, ownership }, dataDir) };
}

async function inBucket() {
  const [place, database] = [await fakeS3Place(), await openSqlite({ dataDir: await tempFolder() })];
  const { storage } = await openS3(place);
  const ownership = await Ownership.open({ database, storage, location: 'the place' });
  const server = await startS3Server(await tempFolder(), place, { database, ownership });
  return { storage, ownership, server };
}

interface World {
  readonly server: TestServer;
  readonly ownership: Ownership;
  readonly storage: ArtifactStorage;
}

/** A server that listens, with a live release, and lost its files after that. */
async function loseFiles({ server, ownership, storage }: World) {
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  await app.requestUpload(await app.createRelease('2.0.0'), 5);
  await storage.writeOwner(JSON.stringify(FOREIGN), (await storage.readOwner())?.version);
  await expect(ownership.confirm()).rejects.toMatchObject({ code: 'store_unavailable' });
  const stored = await server.database.queries
    .selectFrom('artifacts')
    .select(['id', 'storage_key'])
    .orderBy('storage_key')
    .execute();
  const parameters = {
    ...{ ...LINUX, app_id: app.id, slug: app.slug, release_id: releaseId, current_version: '0.9.0' },
    ...{ upload_id: stored.find((one) => one.storage_key === null)?.id ?? '', multipart_id: 'm' },
    ...{ part_number: '1', storage_key: stored.find((one) => one.storage_key)?.storage_key ?? '' },
    file_name: 'file',
    channel_file: 'latest.yml',
    appcast: 'appcast.xml',
    version: '1.0.0',
  };
  return async (name: RouteName, method: string) => {
    const path = pathOf(name, parameters) + (QUERY[name] ?? '');
    const expiresAt = new Date(server.services.clock().getTime() + 60_000);
    const signed = { method: method === 'PUT' ? 'PUT' : 'GET', path, expiresAt } as const;
    const { access } = routes[name];
    const target = access === 'signed-url' ? await signPath(server.services.signingKeys, signed) : path;
    const body = ofDisk.includes(name) && method === 'PUT' ? '12345' : JSON.stringify(BODY[name]);
    const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
    const asked = { method, headers, redirect: 'manual' as const, ...(body && { body }) };
    return fetch(url + target, asked);
  };
}

describe.each([
  ['a disk', onDisk, all.filter((name) => name !== 'completeUpload')],
  ['a bucket', inBucket, all.filter((name) => !ofDisk.includes(name))],
] as const)('field 15: a server with files on %s that belong to another database', (_, open, names) => {
  test('answers whatever only reads, and refuses every change', async () => {
    const world = await open();
    const ask = await loseFiles(world);
    const answers: Record<string, number> = {};
    const expected: Record<string, number> = {};
    for (const name of names) {
      const { method } = routes[name];
      for (const asked of method === 'GET' ? ['GET', 'HEAD', 'GET', 'GET'] : [method]) {
        const answer = await ask(name, asked);
        await answer.arrayBuffer();
        answers[`${asked} ${name}`] = answer.status;
        expected[`${asked} ${name}`] = STATUS_OF[name];
      }
    }
    expect(answers).toEqual(expected);
  });

  test('says so to load balancers, and lives', async () => {
    const world = await open();
    await loseFiles(world);
    const { publicUrl } = world.server.services;
    const ready = await fetch(`${publicUrl()}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ reasons: [{ code: 'storage_not_owned' }] });
    for (const method of ['GET', 'HEAD']) {
      expect((await fetch(`${publicUrl()}/livez`, { method })).status).toBe(200);
    }
  });
});
