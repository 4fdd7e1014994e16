import { onTestFinished } from 'vitest';
import type { Services } from '../../../src/server/services.ts';
import { S3Storage, type S3StorageOptions } from '../../../src/storage/s3/s3-storage.ts';
import { openTestServer, type TestServer } from '../server/server.ts';
import type { S3Place } from './s3-place.ts';

export interface S3TestServer extends TestServer {
  readonly storage: S3Storage;
}

/** Polls often, so that tests need not wait. */
const POLL_OFTEN = { first: 20, max: 100 };

/** The server polls for nothing: only a request to complete an upload finalizes it. */
export const NEVER = { first: 1e9, max: 1e9 };

/** The server with its files in an S3 store, which has its own clock: so both use the real one. */
export async function openS3Server(
  dataDir: string,
  place: S3Place,
  overrides: Partial<Services & Pick<S3StorageOptions, 'copySizes'>> = {},
): Promise<S3TestServer> {
  const { copySizes, clock = () => new Date(), ...services } = overrides;
  const storage = await S3Storage.open({ ...place, clock, ...(copySizes && { copySizes }) });
  const server = await openTestServer(dataDir, { storage, clock, pollSchedule: POLL_OFTEN, ...services });
  const closeServer = server.close;
  const close = async () => {
    await closeServer();
    storage.close();
  };
  return Object.assign(server, { storage, close });
}

/** As `openS3Server`; it closes when the test is finished. */
export async function startS3Server(...parameters: Parameters<typeof openS3Server>): Promise<S3TestServer> {
  const server = await openS3Server(...parameters);
  onTestFinished(() => server.close());
  return server;
}
