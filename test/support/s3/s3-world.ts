import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { ReceivedUpload } from '../../../src/storage/remote-storage.ts';
import { S3Storage, type S3StorageOptions } from '../../../src/storage/s3/s3-storage.ts';
import type { OpenStorage } from '../../contract/storage/artifact-storage.contract.ts';
import type { S3Place } from './s3-place.ts';

const HOUR = 60 * 60 * 1000;

export interface OpenS3 extends OpenStorage {
  readonly storage: S3Storage;
  /** Stores bytes where a PUT to an upload URL does. */
  arrive(bytes: Buffer, uploadId: string): Promise<void>;
}

let uploads = 0;

/** The storage in its own prefix, and what clients and time do to it. */
export async function openS3(place: S3Place, options: Partial<S3StorageOptions> = {}): Promise<OpenS3> {
  const storage = await S3Storage.open({ ...place, clock: () => new Date(), ...options });
  onTestFinished(() => storage.close());
  const inAnHour = () => new Date(Date.now() + HOUR);
  const arrive = async (bytes: Buffer, uploadId: string) => {
    const url = await storage.uploadUrl({ uploadId, size: bytes.length, expiresAt: inAnHour() });
    const { status } = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) });
    if (status !== 200) throw new Error(`the store took no upload: ${status}`);
  };
  const receive = (uploadId: string, size: number, blake2b512 = false) =>
    storage.receive(uploadId, { size, blake2b512, identified: true });
  return {
    storage,
    arrive,
    async stage(bytes, { blake2b512 } = { blake2b512: false }) {
      const uploadId = `upload-${uploads++}`;
      await arrive(bytes, uploadId);
      const staged = await receive(uploadId, bytes.length, blake2b512);
      if (!isTaken(staged)) throw new Error('the upload was not taken');
      return staged;
    },
    async abandon(bytes) {
      const uploadId = `upload-${uploads++}`;
      await arrive(bytes, uploadId);
      return async () => {
        const staged = await receive(uploadId, bytes.length);
        if (!isTaken(staged)) return false;
        await staged.discard();
        return true;
      };
    },
    async served(storageKey) {
      const url = await storage.downloadUrl({ storageKey, fileName: 'app', expiresAt: inAnHour() });
      const answer = await fetch(url);
      return answer.status === 200 ? Buffer.from(await answer.arrayBuffer()) : undefined;
    },
    async moment() {
      await sleep(20);
      const now = new Date();
      await sleep(20);
      return now;
    },
  };
}

export function isTaken(received: Awaited<ReturnType<S3Storage['receive']>>): received is ReceivedUpload {
  return received.kind === 'received';
}
