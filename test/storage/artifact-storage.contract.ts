import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ArtifactStorage, StagedBytes } from '../../src/storage/artifact-storage.ts';

/** An empty storage, and what a test does from outside of it. It closes itself when the test is finished. */
export interface OpenStorage {
  readonly storage: ArtifactStorage;
  /** Brings bytes where an upload brings them. */
  stage(bytes: Buffer): Promise<StagedBytes>;
  /** What is served under a key; undefined when nothing is. */
  served(storageKey: string): Promise<Buffer | undefined>;
  /** Lets the bytes, staged or promoted, be so old. */
  age(storageKey: string, milliseconds: number): Promise<void>;
}

const HOUR = 60 * 60 * 1000;

/** What every engine that keeps artifacts has to do. */
export function describeArtifactStorage(name: string, open: () => Promise<OpenStorage>): void {
  const anHourAgo = () => new Date(Date.now() - HOUR);

  async function keysOf(storage: ArtifactStorage, olderThan: Date): Promise<string[]> {
    const keys: string[] = [];
    for await (const key of storage.promotedKeys(olderThan)) keys.push(key);
    return keys.sort();
  }

  describe(name, () => {
    test.each([1, 1000, 1024 * 1024, 3 * 1024 * 1024 + 1])(
      '%i staged bytes are measured and can be read',
      async (size) => {
        const { storage, stage } = await open();
        const bytes = randomBytes(size);
        const staged = await stage(bytes);
        expect(staged).toMatchObject({ size, sha256: createHash('sha256').update(bytes).digest('hex') });
        expect((await storage.readStaged(staged.storageKey)).equals(bytes)).toBe(true);
      },
    );

    test('staged bytes are not served until they are promoted, and then are the same', async () => {
      const { storage, stage, served } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      expect(await served(storageKey)).toBeUndefined();
      expect(await keysOf(storage, new Date(Date.now() + HOUR))).toEqual([]);
      await storage.promote(storageKey);
      expect(await served(storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('equal bytes staged twice have keys of their own', async () => {
      const { storage, stage, served } = await open();
      const first = await stage(Buffer.from('bytes'));
      const second = await stage(Buffer.from('bytes'));
      await storage.promote(first.storageKey);
      await storage.promote(second.storageKey);
      await storage.remove(first.storageKey);
      expect(await served(first.storageKey)).toBeUndefined();
      expect(await served(second.storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('bytes that are not staged cannot be promoted', async () => {
      const { storage, stage, served } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      await storage.discard(storageKey);
      await expect(storage.promote(storageKey)).rejects.toThrow();
      await expect(storage.promote(randomUUID())).rejects.toThrow();
      expect(await served(storageKey)).toBeUndefined();
    });

    test('bytes that were promoted cannot be promoted again, and stay', async () => {
      const { storage, stage, served } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      await storage.promote(storageKey);
      await expect(storage.promote(storageKey)).rejects.toThrow();
      expect(await served(storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('discarding takes what is staged and leaves what is promoted', async () => {
      const { storage, stage, served } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      await storage.promote(storageKey);
      await storage.discard(storageKey);
      expect(await served(storageKey)).toEqual(Buffer.from('bytes'));
    });

    test('discarding and removing what is not there is fine', async () => {
      const { storage, stage } = await open();
      const { storageKey } = await stage(Buffer.from('bytes'));
      await storage.promote(storageKey);
      for (const key of [storageKey, storageKey, randomUUID()]) {
        await expect(storage.remove(key)).resolves.toBeUndefined();
        await expect(storage.discard(key)).resolves.toBeUndefined();
      }
    });

    test('a sweep drops what was staged before, and neither what is younger nor what is promoted', async () => {
      const { storage, stage, served, age } = await open();
      const [old, young, promoted] = await Promise.all(
        ['old', 'young', 'promoted'].map((text) => stage(Buffer.from(text))),
      );
      if (!old || !young || !promoted) throw new Error('not staged');
      await storage.promote(promoted.storageKey);
      await age(old.storageKey, 2 * HOUR);
      await age(promoted.storageKey, 2 * HOUR);
      await storage.sweepStaged(anHourAgo());
      await expect(storage.readStaged(old.storageKey)).rejects.toThrow();
      expect(await storage.readStaged(young.storageKey)).toEqual(Buffer.from('young'));
      expect(await served(promoted.storageKey)).toEqual(Buffer.from('promoted'));
      await storage.sweepStaged(anHourAgo());
    });

    test('the keys of promoted bytes are listed by age, without those that are removed', async () => {
      const { storage, stage, age } = await open();
      const keys: string[] = [];
      for (let i = 0; i < 5; i++) {
        const { storageKey } = await stage(Buffer.from(`bytes ${i}`));
        await storage.promote(storageKey);
        keys.push(storageKey);
      }
      const [first = '', second = '', third = ''] = keys;
      await age(first, 2 * HOUR);
      await age(second, 2 * HOUR);
      await age(third, 2 * HOUR);
      await storage.remove(second);
      expect(await keysOf(storage, anHourAgo())).toEqual([first, third].sort());
    });

    test('upload and download URLs are absolute, and no two of one id are for the same address', async () => {
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
