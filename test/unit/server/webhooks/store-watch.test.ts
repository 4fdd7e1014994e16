import pino from 'pino';
import { expect, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { OtaError } from '../../../../src/errors.ts';
import type { DiskRoom } from '../../../../src/runtime/disk-room.ts';
import { StoreWatch, type WatchedServices } from '../../../../src/server/webhooks/store-watch.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { hookTo, startReceiver, verified } from '../../../support/server/webhook-receiver.ts';

/** A store that can be made to fail from outside. */
async function watchedStore() {
  const database = await openSqlite({ dataDir: await tempFolder() });
  const outside = { fault: undefined as ReturnType<Database['fault']>, storage: true, isFull: false };
  const services = {
    database: { ...database, queries: database.queries, fault: () => outside.fault },
    storage: {
      check: async () => {
        if (!outside.storage) throw new OtaError('store_unavailable', 'the bucket is gone');
      },
    },
    room: {
      requireHeadroom: () => {
        if (outside.isFull) throw new OtaError('no_space', 'less than 64 MiB are free');
      },
      lend: (work: () => Promise<unknown>) => work(),
    } as unknown as DiskRoom,
    clock: () => new Date(),
    version: '0.0.0',
    webhookTimeoutMs: 2000,
  } as unknown as WatchedServices;
  const watch = new StoreWatch(services, pino({ level: 'silent' }));
  const queued = async () => {
    const rows = await database.queries.selectFrom('webhook_deliveries').select('message').execute();
    return rows.map(({ message }) => JSON.parse(message).data.trouble);
  };
  return { database, outside, watch, queued };
}

test('a trouble is reported when it lasts, once, and so is its end', async () => {
  const { database, outside, watch, queued } = await watchedStore();
  const receiver = await startReceiver();
  await hookTo(database.queries, receiver, { events: ['store.trouble'] });
  await hookTo(database.queries, receiver, { events: ['release.paused'] });
  await watch.look();
  outside.isFull = true;
  await watch.look();
  outside.isFull = false;
  await watch.look();
  expect(await queued()).toEqual([]);
  outside.isFull = true;
  outside.storage = false;
  for (let i = 0; i < 5; i++) await watch.look();
  const began = { state: 'began', detail: expect.any(String) };
  expect(await queued()).toEqual([
    { kind: 'storage_unavailable', ...began },
    { kind: 'disk_full', ...began },
  ]);
  outside.isFull = false;
  outside.storage = true;
  for (let i = 0; i < 3; i++) await watch.look();
  expect((await queued()).slice(2)).toMatchObject([
    { kind: 'storage_unavailable', state: 'ended' },
    { kind: 'disk_full', state: 'ended' },
  ]);
  expect(receiver.received).toEqual([]);
  await database.close();
});

test('without the database a node sends by itself to those that it knew, and later that it is back', async () => {
  const { database, outside, watch, queued } = await watchedStore();
  const receiver = await startReceiver();
  const hook = await hookTo(database.queries, receiver);
  await watch.look();
  outside.fault = 'unreachable';
  for (let i = 0; i < 3; i++) await watch.look();
  expect(verified(receiver, hook)).toMatchObject([
    { type: 'store.trouble', data: { trouble: { kind: 'database_unavailable', state: 'began' } } },
  ]);
  outside.fault = undefined;
  for (let i = 0; i < 3; i++) await watch.look();
  expect(await queued()).toMatchObject([{ kind: 'database_unavailable', state: 'ended' }]);
  await database.close();
});
