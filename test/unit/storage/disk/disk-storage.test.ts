import { randomUUID } from 'node:crypto';
import { readdir, readFile, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DigestOptions } from '../../../../src/storage/artifact-storage.ts';
import { DiskStorage } from '../../../../src/storage/disk/disk-storage.ts';
import {
  describeArtifactStorage,
  type OpenStorage,
} from '../../../contract/storage/artifact-storage.contract.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const SIGNING_KEY = { id: '00c0ffee', secret: Buffer.alloc(32, 7) };

interface OpenDisk extends OpenStorage {
  readonly storage: DiskStorage;
  readonly dataDir: string;
}

async function openDisk(): Promise<OpenDisk> {
  const dataDir = await tempFolder();
  const storage = await DiskStorage.open({
    dataDir,
    keys: { current: async () => SIGNING_KEY, find: async () => SIGNING_KEY },
    publicUrl: () => 'https://updates.example.com/prefix',
  });
  const stage: OpenStorage['stage'] = async (bytes, options = { blake2b512: false }) => {
    const staged = await storage.receive(inPieces(bytes), { size: bytes.length, ...options });
    if (staged === 'size_differs') throw new Error('the bytes were not taken');
    return staged;
  };
  return {
    storage,
    dataDir,
    stage,
    async abandon(bytes) {
      const { storageKey } = await stage(bytes);
      return async () => (await readdir(join(dataDir, 'staging'))).includes(storageKey);
    },
    served: (storageKey) => readFile(storage.path(storageKey)).catch(() => undefined),
    async moment() {
      // A file's time is the kernel's, which ticks more coarsely.
      await sleep(20);
      const now = new Date();
      await sleep(20);
      return now;
    },
  };
}

async function* inPieces(bytes: Buffer, pieceSize = 64 * 1024): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
}

async function* breakingOffAfter(bytes: Buffer): AsyncIterable<Buffer> {
  yield* inPieces(bytes);
  throw new Error('the connection broke off');
}

describeArtifactStorage('DiskStorage', openDisk);

describe('DiskStorage', () => {
  const receive = ({ storage }: OpenDisk, body: AsyncIterable<Buffer>, options: Partial<DigestOptions>) =>
    storage.receive(body, { size: 5, blake2b512: false, ...options });
  const staged = ({ dataDir }: OpenDisk) => readdir(join(dataDir, 'staging'));

  test('opening creates two empty folders that only this user can enter', async () => {
    const { dataDir } = await openDisk();
    for (const folder of ['staging', 'artifacts']) {
      expect(await readdir(join(dataDir, folder))).toEqual([]);
      expect((await stat(join(dataDir, folder))).mode & 0o777).toBe(0o700);
    }
  });

  test('staged bytes are not served until they are promoted', async () => {
    const { stage, served } = await openDisk();
    const staged = await stage(Buffer.from('bytes'));
    expect(await served(staged.storageKey)).toBeUndefined();
    await staged.promote();
    expect(await served(staged.storageKey)).toEqual(Buffer.from('bytes'));
  });

  test('bytes that were never staged cannot be promoted', async () => {
    const { storage } = await openDisk();
    await expect(storage.promote(randomUUID())).rejects.toThrow();
  });

  test('files can only be read and written by this user, staged and promoted', async () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const { storage, stage, dataDir } = await openDisk();
    const { storageKey } = await stage(Buffer.from('bytes'));
    expect((await stat(join(dataDir, 'staging', storageKey))).mode & 0o777).toBe(0o600);
    await storage.promote(storageKey);
    expect((await stat(storage.path(storageKey))).mode & 0o777).toBe(0o600);
  });

  test('promoting moves the file: it exists once', async () => {
    const disk = await openDisk();
    const { storageKey } = await disk.stage(Buffer.from('bytes'));
    await disk.storage.promote(storageKey);
    expect(await staged(disk)).toEqual([]);
    expect((await stat(disk.storage.path(storageKey))).nlink).toBe(1);
  });

  test('promoting never replaces an existing file', async () => {
    const { storage, stage, served } = await openDisk();
    const { storageKey } = await stage(Buffer.from('bytes'));
    await writeFile(storage.path(storageKey), 'first');
    await expect(storage.promote(storageKey)).rejects.toThrow();
    expect(await served(storageKey)).toEqual(Buffer.from('first'));
  });

  test.each([
    ['fewer', 4],
    ['more', 6],
    ['no', 0],
    ['many more', 5_000_000],
  ])('%s bytes than declared are not accepted and leave nothing', async (_what, length) => {
    const disk = await openDisk();
    expect(await receive(disk, inPieces(Buffer.alloc(length)), {})).toBe('size_differs');
    expect(await staged(disk)).toEqual([]);
  });

  test('a body that is too long is read only until that is known', async () => {
    const disk = await openDisk();
    let pieces = 0;
    async function* endless() {
      for (;;) {
        pieces++;
        yield Buffer.alloc(2);
      }
    }
    expect(await receive(disk, endless(), {})).toBe('size_differs');
    expect(pieces).toBe(3);
  });

  test.each([0, 3, 5, 4 * 1024 * 1024])(
    'a body that ends prematurely after %i bytes leaves nothing',
    async (length) => {
      const disk = await openDisk();
      const body = breakingOffAfter(Buffer.alloc(length));
      await expect(receive(disk, body, { size: Math.max(length, 5) })).rejects.toThrow('broke off');
      expect(await staged(disk)).toEqual([]);
    },
  );

  test.each([1, 7, 1000, 1024 * 1024, 3_000_000])(
    'bytes that arrive in chunks of %i are stored in order',
    async (size) => {
      const { storage, dataDir } = await openDisk();
      const bytes = Buffer.from(
        Array.from({ length: 100_000 }, (_, i) => `${i};`)
          .join('')
          .slice(0, size * 20),
      );
      const options = { size: bytes.length, blake2b512: false };
      const stored = await storage.receive(inPieces(bytes, size), options);
      if (stored === 'size_differs') throw new Error('the bytes were not taken');
      expect((await readFile(join(dataDir, 'staging', stored.storageKey))).equals(bytes)).toBe(true);
    },
  );

  test('an upload that the disk has no room for is refused before a byte is read', async () => {
    const disk = await openDisk();
    let read = false;
    async function* body() {
      read = true;
      yield Buffer.alloc(1);
    }
    await expect(receive(disk, body(), { size: 2 ** 52 })).rejects.toMatchObject({ code: 'no_space' });
    expect(read).toBe(false);
    expect(await staged(disk)).toEqual([]);
  });

  test('attack H2: uploads that announced more than the disk has together keep no other out', async () => {
    const { storage, dataDir } = await openDisk();
    const { bavail, bsize } = await statfs(dataDir);
    const most = Math.floor(bavail * bsize * 0.6);
    let release = () => {};
    const waiting = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow(): AsyncGenerator<Buffer> {
      yield Buffer.from('cut ');
      await waiting;
      yield Buffer.from('short');
    }
    const announced = [1, 2, 3].map(() => storage.receive(slow(), { size: most, blake2b512: false }));
    const small = (async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('bytes');
    })();
    expect(await storage.receive(small, { size: 5, blake2b512: false })).toMatchObject({ size: 5 });
    release();
    expect(await Promise.all(announced)).toEqual(['size_differs', 'size_differs', 'size_differs']);
  });

  test('a data folder that cannot be written is refused with a hint', async () => {
    const dataDir = await tempFolder();
    await writeFile(join(dataDir, 'staging'), 'a file where a folder should be');
    const keys = { current: async () => SIGNING_KEY, find: async () => SIGNING_KEY };
    const opened = DiskStorage.open({ dataDir, keys, publicUrl: () => '' });
    await expect(opened).rejects.toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringMatching(/./),
    });
  });

  test('URLs begin with the public URL, prefix included', async () => {
    const { storage } = await openDisk();
    const expiresAt = new Date('2026-03-13T13:00:00Z');
    const base = 'https://updates.example.com/prefix/api/sync/ota';
    expect(await storage.uploadUrl({ uploadId: 'some-id', size: 5, expiresAt })).toMatch(
      `${base}/uploads/some-id?expires=1773406800&key=00c0ffee&signature=`,
    );
    expect(
      await storage.downloadUrl({ storageKey: 'some-id', fileName: 'Größe 1.0+5.exe', expiresAt }),
    ).toMatch(`${base}/downloads/some-id/Gro_e_1.0_5.exe?expires=1773406800&key=00c0ffee&signature=`);
  });
});
