import { expect, onTestFinished, test, vi } from 'vitest';
import { acquireLease } from '../../../../src/database/queries/pending-uploads.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { LeaseRenewal, UPLOAD_LEASE_MS } from '../../../../src/server/uploads/lease-renewal.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { StoreWithApp } from '../../../support/server/store-with-app.ts';

/** An upload that is leased for thirty seconds from now on. */
async function startLeased() {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  const store = await StoreWithApp.in(database);
  const id = await store.grant(await store.release('1.0.0'));
  const { queries } = database;
  const time = { now: Date.now() };
  const clock = () => new Date(time.now);
  const until = new Date(time.now + UPLOAD_LEASE_MS);
  const leased = await acquireLease(queries, id, { now: clock(), until });
  if (leased === undefined) throw new Error('the upload is not free');
  const leasedUntil = async () => {
    const { leased_until } = await queries
      .selectFrom('artifacts')
      .select('leased_until')
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    return leased_until;
  };
  const onError = vi.fn();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const renewal = new LeaseRenewal(leased, { queries, clock, onError });
  onTestFinished(() => void renewal.stop());
  const pass = async (milliseconds: number) => {
    time.now += milliseconds;
    await vi.advanceTimersByTimeAsync(milliseconds);
  };
  return { queries, time, leased, renewal, leasedUntil, onError, pass };
}

test('a lease is renewed when a third of its time has passed', async () => {
  const { time, renewal, leasedUntil, pass } = await startLeased();
  await pass(UPLOAD_LEASE_MS / 3);
  await vi.waitFor(async () => expect(await leasedUntil()).toBe(time.now + UPLOAD_LEASE_MS));
  expect((await renewal.stop()).leasedUntil).toEqual(new Date(time.now + UPLOAD_LEASE_MS));
});

test('a stopped lease is not renewed any more', async () => {
  const { renewal, leased, leasedUntil, pass } = await startLeased();
  expect(await renewal.stop()).toEqual(leased);
  await pass(UPLOAD_LEASE_MS);
  expect(await leasedUntil()).toBe(leased.leasedUntil.getTime());
});

test('a lease that another node has acquired since is left to that node', async () => {
  const { queries, renewal, leased, leasedUntil, pass } = await startLeased();
  await queries.updateTable('artifacts').set({ leased_until: 42 }).execute();
  await pass(UPLOAD_LEASE_MS / 3);
  expect(await renewal.stop()).toEqual(leased);
  expect(await leasedUntil()).toBe(42);
});

test('a failed renewal is reported, and tried again', async () => {
  const { queries, time, leasedUntil, onError, pass } = await startLeased();
  const broken = vi.spyOn(queries, 'updateTable').mockImplementation(() => {
    throw new Error('away');
  });
  await pass(UPLOAD_LEASE_MS / 3);
  await vi.waitFor(() => expect(onError).toHaveBeenCalledTimes(1));
  broken.mockRestore();
  await pass(UPLOAD_LEASE_MS / 3);
  await vi.waitFor(async () => expect(await leasedUntil()).toBe(time.now + UPLOAD_LEASE_MS));
});
