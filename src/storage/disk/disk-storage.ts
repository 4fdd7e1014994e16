import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { OtaError } from '../../errors.ts';
import { HEAD_BYTES } from '../../protocol/bundle/binary-header.ts';
import { pathOf } from '../../protocol/routes.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { digestFile, type FileDigests } from '../../runtime/hashing/digest-file.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { readHead } from '../../runtime/read-head.ts';
import type {
  ArtifactStorage,
  ContentDigest,
  DownloadUrlRequest,
  HashOptions,
  Orphan,
  OwnerRecord,
  StagedUpload,
  StageOptions,
  StoredState,
  UploadUrlRequest,
} from '../artifact-storage.ts';
import { urlFileName } from '../content-disposition.ts';
import { openRegularFile, readRegularFile } from '../regular-file.ts';
import { type SigningKeys, signPath } from '../signed-url.ts';
import { damagedFolder, partsFolder, servedFolder, stagingFolder, storedPath } from '../stored-path.ts';
import { DiskArrivals } from './disk-arrivals.ts';
import { DiskSpace } from './disk-space.ts';
import { syncFolder, toDiskError, unlinkIfThere, unlinkStored } from './durable-file.ts';
import { inspectFile } from './inspect-file.ts';
import { readOwnerFile, writeOwnerFile } from './owner-file.ts';
import type { TurnOrder } from './part-turns.ts';
import { writeHashed } from './write-hashed.ts';

/** What a start writes, and removes again, to see that it can. */
export const PROBE = Buffer.from('probe');

const READ_SIZE = 1024 * 1024;

export interface DiskStorageOptions {
  readonly dataDir: string;
  readonly keys: SigningKeys;
  /** The value of `--public-url`, without a trailing slash. Called for each URL. */
  readonly publicUrl: () => string;
  /** Where other processes serve the same folder: orders who writes to uploads. */
  readonly turns?: TurnOrder | undefined;
}

/**
 * Artifacts in the data folder: `staging/` for what arrives, `parts/` for what arrives in parts, `artifacts/` for what is
 * served, on one file system.
 * URLs are this server's own, signed.
 */
export class DiskStorage implements ArtifactStorage {
  readonly remote = false;
  readonly #dataDir: string;
  readonly #staging: string;
  readonly #artifacts: string;
  readonly #keys: SigningKeys;
  readonly #publicUrl: () => string;
  readonly #parts: string;
  readonly #space: DiskSpace;
  readonly arrivals: DiskArrivals;
  /** Who writes to uploads, where other processes serve the same folder. */
  readonly turns: TurnOrder | undefined;
  /** The file system that the served files were on when the storage was opened. */
  #device: number | undefined;

  private constructor({ dataDir, keys, publicUrl, turns }: DiskStorageOptions) {
    this.#dataDir = dataDir;
    this.#staging = stagingFolder(dataDir);
    this.#artifacts = servedFolder(dataDir);
    this.#parts = partsFolder(dataDir);
    this.#keys = keys;
    this.#publicUrl = publicUrl;
    this.#space = new DiskSpace(dataDir);
    this.turns = turns;
    this.arrivals = new DiskArrivals({
      folder: this.#parts,
      staging: this.#staging,
      space: this.#space,
      keys,
      publicUrl,
      turns,
      staged: (storageKey, digest) => this.#staged(storageKey, digest),
    });
  }

  /** @throws OtaError `store_unavailable` when the folder cannot be used, or has no hard links */
  static async open(options: DiskStorageOptions): Promise<DiskStorage> {
    const storage = new DiskStorage(options);
    try {
      await makeFolder(storage.#staging, 0o700);
      await makeFolder(storage.#artifacts, 0o700);
      await makeFolder(storage.#parts, 0o700);
      await syncFolder(options.dataDir);
      storage.#device = (await stat(storage.#artifacts)).dev;
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

  async check(): Promise<void> {
    await this.#requireMounted();
    for (const folder of [this.#staging, this.#artifacts, this.#parts]) {
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      await readFirstEntry(folder);
    }
  }

  async uploadUrl({ uploadId, expiresAt }: UploadUrlRequest): Promise<string> {
    const path = pathOf('upload', { upload_id: uploadId });
    return this.#publicUrl() + (await signPath(this.#keys, { method: 'PUT', path, expiresAt }));
  }

  async downloadUrl({ storageKey, fileName, expiresAt }: DownloadUrlRequest): Promise<string> {
    const path = pathOf('storedFile', { storage_key: storageKey, file_name: urlFileName(fileName) });
    return this.#publicUrl() + (await signPath(this.#keys, { method: 'GET', path, expiresAt }));
  }

  /**
   * Writes an upload's bytes to staging, hashing as they stream; durable when it resolves. Nothing is left behind when it
   * rejects.
   * @returns `size_differs` when they are not `options.size` bytes (more are not read)
   * @throws OtaError `no_space`, `durability_lost`; whatever reading the body throws
   */
  async receive(body: AsyncIterable<Buffer>, options: StageOptions): Promise<StagedUpload | 'size_differs'> {
    const reservation = this.#space.reserve(options.size);
    try {
      return await this.#stage(reservation.cover(body), options);
    } finally {
      reservation.end();
    }
  }

  async #stage(body: AsyncIterable<Buffer>, options: StageOptions): Promise<StagedUpload | 'size_differs'> {
    const { newStorageKey = async () => randomUUID() } = options;
    const storageKey = await newStorageKey();
    const file = storedPath(this.#staging, storageKey);
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        const digest = await writeHashed({ handle, file }, body, options);
        if (digest === 'size_differs') {
          await unlink(file);
          return digest;
        }
        return this.#staged(storageKey, digest);
      } finally {
        await handle.close();
      }
    } catch (error) {
      await unlinkIfThere(file);
      throw toDiskError(error);
    }
  }

  #staged(storageKey: string, digest: ContentDigest): StagedUpload {
    return {
      storageKey,
      ...digest,
      readHead: () => readHead(storedPath(this.#staging, storageKey), HEAD_BYTES),
      promote: () => this.promote(storageKey),
      discard: () => this.discard(storageKey),
    };
  }

  /** Moves a staged file to where it is served from. */
  async promote(storageKey: string): Promise<void> {
    const staged = storedPath(this.#staging, storageKey);
    try {
      await link(staged, this.path(storageKey)); // unlike rename, it never replaces
      await syncFolder(this.#artifacts);
      await unlink(staged);
    } catch (error) {
      throw toDiskError(error);
    }
  }

  /** Resolves also when there is no such file. */
  async discard(storageKey: string): Promise<void> {
    await unlinkStored(storedPath(this.#staging, storageKey));
  }

  async remove(storageKey: string): Promise<void> {
    await unlinkStored(this.path(storageKey));
    await syncFolder(this.#artifacts);
  }

  /** Reads promoted bytes. Rejects when there are none. */
  read(storageKey: string): AsyncIterable<Uint8Array> {
    return readRegularFile(this.path(storageKey), READ_SIZE);
  }

  /** On other threads. */
  async hash(storageKey: string, { algorithms, signal }: HashOptions): Promise<FileDigests> {
    const { handle } = await openRegularFile(this.path(storageKey));
    return digestFile(handle.fd, algorithms, signal).finally(() => handle.close());
  }

  /** Moves promoted bytes to where nothing serves or removes them. @returns their path now */
  async setAside(storageKey: string): Promise<string> {
    const folder = damagedFolder(this.#dataDir);
    const place = storedPath(folder, storageKey);
    try {
      await makeFolder(folder, 0o700);
      await syncFolder(this.#dataDir);
      await rename(this.path(storageKey), place);
      await syncFolder(folder);
      await syncFolder(this.#artifacts);
      return place;
    } catch (error) {
      throw toDiskError(error);
    }
  }

  async inspect(storageKeys: readonly string[]): Promise<ReadonlyMap<string, StoredState>> {
    const states = new Map<string, StoredState>();
    for (const key of storageKeys) states.set(key, await inspectFile(this.path(key)));
    if ([...states.values()].some(({ kind }) => kind === 'missing')) await this.#requireMounted();
    return states;
  }

  async removeOrphan({ kind, name }: Orphan): Promise<void> {
    if (kind === 'upload') await this.arrivals.parts.abortAll(name);
    await this.discard(name);
    await this.remove(name);
  }

  readOwner(): Promise<OwnerRecord | undefined> {
    return readOwnerFile({ dataDir: this.#dataDir, files: this.#artifacts });
  }

  writeOwner(text: string, version: string | undefined): Promise<boolean> {
    return writeOwnerFile({ dataDir: this.#dataDir, files: this.#artifacts }, text, version);
  }

  /** Ends what would keep the process alive. */
  close(): void {
    this.arrivals.parts.close();
  }

  get servedFolder(): string {
    return this.#artifacts;
  }

  /** The path of promoted bytes; the file may be absent. @throws OtaError `store_unavailable`, as `storedPath` */
  path(storageKey: string): string {
    return storedPath(this.#artifacts, storageKey);
  }

  /** Where a volume was unmounted, no file of it is missing. @throws OtaError `store_unavailable` */
  async #requireMounted(): Promise<void> {
    const stats = await stat(this.#artifacts).catch(() => undefined);
    if (stats !== undefined && stats.dev === this.#device) return;
    const message = `${this.#artifacts} is not there any more, or another volume is in its place`;
    throw new OtaError('store_unavailable', message, { hint: 'Mount its volume, and restart the server.' });
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

async function* singleChunk(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

/** A disk that has failed shows it only when it is read. */
async function readFirstEntry(folder: string): Promise<void> {
  const entries = await opendir(folder);
  await entries.read().finally(() => entries.close());
}
