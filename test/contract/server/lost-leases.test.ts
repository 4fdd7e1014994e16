import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { uploadRefusal } from '../../../src/database/queries/pending-uploads.ts';
import { createArrivingUploads } from '../../../src/server/uploads/arriving-uploads.ts';
import { UnreliableDatabase } from '../../support/postgres/unreliable-database.ts';
import { openRemoteWorld, sha256Of } from '../../support/publish/remote-publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER } from '../../support/s3/s3-server.ts';

const BYTES = randomBytes(1000);
const OFTEN = { first: 10, max: 10 };

test('R6: a lease that cannot be committed because fsync failed ends the process', async () => {
  const place = await fakeS3Place();
  const { app, promise, server } = await openRemoteWorld(place, { pollSchedule: NEVER });
  const { url } = await promise('1.0.0', BYTES.length);
  await app.put(url, BYTES);
  await server.database.queries.updateTable('artifacts').set({ poll_at: 0 }).execute();
  const unreliable = new UnreliableDatabase(server.database);
  place.fake.intercept = ({ method }) => {
    // The poll is due no more by now: what comes next is the lease.
    if (method === 'HEAD')
      unreliable.failure = Object.assign(new Error('disk'), { code: 'SQLITE_IOERR_FSYNC' });
    return undefined;
  };
  const onDurabilityLost = vi.fn();
  const services = {
    ...server.services,
    database: unreliable.database,
    pollSchedule: NEVER,
    onDurabilityLost,
  };
  const poller = createArrivingUploads(services, pino({ enabled: false }))?.poller;
  poller?.start();
  onTestFinished(() => poller?.stop());
  await vi.waitFor(() => expect(onDurabilityLost).toHaveBeenCalled());
});

describe.each([
  ['other bytes', BYTES.length, sha256Of(randomBytes(10))],
  ['another size', BYTES.length - 1, sha256Of(BYTES)],
])('the reason for refusing %s', (_, size, sha256) => {
  test('is recorded before the bytes are dropped', async () => {
    const place = await fakeS3Place();
    const { app, promise, complete, server } = await openRemoteWorld(place, { pollSchedule: NEVER });
    const promised = await promise('1.0.0', size, { sha256 });
    place.fake.defects.add('length_not_enforced');
    await app.put(promised.url, BYTES);
    let recorded: unknown;
    place.fake.intercept = async ({ method, key }) => {
      if (method === 'DELETE' && key.includes('staging/')) {
        recorded = await uploadRefusal(server.database.queries, promised.uploadId);
      }
      return undefined;
    };
    expect((await complete(promised)).statusCode).toBe(422);
    expect(recorded).toMatchObject({ code: 'content_mismatch' });
    expect((await complete(promised)).statusCode).toBe(422); // though nothing is there any more
  });
});

test('a node finalizes an upload once at a time, even if its lease has expired', async () => {
  const place = await fakeS3Place();
  const { app, promise, complete, server } = await openRemoteWorld(place, { pollSchedule: OFTEN });
  const promised = await promise('1.0.0', BYTES.length);
  let goOn: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let copies = 0;
  let looks = 0;
  place.fake.intercept = async ({ method, key }) => {
    if (method === 'HEAD') looks++;
    if (method !== 'PUT' || !key.includes('artifacts/')) return undefined;
    copies++;
    await held;
    return undefined;
  };
  await app.put(promised.url, BYTES);
  await vi.waitFor(() => expect(copies).toBe(1));
  const before = looks;
  for (let i = 0; i < 20; i++) {
    await server.database.queries.updateTable('artifacts').set({ leased_until: 0, poll_at: 0 }).execute();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(looks).toBeGreaterThan(before);
  goOn();
  expect((await complete(promised)).statusCode).toBe(200);
  expect(copies).toBe(1);
});
