import { randomUUID } from 'node:crypto';
import { mkdir, opendir, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathOf } from '../../protocol/routes.ts';
import type { FileHash } from '../../runtime/hashing/file-hash.ts';
import type { ArrivedPart, MultipartUploadKey, PartUrlRequest, UploadParts } from '../remote-storage.ts';
import { type SigningKeys, signPath } from '../signed-url.ts';
import { storedPath } from '../stored-path.ts';
import type { DiskSpace } from './disk-space.ts';
import { syncFolder, toDiskError } from './durable-file.ts';
import { Turn, type TurnOrder, type TurnRequest, TurnTable } from './part-turns.ts';
import { type IncomingPart, PartedFile, type PartResult } from './parted-file.ts';

/** Between the two ids; occurs in none. */
const SEPARATOR = '.';
/** Requests for one part that may wait for another to end, as of a client that was cut off and came back. */
const MAX_WAITING = 4;
/** How long what is known of an upload is kept in memory after its last part, in milliseconds. */
const IDLE_MS = 60_000;

export interface DiskUploadPartsOptions {
  readonly folder: string;
  /** Where assembled files go, each under its upload's id. */
  readonly staging: string;
  readonly space: DiskSpace;
  readonly keys: SigningKeys;
  readonly publicUrl: () => string;
  /** Asked by each process that writes to these folders. Default: this process is the only one. */
  readonly turns?: TurnOrder | undefined;
}

interface OpenUpload {
  readonly file: PartedFile;
  usedAt: number;
}

/**
 * Uploads in parts, each in a folder of its own that is named by the upload's id and the id of this attempt at it. Several
 * processes may write to these folders, each in its turn.
 */
export class DiskUploadParts implements UploadParts {
  readonly #options: DiskUploadPartsOptions;
  readonly #turns: TurnOrder;
  /** By folder: those that were used in the last minute. */
  readonly #open = new Map<string, OpenUpload>();
  /** By upload id: what was hashed before the file was assembled. */
  readonly #hashes = new Map<string, FileHash>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DiskUploadPartsOptions) {
    this.#options = options;
    this.#turns = options.turns ?? new TurnTable();
  }

  async start(uploadId: string, size: number): Promise<string> {
    const { folder, space } = this.#options;
    space.requireRoomFor(size); // each part reserves its own
    const multipartId = randomUUID();
    const path = this.#path({ uploadId, multipartId });
    try {
      await mkdir(path, { mode: 0o700 });
      await PartedFile.create(path);
      await syncFolder(folder);
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw toDiskError(error);
    }
    return multipartId;
  }

  async url({ uploadId, multipartId, number, expiresAt }: PartUrlRequest): Promise<string> {
    const { keys, publicUrl } = this.#options;
    const parameters = { upload_id: uploadId, multipart_id: multipartId, part_number: String(number) };
    const path = pathOf('uploadPart', parameters);
    return publicUrl() + (await signPath(keys, { method: 'PUT', path, expiresAt }));
  }

  async arrived(upload: MultipartUploadKey): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    return orDiskError(this.#file(upload).parts());
  }

  /**
   * Writes a part; durable when it is stored.
   * @throws OtaError `no_space`, `durability_lost`; whatever reading the body throws
   */
  async write(upload: MultipartUploadKey, part: IncomingPart): Promise<PartResult> {
    const file = this.#file(upload);
    const reservation = this.#options.space.reserve(part.size);
    try {
      return await orDiskError(file.write({ ...part, body: reservation.cover(part.body) }));
    } finally {
      reservation.end();
      const open = this.#open.get(this.#path(upload));
      if (open) open.usedAt = performance.now();
    }
  }

  /** Waits for the parts that are being written. */
  async assemble(
    upload: MultipartUploadKey,
    etags: readonly string[],
  ): Promise<'assembled' | 'differ' | 'gone'> {
    const turn = await this.#takeTurn(upload, { isUrgent: false });
    try {
      return await orDiskError(this.#assemble(upload, etags));
    } finally {
      turn.end();
    }
  }

  async #assemble(
    upload: MultipartUploadKey,
    etags: readonly string[],
  ): Promise<'assembled' | 'differ' | 'gone'> {
    const { staging } = this.#options;
    const { uploadId } = upload;
    const file = this.#file(upload);
    const parts = await file.parts();
    if (parts !== undefined) {
      const isSame = parts.size === etags.length && etags.every((etag, i) => parts.get(i + 1)?.etag === etag);
      if (!isSame) return 'differ';
      const hash = await file.moveTo(storedPath(staging, uploadId));
      this.takeHash(uploadId)?.cancel();
      if (hash !== undefined) this.#hashes.set(uploadId, hash);
      await syncFolder(staging);
    }
    await this.#remove(upload); // a crash may have kept an earlier assembly from it
    return parts === undefined ? 'gone' : 'assembled';
  }

  /** The hash of an assembled file as far as it was computed, to be finished or cancelled by the caller. */
  takeHash(uploadId: string): FileHash | undefined {
    const hash = this.#hashes.get(uploadId);
    this.#hashes.delete(uploadId);
    return hash;
  }

  /** Ends the parts that are being written. */
  async abort(upload: MultipartUploadKey): Promise<void> {
    const turn = await this.#takeTurn(upload, { isUrgent: true });
    try {
      await this.#remove(upload);
    } finally {
      turn.end();
    }
  }

  /** The same for every attempt at an upload. */
  async abortAll(uploadId: string): Promise<void> {
    this.takeHash(uploadId)?.cancel();
    for (const name of await readdir(this.#options.folder)) {
      const [id, multipartId] = name.split(SEPARATOR);
      if (id === uploadId && multipartId) await this.abort({ uploadId, multipartId });
    }
  }

  async #remove(upload: MultipartUploadKey): Promise<void> {
    const path = this.#path(upload);
    this.#open.get(path)?.file.close();
    this.#open.delete(path);
    await rm(path, { recursive: true, force: true });
  }

  /** Stops the hashing of what is not finalized, which would keep the process alive. The uploads can be resumed. */
  close(): void {
    clearInterval(this.#timer);
    for (const hash of this.#hashes.values()) hash.cancel();
    for (const { file } of this.#open.values()) file.close();
  }

  async *unfinished(olderThan: Date): AsyncIterable<MultipartUploadKey> {
    const { folder } = this.#options;
    for await (const { name } of await opendir(folder)) {
      const [uploadId, multipartId] = name.split(SEPARATOR);
      const stats = await stat(join(folder, name)).catch(() => undefined);
      if (!uploadId || !multipartId || stats === undefined) continue;
      if (stats.mtime < olderThan) yield { uploadId, multipartId }; // a folder's time is that of its files' creation
    }
  }

  /** There may be no such upload. */
  #file(upload: MultipartUploadKey): PartedFile {
    const path = this.#path(upload);
    const takeTurn = (part: number) =>
      this.#takeTurn(upload, { part, isUrgent: false, maxWaiting: MAX_WAITING });
    const options = { folder: path, takeTurn, writesAll: this.#options.turns === undefined };
    const open = this.#open.get(path) ?? { file: new PartedFile(options), usedAt: 0 };
    open.usedAt = performance.now();
    this.#open.set(path, open);
    this.#timer ??= setInterval(() => this.#closeIdle(), IDLE_MS).unref();
    return open.file;
  }

  #takeTurn(upload: MultipartUploadKey, request: Omit<TurnRequest, 'upload'>): Promise<Turn> {
    return Turn.take(this.#turns, { upload: basename(this.#path(upload)), ...request });
  }

  #closeIdle(): void {
    for (const [path, { file, usedAt }] of this.#open) {
      if (performance.now() - usedAt < IDLE_MS || !file.isIdle) continue;
      file.close();
      this.#open.delete(path);
    }
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #path({ uploadId, multipartId }: MultipartUploadKey): string {
    const { folder } = this.#options;
    return storedPath(folder, uploadId) + SEPARATOR + basename(storedPath(folder, multipartId));
  }
}

async function orDiskError<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw toDiskError(error);
  });
}
