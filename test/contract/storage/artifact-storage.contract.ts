import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { HEAD_BYTES } from '../../../src/protocol/bundle/binary-header.ts';
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

/** What every storage has to do. */
export function describeArtifactStorage(name: string, open: () => Promise<OpenStorage>): void {
  describe(name, () => {
    test.each([1, 1000, 1024 * 1024, 3 * 1024 * 1024 + 1])(
      '%i staged bytes are hashed, and their head can be read',
      async (size) => {
        const { stage } = await open();
        const bytes = randomBytes(size);
        const staged = await stage(bytes);
        expect(staged).toMatchObject({ size, sha256: createHash('sha256').update(bytes).digest('hex') });
        expect((await staged.readHead()).equals(bytes.subarray(0, HEAD_BYTES))).toBe(true);
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
      const { stage, served } = await open();
      const staged = await stage(Buffer.from('bytes'));
      await staged.discard();
      await expect(staged.promote()).rejects.toThrow();
      await expect(staged.readHead()).rejects.toThrow();
      expect(await served(staged.storageKey)).toBeUndefined();
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

    test('an orphan is removed in whatever state it was left, and nothing else is', async () => {
      const { storage, stage, abandon, served } = await open();
      const other = await stage(Buffer.from('other'));
      await other.promote();
      const isThere = await abandon(Buffer.from('another'));
      const staged = await stage(Buffer.from('staged'));
      const promoted = await stage(Buffer.from('promoted'));
      await promoted.promote();
      for (const { storageKey: name } of [staged, promoted]) {
        await storage.removeOrphan({ kind: 'file', name });
        await storage.removeOrphan({ kind: 'file', name });
        expect(await served(name)).toBeUndefined();
      }
      expect(await served(other.storageKey)).toEqual(Buffer.from('other'));
      expect(await isThere()).toBe(true);
    });

    test('its owner is written by whoever has read the last one', async () => {
      const { storage } = await open();
      expect(await storage.readOwner()).toBeUndefined();
      expect(await storage.writeOwner('first', undefined)).toBe(true);
      expect(await storage.writeOwner('late', undefined)).toBe(false);
      const first = await storage.readOwner();
      expect(first?.text).toBe('first');
      expect(await storage.writeOwner('second', first?.version)).toBe(true);
      expect(await storage.writeOwner('late', first?.version)).toBe(false);
      expect(await storage.readOwner()).toMatchObject({ text: 'second' });
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
