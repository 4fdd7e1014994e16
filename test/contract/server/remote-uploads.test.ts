import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Platform } from '../../../src/protocol/platform.ts';
import { DEFAULT_POLL_SCHEDULE } from '../../../src/server/uploads/poll-schedule.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { LINUX, MAC, requireStatus } from '../../support/publish/publisher.ts';
import { openRemoteWorld, type RemoteWorld, sha256Of } from '../../support/publish/remote-publisher.ts';
import { flipped } from '../../support/s3/fake-s3/object-store.ts';
import type { Answer } from '../../support/s3/fake-s3/operations.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, startS3Server } from '../../support/s3/s3-server.ts';
import { generateKey, signFile } from '../../support/tauri/signer.ts';

const BYTES = randomBytes(1000);

/** What the database says of the artifacts. */
async function statusesOf({ server }: RemoteWorld): Promise<string[]> {
  const rows = await server.database.queries.selectFrom('artifacts').select('status').execute();
  return rows.map(({ status }) => status).sort();
}

describeOnS3('an upload', (openPlace) => {
  test('is refused if its signature does not verify, and accepted if it does', async () => {
    const folder = await tempFolder();
    const key = await generateKey(folder);
    const file = join(folder, 'app.bin');
    await writeFile(file, BYTES);
    const signature = (await readFile(await signFile(key, file), 'utf8')).trim();
    const place = await openPlace();
    const world = await openRemoteWorld(place, { pollSchedule: NEVER, pubkey: key.publicKey });
    const promised = await world.promise('1.0.0', BYTES.length, { signature });
    await world.app.put(promised.url, flipped(BYTES));
    expect((await world.complete(promised)).json()).toMatchObject({
      code: 'content_mismatch',
      errors: [{ field: 'signature' }],
    });
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
    await world.app.put(promised.url, BYTES);
    expect((await world.complete(promised)).statusCode).toBe(200);
    expect(await world.app.fetchOffer()).toEqual(BYTES);
  });

  test.each([
    ['the same bytes', () => BYTES],
    ['different bytes', (_: unknown, i: number) => Buffer.alloc(BYTES.length, i)],
  ])('R17: of 20 at once to one URL, with %s, one is served and nothing else is left', async (_, body) => {
    const place = await openPlace();
    const world = await openRemoteWorld(place);
    const { url, releaseId } = await world.promise('1.0.0', BYTES.length);
    const bodies = Array.from({ length: 20 }, body);
    const replies = await Promise.all(bodies.map((bytes) => world.app.put(url, bytes)));
    expect(replies.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(200));
    await world.app.untilVisible(releaseId);
    expect(bodies).toContainEqual(await world.app.fetchOffer());
    expect(await statusesOf(world)).toEqual(['complete']);
    expect((await objectsIn(place)).artifacts).toBe(1);
  });

  test('R17: of 10 at once for one platform, one is served and nothing else is left', async () => {
    const place = await openPlace();
    const world = await openRemoteWorld(place, { pollSchedule: NEVER });
    const releaseId = await world.app.createRelease('1.0.0');
    const bodies = Array.from({ length: 10 }, (_, i) => Buffer.alloc(100, i));
    const urls = await Promise.all(bodies.map(() => world.app.requestUpload(releaseId, 100)));
    await Promise.all(bodies.map((bytes, i) => world.app.put(urls[i] ?? '', bytes)));
    const rows = await world.server.database.queries.selectFrom('artifacts').select('id').execute();
    const replies = await Promise.all(
      rows.map(({ id }) => world.complete({ releaseId, uploadId: id, url: '' })),
    );
    expect(replies.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array(9).fill(409)]);
    expect(bodies).toContainEqual(await world.app.fetchOffer());
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 1, uploads: [] });
  });
});

describe('R10: bytes that are replaced while they are finalized', () => {
  const steps = ['HEAD staging', 'PUT artifacts', 'GET artifacts', 'GET staging', 'DELETE staging'];

  test.each(steps.flatMap((step) => [true, false].map((declared) => [step, declared] as const)))(
    'before %s (SHA-256 declared: %s) are never served under the hash of others',
    async (at, declared) => {
      const place = await fakeS3Place();
      const { fake } = place;
      const world = await openRemoteWorld(place, { pollSchedule: NEVER });
      const fields = declared ? { sha256: sha256Of(BYTES) } : {};
      const promised = await world.promise('1.0.0', BYTES.length, fields);
      const staged = `${place.location.prefix}staging/${promised.uploadId}`;
      await world.app.put(promised.url, BYTES);
      const others = [flipped(BYTES), Buffer.alloc(BYTES.length)];
      fake.intercept = ({ method, key }) => {
        const folder = key.startsWith(`${place.location.prefix}staging/`) ? 'staging' : 'artifacts';
        const other = `${method} ${folder}` === at ? others.shift() : undefined;
        if (other) fake.store.put(staged, other);
        return undefined;
      };
      await world.complete(promised);
      fake.intercept = undefined;
      const rows = await world.server.database.queries.selectFrom('artifacts').selectAll().execute();
      for (const { status, sha256 } of rows) {
        if (status !== 'complete') continue;
        const served = await world.app.fetchOffer();
        expect(sha256Of(served)).toBe(sha256);
        if (declared) expect(served).toEqual(BYTES);
      }
      // What came last is not lost, unless the upload is complete.
      await world.app.put(promised.url, BYTES);
      expect((await world.complete(promised)).statusCode).toBe(200);
      expect(sha256Of(await world.app.fetchOffer())).toBe(rows[0]?.sha256 ?? sha256Of(BYTES));
    },
  );
});

test('the right bytes are not dropped if they arrive while wrong ones are refused', async () => {
  const place = await fakeS3Place();
  const { fake } = place;
  const world = await openRemoteWorld(place, { pollSchedule: NEVER });
  const promised = await world.promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
  await world.app.put(promised.url, flipped(BYTES));
  fake.intercept = ({ method, key }) => {
    if (method === 'GET' && key.includes('/artifacts/')) {
      fake.store.put(`${place.location.prefix}staging/${promised.uploadId}`, BYTES);
    }
    return undefined;
  };
  expect((await world.complete(promised)).statusCode).toBe(422);
  expect((await world.complete(promised)).statusCode).toBe(200);
  expect(await world.app.fetchOffer()).toEqual(BYTES);
});

describe('R26: a plain PUT is offered', () => {
  test('however many pending uploads never come', async () => {
    const world = await openRemoteWorld(await fakeS3Place(), { pollSchedule: DEFAULT_POLL_SCHEDULE });
    for (const version of ['0.1.0', '0.2.0', '0.3.0']) {
      const releaseId = await world.app.createRelease(version);
      for (let i = 0; i < 150; i++) await world.app.requestUpload(releaseId, BYTES.length);
    }
    const { url } = await world.promise('1.0.0', BYTES.length);
    await world.app.put(url, BYTES);
    await vi.waitFor(async () => expect(await world.app.offered()).toBe('1.0.0'));
  });

  test('while eight requests wait for uploads that the store does not copy', async () => {
    const place = await fakeS3Place();
    const world = await openRemoteWorld(place, { pollSchedule: DEFAULT_POLL_SCHEDULE });
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, i) => world.promise(`0.1.${i}`, BYTES.length)),
    );
    let mend = () => {};
    const mended = new Promise<Answer>((resolve) => {
      mend = () => resolve({ status: 400 });
    });
    onTestFinished(() => mend());
    place.fake.intercept = ({ header }) => {
      const source = header('x-amz-copy-source') ?? '';
      return asked.some(({ uploadId }) => source.includes(uploadId)) ? mended : undefined;
    };
    const replies = asked.map(async (one) => {
      await world.app.put(one.url, BYTES);
      return world.complete(one);
    });
    const { url } = await world.promise('1.0.0', BYTES.length);
    await world.app.put(url, BYTES);
    await vi.waitFor(async () => expect(await world.app.offered()).toBe('1.0.0'));
    mend();
    await Promise.all(replies);
  });
});

describe('several nodes', () => {
  test('finalize each upload once, even if several are asked to', async () => {
    const place = await fakeS3Place();
    const dataDir = await tempFolder();
    const world = await openRemoteWorld(place, { dataDir });
    const second = await startS3Server(dataDir, place);
    const uploadOnce = async (_: unknown, i: number) => {
      const promised = await world.promise(`1.0.${i}`, BYTES.length, { sha256: sha256Of(BYTES) });
      await world.app.put(promised.url, BYTES);
      const { releaseId, uploadId } = promised;
      const replies = await Promise.all([
        world.complete(promised),
        second.app.inject({
          method: 'POST',
          url: `/api/sync/ota/apps/${world.app.id}/releases/${releaseId}/artifacts/${uploadId}/complete`,
          headers: { authorization: `Bearer ${world.app.token}` },
        }),
      ]);
      expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    };
    await Promise.all(Array.from({ length: 20 }, uploadOnce));
    const copies = place.fake.requests.filter(({ headers }) => headers.includes('x-amz-copy-source'));
    expect(copies).toHaveLength(20);
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 20, uploads: [] });
  });

  test.each([
    ['found nothing left', undefined],
    ['got an error from the store', { status: 500 }],
  ])('report an upload as complete that another finalized while this one %s', async (_, answer) => {
    const place = await fakeS3Place();
    const world = await openRemoteWorld(place, { pollSchedule: NEVER });
    const promised = await world.promise('1.0.0', BYTES.length);
    await world.app.put(promised.url, BYTES);
    const { queries } = world.server.database;
    place.fake.intercept = ({ method, key }) => {
      if (method !== 'HEAD' || !key.endsWith(promised.uploadId)) return undefined;
      const taken = { status: 'complete' as const, storage_key: 'k', sha256: sha256Of(BYTES) };
      const taking = queries.updateTable('artifacts').set(taken).where('id', '=', promised.uploadId);
      return taking.execute().then(() => answer ?? { status: 404 });
    };
    const reply = requireStatus(await world.complete(promised), 200);
    expect(reply.json()).toMatchObject({ status: 'complete', size: BYTES.length });
  });

  test('finalize an upload after the node that had its lease died', async () => {
    const place = await fakeS3Place();
    const world = await openRemoteWorld(place);
    const { url, uploadId, releaseId } = await world.promise('1.0.0', BYTES.length);
    const { queries } = world.server.database;
    const claimed = Date.now() + 1000;
    await queries
      .updateTable('artifacts')
      .set({ leased_until: claimed })
      .where('id', '=', uploadId)
      .execute();
    await world.app.put(url, BYTES);
    await world.app.untilVisible(releaseId);
    expect(Date.now()).toBeGreaterThanOrEqual(claimed);
    expect(await world.app.fetchOffer()).toEqual(BYTES);
  });
});

test('the request that completes an upload learns whether its release went live with it, once', async () => {
  const world = await openRemoteWorld(await fakeS3Place(), { pollSchedule: NEVER });
  const created = await world.app.send('POST', '/releases', {
    body: { version: '1.0.0', signature: 's', expect: ['linux-x86_64', 'darwin-aarch64'] },
  });
  const releaseId = created.json().id;
  const wentLive = async (platform: Platform) => {
    const url = await world.app.requestUpload(releaseId, BYTES.length, platform);
    await world.app.put(url, BYTES);
    const query = world.server.database.queries.selectFrom('artifacts').select('id');
    const { id } = await query.where('target', '=', platform.target).executeTakeFirstOrThrow();
    const complete = () => world.complete({ releaseId, uploadId: id, url });
    return [(await complete()).json().went_live, (await complete()).json().went_live];
  };
  expect(await wentLive(LINUX)).toEqual([false, undefined]);
  expect(await wentLive(MAC)).toEqual([true, undefined]);
});

test('the reason for refusing an upload is recorded with its row, without any request', async () => {
  const place = await fakeS3Place();
  const world = await openRemoteWorld(place);
  const { url, uploadId } = await world.promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
  await world.app.put(url, flipped(BYTES));
  const { queries } = world.server.database;
  const refusal = () =>
    queries.selectFrom('artifacts').select('refusal').where('id', '=', uploadId).executeTakeFirst();
  await vi.waitFor(async () => expect((await refusal())?.refusal).toContain('content_mismatch'));
  expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
});

test('an upload that arrives hours after its URL expired is still found, though polled for rarely', async () => {
  const place = await fakeS3Place();
  const hours = { late: 0 };
  const clock = () => new Date(Date.now() + hours.late * 60 * 60 * 1000);
  const world = await openRemoteWorld(place, { clock, pollSchedule: { first: 20, max: 40 } });
  const { uploadId, releaseId } = await world.promise('1.0.0', BYTES.length);
  const { queries } = world.server.database;
  const pollAt = async () => {
    const query = queries.selectFrom('artifacts').select('poll_at').where('id', '=', uploadId);
    return (await query.executeTakeFirstOrThrow()).poll_at ?? 0;
  };
  hours.late = 4;
  await vi.waitFor(async () => expect(await pollAt()).toBeGreaterThan(clock().getTime() + 50_000));
  place.fake.store.put(`${place.location.prefix}staging/${uploadId}`, BYTES);
  hours.late = 4.1;
  await world.app.untilVisible(releaseId);
});
