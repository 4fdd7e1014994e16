import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { MAX_PARTS, MAX_SINGLE_PUT } from '../../../src/protocol/upload/multipart.ts';
import { UPLOAD_URL_LIFE_MS } from '../../../src/server/services.ts';
import { createArrivingUploads } from '../../../src/server/uploads/arriving-uploads.ts';
import { times } from '../../support/process/torture.ts';
import { grantMultipart } from '../../support/publish/multipart-publisher.ts';
import { LINUX, Publisher } from '../../support/publish/publisher.ts';
import { openRemoteWorld } from '../../support/publish/remote-publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER } from '../../support/s3/s3-server.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import type { TestServer } from '../../support/server/server.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const MIB = 1024 * 1024;
const HOUR = 60 * 60 * 1000;
/** The smallest that Ceph accepts. */
const PART_SIZE = 5 * MIB;
const SMALL_PARTS = { pollSchedule: NEVER, partSizeOf: () => PART_SIZE };
const BYTES = randomBytes(PART_SIZE + 1000);
const NOTHING = { staging: 0, artifacts: 0, uploads: [] };
const ONE_FILE = { staging: 0, artifacts: 1, uploads: [] };

describeOnEachStore('an upload in parts', ({ start }) => {
  async function openWorld() {
    const store = await start();
    const server = await store.open(SMALL_PARTS);
    const app = await Publisher.on(server);
    const left = async () => ({ ...(await store.kept()), uploads: await store.unfinished() });
    return { store, server, app, left, promise: grantMultipart.bind(undefined, app) };
  }

  test('R12: is refused if one bit of any part flipped on the way, and none of it is kept', async () => {
    const { left, app, promise } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const flips = times(4, 100);
    for (let i = 0; i < flips; i++) {
      const bytes = Buffer.from(BYTES);
      const at = i % 2 === 0 ? Math.floor((i * PART_SIZE) / flips) : bytes.length - 1 - i;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
      const parted = await promise(releaseId, BYTES);
      const reply = await parted.complete(await parted.putAll(bytes));
      expect(reply.statusCode).toBe(422);
      expect(reply.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'sha256' }] });
      expect(await left()).toEqual(NOTHING);
    }
    expect(await app.offered()).toBeUndefined();
    const parted = await promise(releaseId, BYTES);
    expect((await parted.complete(await parted.putAll())).statusCode).toBe(200);
    expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
    expect(await left()).toEqual(ONE_FILE);
  });

  test('can be completed with the largest number of parts and the longest ETags', async () => {
    const { app, promise } = await openWorld();
    const parted = await promise(await app.createRelease('1.0.0'), BYTES);
    const reply = await parted.complete(Array.from({ length: MAX_PARTS }, () => `"${'a'.repeat(100)}"`));
    expect(reply.json()).toMatchObject({ status: 425, code: 'not_uploaded' }); // read, and other parts than have arrived
  });

  test.each([
    'the release is live',
    'a higher one is live',
    'the release is deleted',
    'the version came back',
  ])('R10: changes nothing that is served through the URLs of its parts when %s', async (state) => {
    const { left, app, promise } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const parted = await promise(releaseId, BYTES);
    expect((await parted.complete(await parted.putAll())).statusCode).toBe(200);
    const publishAgain = async (version: string) => {
      const again = await promise(await app.createRelease(version), BYTES);
      expect((await again.complete(await again.putAll())).statusCode).toBe(200);
    };
    if (state === 'a higher one is live') await publishAgain('2.0.0');
    if (state === 'the release is deleted' || state === 'the version came back') await app.delete(releaseId);
    if (state === 'the version came back') await publishAgain('1.0.0');
    const before = await app.offered();
    for (let i = 0; i < times(3, 100); i++) {
      const { statusCode } = await parted.put(2, randomBytes(1000));
      expect(statusCode).toBe(404);
    }
    expect((await parted.complete(['aa', 'bb'])).statusCode).toBe(
      before === undefined || state === 'the version came back' ? 404 : 200,
    );
    expect(await app.offered()).toBe(before);
    if (before !== undefined) expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
    expect((await left()).uploads).toEqual([]);
  });

  test('of the same file by two jobs at once becomes one file, complete for both', async () => {
    const { left, app, promise } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const [first, second] = await Promise.all([promise(releaseId, BYTES), promise(releaseId, BYTES)]);
    const etags = await Promise.all([first.putAll(), second.putAll()]);
    const replies = await Promise.all([first.complete(etags[0]), second.complete(etags[1])]);
    const shared = first.uploadId === second.uploadId;
    expect(replies.map(({ statusCode }) => statusCode).sort()).toEqual(shared ? [200, 200] : [200, 409]);
    expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
    expect(await left()).toEqual(ONE_FILE);
  });

  test('that a second job resumes can be completed by both at once', async () => {
    const { left, app, promise } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const first = await promise(releaseId, BYTES);
    await first.put(1);
    const second = await promise(releaseId, BYTES);
    expect(second.uploadId).toBe(first.uploadId);
    expect(second.multipart.done).toHaveLength(1);
    const etags = await second.putAll();
    const all = await Promise.all(
      Array.from({ length: 5 }, (_, i) => (i % 2 ? first : second).complete(etags)),
    );
    expect(all.map(({ statusCode, body }) => `${statusCode} ${body}`)).toEqual(
      Array(5).fill(expect.stringMatching(/^200 \{"status":"complete"/)),
    );
    expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
    expect(await left()).toEqual(ONE_FILE);
  });

  test('R17: of different files by two jobs at once becomes one of them, whole, and the other job is refused', async () => {
    const { left, app, promise } = await openWorld();
    const other = Buffer.concat([BYTES.subarray(0, PART_SIZE), randomBytes(1000)]);
    for (let i = 0; i < times(2, 20); i++) {
      const releaseId = await app.createRelease(`1.0.${i}`);
      const [first, second] = await Promise.all([promise(releaseId, BYTES), promise(releaseId, other)]);
      const [ours, theirs] = await Promise.all([first.putAll(), second.putAll()]);
      expect((await first.complete(theirs)).statusCode).toBe(425);
      const replies = await Promise.all([first.complete(ours), second.complete(theirs)]);
      expect(replies.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409]);
      const winner = replies[0].statusCode === 200 ? BYTES : other;
      expect((await app.fetchOffer()).equals(winner)).toBe(true);
      expect(await left()).toEqual({ ...ONE_FILE, artifacts: i + 1 });
    }
  });

  test('that is overtaken by a plain PUT to its upload URL becomes that file, and its parts are dropped', async () => {
    const { left, app } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const { put } = await grantMultipart(app, releaseId, BYTES);
    await put(1);
    const url = await app.requestUpload(releaseId, BYTES.length);
    await app.put(url, BYTES);
    const { id } = await app.server.database.queries
      .selectFrom('artifacts')
      .select('id')
      .where('multipart_id', 'is', null)
      .executeTakeFirstOrThrow();
    expect((await app.send('POST', `/releases/${releaseId}/artifacts/${id}/complete`)).statusCode).toBe(200);
    expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
    await maintainAfter(app.server, UPLOAD_URL_LIFE_MS + 25 * HOUR);
    expect(await left()).toEqual(ONE_FILE);
  });

  test('that is abandoned is aborted a day after its grant, or after the grant was last extended', async () => {
    const { left, app, promise } = await openWorld();
    const { queries } = app.server.database;
    const releaseId = await app.createRelease('1.0.0');
    const parted = await promise(releaseId, BYTES);
    await parted.put(1);
    await maintainAfter(app.server, UPLOAD_URL_LIFE_MS + 23 * HOUR);
    expect((await left()).uploads).toHaveLength(1);

    const extended = Date.now() + 72 * HOUR; // as by a client that goes on for days
    await queries.updateTable('artifacts').set({ expires_at: extended }).execute();
    await maintainAfter(app.server, 48 * HOUR); // in between: a clock that leaps two days is not believed at once
    await maintainAfter(app.server, 71 * HOUR);
    expect((await promise(releaseId, BYTES)).multipart.done).toHaveLength(1);

    await maintainAfter(app.server, 72 * HOUR);
    expect(await left()).toEqual(NOTHING);
    const again = await promise(releaseId, BYTES);
    expect(again.multipart.done).toEqual([]);
    expect((await again.complete(await again.putAll())).statusCode).toBe(200);
    expect(await left()).toEqual(ONE_FILE);
  });

  test('attack storage abuse: of a deleted release is aborted in the next round', async () => {
    const { left, app, promise } = await openWorld();
    const releaseId = await app.createRelease('1.0.0');
    const kept = await promise(await app.createRelease('2.0.0'), BYTES);
    await (await promise(releaseId, BYTES)).put(1);
    await app.delete(releaseId);
    expect((await left()).uploads).toHaveLength(2);
    await maintainAfter(app.server, 60_000);
    expect((await left()).uploads).toEqual([kept.uploadId]);
  });
});

/** Runs the server's maintenance as if it were that much later. */
async function maintainAfter({ services }: TestServer, milliseconds: number): Promise<void> {
  const clock = () => new Date(Date.now() + milliseconds);
  await maintainOnce({ ...services, clock });
}

test('a file of more than 5 GiB is accepted in parts only', async () => {
  const world = await openRemoteWorld(await fakeS3Place(), { pollSchedule: NEVER, maxArtifactSize: 2 ** 43 });
  const releaseId = await world.app.createRelease('1.0.0');
  const ask = async (file_size: number, multipart: boolean) => {
    const body = { ...LINUX, file_size, sha256: 'a'.repeat(64), multipart };
    return world.app.send('POST', `/releases/${releaseId}/artifacts`, { body });
  };
  expect((await ask(MAX_SINGLE_PUT, false)).statusCode).toBe(201);
  expect((await ask(MAX_SINGLE_PUT + 1, false)).json()).toMatchObject({
    code: 'too_large',
    errors: [{ field: 'file_size', message: expect.stringContaining('without multipart') }],
  });
  const { multipart } = (await ask(MAX_SINGLE_PUT + 1, true)).json();
  expect(multipart.parts).toHaveLength(100);
  expect(multipart.part_size * 1000).toBeGreaterThan(MAX_SINGLE_PUT);
});

test('an assembly that takes long is waited for only up to a limit, and not started twice', async () => {
  const place = await fakeS3Place();
  const { fake } = place;
  const { app, server } = await openRemoteWorld(place, SMALL_PARTS);
  const parted = await grantMultipart(app, await app.createRelease('1.0.0'), BYTES);
  const etags = await parted.putAll();
  let finish = () => {};
  const finished = new Promise<undefined>((resolve) => {
    finish = () => resolve(undefined);
  });
  onTestFinished(() => finish());
  let started = 0;
  fake.intercept = ({ method, query }) => {
    if (method !== 'POST' || !query.has('uploadId')) return undefined;
    started++;
    return finished;
  };
  const logger = pino({ enabled: false });
  const uploads = createArrivingUploads(server.services, logger);
  if (uploads === undefined) throw new Error('it takes no uploads in parts');
  const { finalizer, assembly } = uploads;
  const upload = {
    status: 'pending',
    fileSize: BYTES.length,
    sha256: null,
    multipartId: [...fake.store.uploads.keys()][0] ?? '',
    channel: 'stable',
  } as const;
  const finalize = (withinMs: number) =>
    finalizer.finalize(parted.uploadId, {
      withinMs,
      assemble: () => assembly.assemble(parted.uploadId, upload, etags),
    });
  expect(await finalize(100)).toEqual({ kind: 'pending' });
  expect(await finalize(100)).toEqual({ kind: 'pending' });
  const third = finalize(60_000);
  finish();
  expect(await third).toEqual({ kind: 'complete', wentLive: false }); // it was no draft
  expect(started).toBe(1);
  expect((await app.fetchOffer()).equals(BYTES)).toBe(true);
});
