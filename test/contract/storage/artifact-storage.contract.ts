import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ArtifactStorage, StagedUpload } from '../../../src/storage/artifact-storage.ts';

/** An empty storage, and what a test does from outside of it. It closes itself when the test is finished. */
export interface OpenStorage {
  readonly storage: ArtifactStorage;
  /** Uploads bytes and receives them. */
  stage(bytes: Buffer, options?: { blake2b512: boolean }): Promise<StagedUpload>;
  /** Uploads bytes that are then abandoned. @returns checks whether they are still there */
  abandon(bytes: Buffer): Promise<() => Promise<boolean>>;
  /** What is served under a key; undefined when nothing is. */
  served(storageKey: string): Promise<Buffer | undefined>;
  /** A moment by the storage's clock: what is there by now is older, what comes after is younger. */
  moment(): Promise<Date>;
}

const HOUR = 60 * 60 * 1000;

/** The keys of promoted bytes, in order. */
export async function keysOf(storage: ArtifactStorage, olderThan: Date): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.promotedKeys(olderThan)) keys.push(key);
  return keys.sort();
}

/** What every storage has to do. */
export function describeArtifactStorage(name: string, open: () => Promise<OpenStorage>): void {
  describe(name, () => {
    test.each([1, 1000, 1024 * 1024, 3 * 1024 * 1024 + 1])(
      '%i staged bytes are hashed and can be read',
      async (size) => {
        const { stage } = await open();
        const bytes = randomBytes(size);
        const staged = await stage(bytes);
        expect(staged).toMatchObject({ size, sha256: createHash('sha256').update(bytes).digest('hex') });
        expect((await staged.read()).equals(bytes)).toBe(true);
      },
    );

    test('the BLAKE2b-512 is computed if it was requested', async () => {
      const { stage } = await open();
      const blake2b512 = createHash('blake2b512').update('bytes').digest();
      expect(await stage(Buffer.from('bytes'), { blake2b512: true })).toMatchObject({ blake2b512 });
      expect(await stage(Buffer.from('bytes'))).not.toHaveProperty('blake2b512');
    });

    test('promoted bytes are served as they were staged', async () => {
      const { stage, served } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.promote();
      expect(await served(staged.storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('identical bytes staged twice get different keys', async () => {
      const { storage, stage, served } = await open();
      const first = await stage(Buffer.from('bytes'));
      const second = await stage(Buffer.from('bytes'));
      await first.promote();
      await second.promote();
      await storage.remove(first.storageKey);
      expect(await served(first.storageKey)).toBeUndefined();
      expect(await served(second.storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('discarded bytes cannot be promoted, read or downloaded', async () => {
      const { storage, stage, served } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.discard();
      await expect(staged.promote()).rejects.toThrow();
      await expect(staged.read()).rejects.toThrow();
      expect(await served(staged.storageKey)).toBeUndefined();
      expect(await keysOf(storage, new Date(Date.now() + HOUR))).toEqual([]);
    });

    test('promoted bytes cannot be promoted again, and stay', async () => {
      const { stage, served } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.promote();
      await expect(staged.promote()).rejects.toThrow();
      expect(await served(staged.storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('discarding leaves promoted bytes', async () => {
      const { stage, served } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.promote();
      await staged.discard();
      expect(await served(staged.storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('discarding and removing bytes that do not exist succeeds', async () => {
      const { storage, stage } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.discard();
      await expect(staged.discard()).resolves.toBeUndefined();
      for (const key of [staged.storageKey, randomUUID()]) {
        await expect(storage.remove(key)).resolves.toBeUndefined();
      }
    });

    test('a sweep drops what arrived before a time, and neither younger uploads nor promoted bytes', async () => {
      const { storage, stage, abandon, served, moment } = await open();
      const promoted = await stage(Buffer.from('promoted'));
      await promoted.promote();
      const oldIsThere = await abandon(Buffer.from('old'));
      const olderThan = await moment();
      const youngIsThere = await abandon(Buffer.from('young'));
      expect(await oldIsThere()).toBe(true);
      await storage.sweepStaged(olderThan);
      expect(await oldIsThere()).toBe(false);
      expect(await youngIsThere()).toBe(true);
      expect(await served(promoted.storageKey)).toEqual(Buffer.from('promoted'));
      await storage.sweepStaged(olderThan);
    });

    test('an aborted sweep leaves the rest', async () => {
      const { storage, abandon, moment } = await open();
      const isThere = await abandon(Buffer.from('old'));
      await storage.sweepStaged(await moment(), AbortSignal.abort());
      expect(await isThere()).toBe(true);
    });

    test('the keys of promoted bytes are listed by age, without removed ones', async () => {
      const { storage, stage, moment } = await open();
      const promote = async (text: string) => {
        const staged = await stage(Buffer.from(text));
        await staged.promote();
        return staged.storageKey;
      };
      const [first, second, third] = [await promote('1'), await promote('2'), await promote('3')];
      const olderThan = await moment();
      const later = [await promote('4'), await promote('5')];
      await storage.remove(second);
      expect(await keysOf(storage, olderThan)).toEqual([first, third].sort());
      expect(await keysOf(storage, await moment())).toEqual([first, third, ...later].sort());
    });

    test('upload and download URLs are absolute, and those of one id have different addresses', async () => {
      const { storage, stage } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      const expiresAt = new Date(Date.now() + HOUR);
      const addressOf = (url: string) => new URL(url).origin + new URL(url).pathname;
      const upload = addressOf(await storage.uploadUrl({ uploadId: storageKey, size: 5, expiresAt }));
      const download = addressOf(await storage.downloadUrl({ storageKey, fileName: 'app', expiresAt }));
      expect(upload).not.toBe(download);
    });
  });
}
