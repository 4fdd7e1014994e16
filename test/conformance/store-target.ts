import { setTimeout as sleep } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Place } from '../support/s3/s3-place.ts';
import type { TestServer } from '../support/server/server.ts';
import type { Combination, Store } from '../support/server/stores.ts';
import { openOwnServer } from './own-server.ts';
import { callInProcess } from './own-server-calls.ts';
import type { OpenTarget } from './run-scenarios.ts';
import type { Need } from './target.ts';

/** The smallest part that S3 allows, in bytes, and a smaller one that the fake store is set to allow. */
const S3_MIN_PART = 5 * 1024 * 1024;
const SMALL_PART = 64 * 1024;

/** What a server with its files there does not have to offer. */
export const LACKS: Readonly<Record<Combination['files'], readonly Need[]>> = {
  disk: ['complete-upload'],
  fake: ['own-storage'],
  Ceph: ['own-storage', 'clock'],
};

/** The server in process on an empty store, as a target that knows when it has polled for all uploads. */
export async function openOnStore({ create }: Combination): Promise<OpenTarget> {
  let store: Store | undefined;
  const { target, close } = await openOwnServer(callInProcess, async (dataDir) => {
    store = await create(dataDir);
    const { advance, place, fake } = store;
    const partSize = fake ? SMALL_PART : S3_MIN_PART;
    if (fake) fake.store.minPart = partSize;
    const server = await store.open({ partSizeOf: () => partSize });
    const settle = place && (() => untilLookedAt(server, place));
    return { server, special: { partSize, ...(advance && { advance }), ...(settle && { settle }) } };
  });
  return { target, close: () => close().then(() => store?.close()) };
}

/** Once the server has finalized an upload, it leaves nothing where that arrived. */
async function untilLookedAt({ database }: TestServer, { location, ...settings }: S3Place): Promise<void> {
  const client = new S3Client(settings);
  const isThere = async (id: string) => {
    const input = { Bucket: location.bucket, Key: `${location.prefix}staging/${id}` };
    return client.send(new HeadObjectCommand(input)).then(
      () => true,
      () => false,
    );
  };
  try {
    for (;;) {
      const query = database.queries.selectFrom('artifacts').select('id').where('status', '=', 'pending');
      const pending = await query.execute();
      const there = await Promise.all(pending.map(({ id }) => isThere(id)));
      if (!there.includes(true)) return;
      await sleep(20);
    }
  } finally {
    client.destroy();
  }
}
