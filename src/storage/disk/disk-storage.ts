import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { pathOf } from '../../protocol/routes.ts';
import { messageOf } from '../../runtime/error-details.ts';
import type {
  ArtifactStorage,
  DigestOptions,
  DownloadUrlRequest,
  StagedUpload,
  UploadUrlRequest,
} from '../artifact-storage.ts';
import { type SigningKeys, signPath } from '../signed-url.ts';
import { filesOlderThan, sync, syncFolder, toDiskError, unlinkIfThere, writeHashed } from './durable-file.ts';

/** Space that uploads leave free on the disk, in bytes: deletes and the database's checkpoints need some too. */
const HEADROOM = 64 * 1024 * 1024;
const PROBE = Buffer.from('probe');

export interface DiskStorageOptions {
  readonly dataDir: string;
  readonly keys: SigningKeys;
  /** The value of `--public-url`, without a trailing slash. Called for each URL. */
  readonly publicUrl: () => string;
}

/**
 * Artifacts in the data folder: `staging/` for what arrives, `artifacts/` for what is served, on one file system.
 * URLs are this server's own, signed.
 */
export class DiskStorage implements ArtifactStorage {
  readonly remote = false;
  readonly #staging: string;
  readonly #artifacts: string;
  readonly #keys: SigningKeys;
  readonly #publicUrl: () => string;
  /** Bytes that uploads in progress may still write. */
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
      throw new OtaError('store_unavailable', `artifacts cannot be stored: ${messageOf(cause)}`, {
        cause,
        hint: 'Put the data folder on a local file system with hard links that this user can write.',
      });
    }
    return storage;
  }

  async uploadUrl({ uploadId, expiresAt }: UploadUrlRequest): Promise<string> {
    const path = pathOf('upload', { upload_id: uploadId });
    return this.#publicUrl() + (await signPath(this.#keys, { method: 'PUT', path, expiresAt }));
  }

  async downloadUrl({ storageKey, expiresAt }: DownloadUrlRequest): Promise<string> {
    const path = pathOf('storedFile', { storage_key: storageKey });
    return this.#publicUrl() + (await signPath(this.#keys, { method: 'GET', path, expiresAt }));
  }

  /**
   * Writes an upload's bytes to staging, hashing as they stream; durable when it resolves. Nothing is left behind when it
   * rejects.
   * @returns `size_differs` when they are not `options.size` bytes (more are not read)
   * @throws OtaError `no_space`, `durability_lost`; whatever reading the body throws
   */
  async receive(body: AsyncIterable<Buffer>, options: DigestOptions): Promise<StagedUpload | 'size_differs'> {
    this.#reserve(options.size);
    try {
      return await this.#stage(body, options);
    } finally {
      this.#reserved -= options.size;
    }
  }

  async #stage(body: AsyncIterable<Buffer>, options: DigestOptions): Promise<StagedUpload | 'size_differs'> {
    const storageKey = randomUUID();
    const file = join(this.#staging, storageKey);
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        const digest = await writeHashed(handle, body, options);
        if (digest === 'size_differs') {
          await unlink(file);
          return digest;
        }
        await sync(handle);
        return {
          storageKey,
          ...digest,
          read: () => this.readStaged(storageKey),
          promote: () => this.promote(storageKey),
          discard: () => this.discard(storageKey),
        };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await unlinkIfThere(file);
      throw toDiskError(error);
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
      throw toDiskError(error);
    }
  }

  async readStaged(storageKey: string): Promise<Buffer> {
    return readFile(join(this.#staging, storageKey));
  }

  /** Resolves also when there is no such file. */
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

  get servedFolder(): string {
    return this.#artifacts;
  }

  /** The path of promoted bytes; the file may be absent. */
  path(storageKey: string): string {
    return join(this.#artifacts, storageKey);
  }

  /** Synchronous, so that of two uploads at once each takes the other's reservation into account. */
  #reserve(size: number): void {
    const { bavail, bsize } = statfsSync(this.#staging);
    // What uploads in progress have already written counts twice: that errs on the safe side.
    if (bavail * bsize < this.#reserved + size + HEADROOM) {
      throw new OtaError('no_space', `the disk has no room for ${size} bytes`, {
        hint: 'Free space on the disk of the data folder; checks and downloads still work.',
      });
    }
    this.#reserved += size;
  }

  /** Stages, promotes and removes a file, to detect an unsuitable file system at startup. */
  async #probe(): Promise<void> {
    // Reserves nothing: on a full disk the server still starts, and serves checks, downloads and deletes.
    const staged = await this.#stage(singleChunk(PROBE), { size: PROBE.length, blake2b512: false });
    if (staged === 'size_differs') throw new Error('a file was not written completely');
    await staged.promote();
    await this.remove(staged.storageKey);
  }
}

/** The folder of promoted files in a data folder; each is named by its storage key. */
export function servedFolder(dataDir: string): string {
  return join(dataDir, 'artifacts');
}

async function* singleChunk(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}
