import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createArrivingUploads } from '../../../src/server/uploads/arriving-uploads.ts';
import { OutageLog } from '../../../src/server/uploads/outage-log.ts';
import { PollLog } from '../../../src/server/uploads/poll-log.ts';
import { UnreliableDatabase } from '../../support/postgres/unreliable-database.ts';
import { passTime } from '../../support/process/pass-time.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { requireStatus } from '../../support/publish/publisher.ts';
import { openRemoteWorld, sha256Of } from '../../support/publish/remote-publisher.ts';
import { flipped } from '../../support/s3/fake-s3/object-store.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER } from '../../support/s3/s3-server.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';

const BYTES = randomBytes(1000);
const HOUR = 60 * 60 * 1000;

describe('R25: a store that answers 503 for a while', () => {
  /** A server on a store that fails the requests `isUnavailable` selects, with a movable clock. */
  async function startOutage() {
    let offset = 0;
    const clock = () => new Date(Date.now() + offset);
    const place = await fakeS3Place({ now: clock });
    const dataDir = await tempFolder();
    const options = { dataDir, clock, pollSchedule: NEVER };
    const world = await openRemoteWorld(place, options);
    for (let patch = 0; patch < 10; patch++) {
      const promised = await world.promise(`0.0.${patch}`, BYTES.length);
      await world.app.put(promised.url, BYTES);
      requireStatus(await world.complete(promised), 200);
    }
    return {
      ...world,
      place,
      fail: (isUnavailable: (request: string) => boolean) => {
        place.fake.intercept = ({ method, key }) => {
          const folder = key.startsWith(`${place.location.prefix}staging/`) ? 'staging' : 'artifacts';
          return isUnavailable(`${method} ${folder}`) ? { status: 503 } : undefined;
        };
      },
      recover: () => {
        place.fake.intercept = undefined;
      },
      /** Runs the server's maintenance that much later. */
      async maintainAfter(milliseconds: number) {
        offset += milliseconds;
        await maintainOnce(world.server.services);
      },
    };
  }

  test.each([
    ['for everything', () => true],
    [
      'for everything but copies',
      (request: string) => request !== 'PUT artifacts' && !request.startsWith('HEAD'),
    ],
    ['for deletions', (request: string) => request.startsWith('DELETE')],
  ])('%s leaves nothing behind of what was tried during that time', async (_, isUnavailable) => {
    const world = await startOutage();
    const { app, place } = world;
    const promised = await world.promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
    const deleted = (await app.send('GET', '/releases')).json()[1].id;
    await app.put(promised.url, BYTES);
    world.fail(isUnavailable);
    for (let look = 0; look < 20; look++) await world.complete(promised);
    await app.delete(deleted);
    const copies = [...place.fake.store.objects.keys()].filter((key) => key.includes('/artifacts/'));
    expect(copies.length).toBeLessThanOrEqual(10 + 10); // no further one is made
    world.recover();

    requireStatus(await world.complete(promised), 200);
    expect(await app.fetchOffer()).toEqual(BYTES);
    await world.maintainAfter(25 * HOUR);
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 10, uploads: [] });
  });

  test('for deletions does not change why an upload is refused', async () => {
    const { app, promise, complete, fail, place } = await startOutage();
    const wrong = await promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
    await app.put(wrong.url, flipped(BYTES));
    const ofOtherSize = await promise('1.0.1', BYTES.length);
    place.fake.store.put(`${place.location.prefix}staging/${ofOtherSize.uploadId}`, BYTES.subarray(1));
    const late = await promise('1.0.2', BYTES.length);
    const url = await app.requestUpload(late.releaseId, BYTES.length);
    await app.put(late.url, BYTES);
    await app.put(url, BYTES);
    const query = app.server.database.queries.selectFrom('artifacts').select('id');
    const { id: first } = await query
      .where('release_id', '=', late.releaseId)
      .where('id', '!=', late.uploadId)
      .executeTakeFirstOrThrow();
    requireStatus(await complete({ ...late, uploadId: first }), 200);
    fail((request) => request.startsWith('DELETE'));
    for (const [promised, code] of [
      [wrong, 'content_mismatch'],
      [ofOtherSize, 'content_mismatch'],
      [late, 'immutable'],
    ] as const) {
      expect((await complete(promised)).json()).toMatchObject({ code });
    }
  });
});

test('outages of the store and of the database are logged once when they begin and once when they end', async () => {
  const place = await fakeS3Place();
  const { promise, server } = await openRemoteWorld(place, { pollSchedule: NEVER });
  for (let i = 0; i < 20; i++) await promise(`1.0.${i}`, BYTES.length);
  await server.database.queries.updateTable('artifacts').set({ poll_at: 0 }).execute();
  const unreliable = new UnreliableDatabase(server.database);
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line).msg) });
  const services = {
    ...server.services,
    database: unreliable.database,
    pollSchedule: { first: 10, max: 10 },
  };
  const poller = createArrivingUploads(services, logger)?.poller;
  /** Until that many more requests or queries were made. */
  const more = async (count: () => number, by: number) => {
    const target = count() + by;
    await vi.waitFor(() => expect(count()).toBeGreaterThan(target), 5000);
  };
  place.fake.intercept = () => ({ status: 403 });
  poller?.start();
  onTestFinished(() => poller?.stop());
  await more(() => place.fake.requests.length, 100);
  place.fake.intercept = undefined;
  await vi.waitFor(() => expect(lines).toHaveLength(2));
  unreliable.failure = Object.assign(new Error('away'), { code: 'SQLITE_BUSY' });
  await more(() => unreliable.queries, 20);
  unreliable.failure = undefined;
  await vi.waitFor(() => expect(lines).toHaveLength(4));
  await more(() => place.fake.requests.length, 100);
  expect(lines).toEqual([
    'the store is unavailable: uploads are not processed',
    'the store is available again: uploads are processed',
    'the database is unavailable: uploads are not processed',
    'the database is available again: uploads are processed',
  ]);
});

test('an upload that cannot be finalized is logged once for each reason, however often it is retried', async () => {
  const lines: { upload: string; err: { message: string } }[] = [];
  const lost: unknown[] = [];
  const logger = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
  const log = new PollLog(logger, (cause) => lost.push(cause), 0);
  for (let i = 0; i < 3; i++) {
    log.failed('first', new Error('no copy'));
    log.failed('second', new Error('no copy'));
    log.failed('first', Object.assign(new Error('disk'), { code: 'SQLITE_IOERR_FSYNC' }));
  }
  expect(lines.map(({ upload, err }) => `${upload}: ${err.message}`)).toEqual([
    'first: no copy',
    'second: no copy',
    expect.stringContaining("the store's disk failed"),
  ]);
  expect(lost).toHaveLength(3);
});

test('a store that fails now and then is logged once, until nothing has failed for a while', async () => {
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line).msg) });
  const outage = new OutageLog(logger, { subject: 'the store', quietMs: 100 });
  for (let i = 0; i < 50; i++) {
    outage.failed(new Error('503'));
    outage.worked();
  }
  expect(lines).toEqual(['the store is unavailable: uploads are not processed']);
  await vi.waitFor(() => {
    outage.worked();
    expect(lines).toHaveLength(2);
  });
});

test('a server shuts down although the store does not respond', async () => {
  const place = await fakeS3Place();
  const { app, server, promise } = await openRemoteWorld(place, { pollSchedule: { first: 10, max: 10 } });
  const deleted = await app.publish('1.0.0', BYTES);
  const { url } = await promise('2.0.0', BYTES.length);
  let hanging = 0;
  place.fake.intercept = ({ method, key }) => {
    if (!['PUT', 'DELETE'].includes(method) || !key.includes('artifacts/')) return undefined;
    hanging++;
    return new Promise(() => {});
  };
  await app.put(url, BYTES);
  const deletion = app.delete(deleted);
  await vi.waitFor(() => expect(hanging).toBe(2)); // a copy, and a removal
  await passTime(() => server.app.close());
  await deletion;
  expect(hanging).toBe(2);
});
