import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, opendir, readFile, stat, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { pathOf } from '../../protocol/routes.ts';
import type {
  ArtifactStorage,
  DownloadUrlRequest,
  MeasuredBytes,
  MeasureOptions,
  StagedUpload,
  UploadUrlRequest,
} from '../artifact-storage.ts';
import { type SigningKeys, signPath } from '../signed-url.ts';
import { Measure } from '../stream-digest.ts';

/** Bytes gathered before a write: at 16 KiB a PUT takes twice as long. */
const WRITE_SIZE = 1024 * 1024;

/** Room that uploads leave on the disk, in bytes: deletes and the database's checkpoints need some too. */
const HEADROOM = 64 * 1024 * 1024;

export interface DiskStorageOptions {
  readonly dataDir: string;
  readonly keys: SigningKeys;
  /** What `--public-url` says, without a slash at the end. Asked for each URL. */
  readonly publicUrl: () => string;
}

/**
 * Artifacts in the data folder: `staging/` for what arrives, `artifacts/` for what is served, on one file system.
 * URLs are this server's own, signed.
 */
export class DiskStorage implements ArtifactStorage {
  readonly #staging: string;
  readonly #artifacts: string;
  readonly #keys: SigningKeys;
  readonly #publicUrl: () => string;
  /** Bytes that uploads under way may still write. */
  #reserved = 0;

  private constructor({ dataDir, keys, publicUrl }: DiskStorageOptions) {
    this.#staging = join(dataDir, 'staging');
    this.#artifacts = servedFolder(dataDir);
    this.#keys = keys;
    this.#publicUrl = publicUrl;
  }

  /** @throws OtaError `store_unavailable` when the folder cannot be used, or has no hard links */
  static async open(options: DiskStorageOptions): Promise<DiskStorage> {
    const storage = new DiskStorage(options);
    try {
      await mkdir(storage.#staging, { recursive: true, mode: 0o700 });
      await mkdir(storage.#artifacts, { recursive: true, mode: 0o700 });
      await syncFolder(options.dataDir);
      await storage.#probe();
    } catch (cause) {
      if (cause instanceof OtaError && cause.code === 'no_space') return storage;
      throw new OtaError('store_unavailable', `artifacts cannot be stored: ${(cause as Error).message}`, {
        cause,
        hint: 'Put the data folder on a local file system with hard links that this user can write.',
      });
    }
    return storage;
  }

  async uploadUrl({ uploadId, expiresAt }: UploadUrlRequest): Promise<string> {
    const path = pathOf('upload', { upload_id: uploadId });
    return this.#publicUrl() + (await signPath(this.#keys, 'PUT', path, expiresAt));
  }

  async downloadUrl({ storageKey, expiresAt }: DownloadUrlRequest): Promise<string> {
    const path = pathOf('storedFile', { storage_key: storageKey });
    return this.#publicUrl() + (await signPath(this.#keys, 'GET', path, expiresAt));
  }

  /**
   * Takes an upload's bytes into staging, hashing as they stream; durable when it resolves.
   * Nothing stays behind when it rejects.
   * @returns what arrived, or `size_differs` when that is not `size` bytes (more are not read)
   */
  async receive(
    body: AsyncIterable<Buffer>,
    options: MeasureOptions,
  ): Promise<StagedUpload | 'size_differs'> {
    this.#reserve(options.size);
    try {
      return await this.#receive(body, options);
    } finally {
      this.#reserved -= options.size;
    }
  }

  async #receive(
    body: AsyncIterable<Buffer>,
    options: MeasureOptions,
  ): Promise<StagedUpload | 'size_differs'> {
    const storageKey = randomUUID();
    const file = join(this.#staging, storageKey);
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        const measured = await writeHashed(handle, body, options);
        if (measured === 'size_differs') {
          await unlink(file);
          return measured;
        }
        await sync(handle);
        return {
          storageKey,
          ...measured,
          read: () => this.readStaged(storageKey),
          promote: () => this.promote(storageKey),
          discard: () => this.discard(storageKey),
        };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await unlinkIfThere(file);
      throw diskFailure(error);
    }
  }

  /** Moves a staged file to where it is served from. */
  async promote(storageKey: string): Promise<void> {
    const staged = join(this.#staging, storageKey);
    try {
      await link(staged, this.path(storageKey)); // unlike rename, it never replaces
      await syncFolder(this.#artifacts);
      await unlink(staged);
    } catch (error) {
      throw diskFailure(error);
    }
  }

  /** All of a staged file at once. */
  async readStaged(storageKey: string): Promise<Buffer> {
    return readFile(join(this.#staging, storageKey));
  }

  /** Drops a staged file; resolves also when there is none. */
  async discard(storageKey: string): Promise<void> {
    await unlinkIfThere(join(this.#staging, storageKey));
  }

  async remove(storageKey: string): Promise<void> {
    await unlinkIfThere(this.path(storageKey));
    await syncFolder(this.#artifacts);
  }

  async sweepStaged(olderThan: Date, signal?: AbortSignal): Promise<void> {
    for await (const name of filesOlderThan(this.#staging, olderThan)) {
      if (signal?.aborted) return;
      await this.discard(name);
    }
  }

  promotedKeys(olderThan: Date): AsyncIterable<string> {
    return filesOlderThan(this.#artifacts, olderThan);
  }

  /** The folder whose files are served. */
  get servedFolder(): string {
    return this.#artifacts;
  }

  /** Where promoted bytes are; the file may be absent. */
  path(storageKey: string): string {
    return join(this.#artifacts, storageKey);
  }

  /** Looks and reserves in one go, so that two uploads that come at once see each other. */
  #reserve(size: number): void {
    const { bavail, bsize } = statfsSync(this.#staging);
    // What uploads under way have written already counts twice: that errs on the safe side.
    if (bavail * bsize < this.#reserved + size + HEADROOM) {
      throw new OtaError('no_space', `the disk has no room for ${size} bytes`, {
        hint: 'Free space on the disk of the data folder; checks and downloads go on meanwhile.',
      });
    }
    this.#reserved += size;
  }

  /** Goes once through an artifact's life, so that a file system that cannot is found out at the start. */
  async #probe(): Promise<void> {
    // Without asking for room: on a full disk the server still starts, and answers checks, downloads and deletes.
    const staged = await this.#receive(onePiece(Buffer.from('probe')), { size: 5, blake2b512: false });
    if (staged === 'size_differs') throw new Error('a file was not written whole');
    await staged.promote();
    await this.remove(staged.storageKey);
  }
}

/** Where in a data folder the files are that are served, each by its storage key. */
export function servedFolder(dataDir: string): string {
  return join(dataDir, 'artifacts');
}

async function writeHashed(
  handle: FileHandle,
  body: AsyncIterable<Buffer>,
  options: MeasureOptions,
): Promise<MeasuredBytes | 'size_differs'> {
  const measure = new Measure(options);
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing; // one write at a time, in order, while the next bytes arrive
    writing = writeAll(handle, gathered, gatheredBytes);
    writing.catch(() => {}); // awaited by the next flush; without this a rejection in between counts as unhandled
    gathered = [];
    gatheredBytes = 0;
  };
  for await (const chunk of body) {
    if (!measure.add(chunk)) return 'size_differs';
    gathered.push(chunk);
    gatheredBytes += chunk.length;
    if (gatheredBytes >= WRITE_SIZE) await flush();
  }
  await flush();
  await writing;
  return measure.finish();
}

/** `writev` may write less than it was given, as on a disk that is filling up. */
async function writeAll(handle: FileHandle, pieces: Buffer[], length: number): Promise<void> {
  if (length === 0) return;
  const { bytesWritten } = await handle.writev(pieces);
  if (bytesWritten < length) await handle.writeFile(Buffer.concat(pieces).subarray(bytesWritten));
}

async function* onePiece(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

async function* filesOlderThan(folder: string, olderThan: Date): AsyncIterable<string> {
  for await (const entry of await opendir(folder)) {
    const stats = await stat(join(folder, entry.name)).catch(() => undefined);
    if (stats?.isFile() && stats.mtime < olderThan) yield entry.name;
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  await unlink(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw diskFailure(error);
  });
}

async function syncFolder(folder: string): Promise<void> {
  if (platform() === 'win32') return; // a folder cannot be opened there; NTFS journals its entries
  const handle = await open(folder, 'r');
  try {
    await sync(handle);
  } finally {
    await handle.close();
  }
}

async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (cause) {
    throw new OtaError('durability_lost', `fsync failed: ${(cause as Error).message}`, { cause });
  }
}

function diskFailure(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OtaError('no_space', 'the disk of the data folder is full', { cause: error });
  }
  if (code === 'EIO') return new OtaError('durability_lost', 'the disk failed', { cause: error });
  return error;
}
