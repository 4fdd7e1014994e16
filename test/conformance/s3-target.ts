import { setTimeout as sleep } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Database } from '../../src/database/open.ts';
import { startFakeS3 } from '../support/fake-s3/start-fake-s3.ts';
import { placeIn, type S3Place } from '../support/s3-place.ts';
import { openS3Server } from '../support/s3-server.ts';
import type { TestServer } from '../support/server.ts';
import { type Opening, openOwnServer } from './own-server.ts';
import { callInProcess } from './own-server-calls.ts';
import type { OpenTarget } from './run-scenarios.ts';

/** Opens an empty database instead of SQLite. */
type OpenDatabase = () => Promise<Database>;

/** The server on a store, as a target that can tell when it has looked at all that arrived. */
async function openOn(
  dataDir: string,
  place: S3Place,
  openDatabase: OpenDatabase | undefined,
  clock?: () => Date,
): Promise<Opening> {
  const database = await openDatabase?.();
  const server = await openS3Server(dataDir, place, {
    ...(database && { database }),
    ...(clock && { clock }),
  });
  return { server, special: { settle: () => untilLookedAt(server, place) } };
}

/** The server leaves nothing where an upload arrived once it has looked at it. */
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

/** The server on a fake store of its own; `advance` moves the clocks of both. */
export async function openOnFakeS3(openDatabase?: OpenDatabase): Promise<OpenTarget> {
  let offset = 0;
  const now = () => new Date(Date.now() + offset);
  const fake = await startFakeS3({ now });
  const { target, close } = await openOwnServer(callInProcess, async (dataDir) => {
    const { server, special } = await openOn(dataDir, placeIn(fake.url, fake.bucket), openDatabase, now);
    const advance = (milliseconds: number) => {
      offset += milliseconds;
    };
    return { server, special: { ...special, advance } };
  });
  return { target, close: () => close().then(() => fake.close()) };
}

/** The server on a place in a store. */
export function openOnS3(place: S3Place, openDatabase?: OpenDatabase): Promise<OpenTarget> {
  return openOwnServer(callInProcess, (dataDir) => openOn(dataDir, place, openDatabase));
}
