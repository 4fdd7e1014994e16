import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import type {
  DownloadUrlRequest,
  MeasuredBytes,
  MeasureOptions,
  UploadUrlRequest,
} from '../artifact-storage.ts';
import type {
  ReceivedUpload,
  ReceiveOptions,
  RemoteStorage,
  UploadParts,
  WrongSizeUpload,
} from '../remote-storage.ts';
import { measureAll } from '../stream-digest.ts';
import { S3Bucket, type S3Object } from './s3-bucket.ts';
import { createS3Client, type S3ClientSettings } from './s3-client.ts';
import { COPY_SIZES, type CopySizes, copyObject } from './s3-copy.ts';
import { type ImportOptions, type ImportOutcome, importFile, type KnownFile } from './s3-import.ts';
import {
  isUnchanged,
  requireOtherSize,
  requireSameAsArrived,
  storeContradictsItself,
} from './s3-integrity.ts';
import { OWNER_NAME, type S3Location } from './s3-location.ts';
import { S3Multipart, S3UploadParts } from './s3-multipart.ts';
import { requireOwner } from './s3-owner.ts';
import { probeS3, type S3Enforcement } from './s3-probe.ts';

/** How long a store may take to show that it can be used, in milliseconds. */
const PROBE_TIMEOUT_MS = 8000;
/** So many copies may be left that could not be removed again: with more, no further one is made. */
const MAX_LEFT = 10;

export interface S3StorageOptions extends S3ClientSettings {
  readonly location: S3Location;
  readonly clock: Clock;
  readonly copySizes?: CopySizes;
}

/**
 * Artifacts in a bucket: `staging/<upload id>` is where upload URLs write, `artifacts/<key>` is what download URLs
 * read. Between the two is a copy that the store makes and the server reads back: nothing that the store says of its
 * objects is relied on.
 */
export class S3Storage implements RemoteStorage {
  readonly remote = true;
  readonly parts: UploadParts;
  readonly #bucket: S3Bucket;
  readonly #multipart: S3Multipart;
  readonly #staging: string;
  readonly #artifacts: string;
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #copySizes: CopySizes;
  /** Keys of copies that came to nothing and are not known to be gone. */
  readonly #left = new Set<string>();

  private constructor(bucket: S3Bucket, { location, clock, copySizes = COPY_SIZES }: S3StorageOptions) {
    const { prefix } = location;
    this.#bucket = bucket;
    this.#clock = clock;
    this.#multipart = new S3Multipart(bucket);
    this.#staging = `${prefix}staging/`;
    this.#artifacts = `${prefix}artifacts/`;
    this.#owner = prefix + OWNER_NAME;
    this.#copySizes = copySizes;
    this.parts = new S3UploadParts(this.#multipart, this.#staging);
  }

  /** Sends nothing yet: `probe` does. @throws OtaError `usage` when nobody says which region of AWS */
  static async open(options: S3StorageOptions): Promise<S3Storage> {
    const { endpoint = 'S3', location, clock } = options;
    const client = await createS3Client(options);
    return new S3Storage(new S3Bucket(client, location.bucket, endpoint, clock), options);
  }

  close(): void {
    this.#bucket.client.destroy();
  }

  /**
   * Finds out whether the store can be used, and what it refuses.
   * @throws OtaError `store_unavailable`
   */
  async probe(): Promise<S3Enforcement> {
    const folders = { staging: this.#staging, artifacts: this.#artifacts };
    const probing = requireCredentials(this.#bucket).then(() => probeS3(this.#bucket, folders, this.#clock));
    const late = sleep(PROBE_TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new OtaError('store_unavailable', `${this.#bucket.endpoint} does not answer in time`, {
        hint: 'Check --s3-endpoint, the network, and that the store is up.',
      });
    });
    return Promise.race([probing, late]);
  }

  requireOwner(databaseId: string): Promise<void> {
    return requireOwner(this.#bucket, this.#owner, databaseId);
  }

  uploadUrl({ uploadId, size, expiresAt }: UploadUrlRequest): Promise<string> {
    return this.#bucket.presignPut(this.#staging + uploadId, size, expiresAt);
  }

  downloadUrl({ storageKey, fileName, expiresAt, method = 'GET' }: DownloadUrlRequest): Promise<string> {
    return this.#bucket.presignGet({ key: this.#artifacts + storageKey, fileName, expiresAt, method });
  }

  async receive(
    uploadId: string,
    options: ReceiveOptions,
  ): Promise<ReceivedUpload | WrongSizeUpload | 'not_there'> {
    const arrived = await this.#bucket.head(this.#staging + uploadId);
    if (arrived === undefined) return 'not_there';
    if (arrived.size !== options.size) return this.#wrongSize(arrived, options.size);
    await this.#removeLeft();
    const storageKey = randomUUID();
    try {
      const copy = await copyObject(this.#bucket, arrived, this.#artifacts + storageKey, this.#copySizes);
      if (copy === 'changed') return 'not_there'; // whatever came instead is found by the next look
      const measured = await this.#measure(this.#artifacts + storageKey, options);
      if (measured === 'size_differs') {
        throw storeContradictsItself(`the store tells another size of ${arrived.key} than its copy has`);
      }
      if (!options.identified) await requireSameAsArrived(this.#bucket, arrived, measured);
      return this.#received(storageKey, measured, arrived);
    } catch (error) {
      await this.#removeCopy(storageKey).catch(() => {}); // tried again before the next
      throw error;
    }
  }

  /** Brings a file of another storage to where download URLs read; see `importFile`. */
  bring(storageKey: string, file: KnownFile, options: ImportOptions): Promise<ImportOutcome> {
    return importFile(this.#bucket, this.#artifacts + storageKey, file, options);
  }

  /** Whether download URLs read something of so many bytes there. */
  async holds(storageKey: string, size: number): Promise<boolean> {
    return (await this.#bucket.head(this.#artifacts + storageKey))?.size === size;
  }

  async hasArrived(uploadId: string): Promise<boolean> {
    return (await this.#bucket.head(this.#staging + uploadId)) !== undefined;
  }

  async remove(storageKey: string): Promise<void> {
    await this.#bucket.delete(this.#artifacts + storageKey);
  }

  async sweepStaged(olderThan: Date, signal?: AbortSignal): Promise<void> {
    await this.#removeLeft();
    for await (const { key, lastModified } of this.#bucket.list(this.#staging)) {
      if (signal?.aborted) return;
      if (lastModified < olderThan) await this.#bucket.delete(key);
    }
    for await (const copy of this.#multipart.unfinished(this.#artifacts, olderThan)) {
      if (signal?.aborted) return;
      await this.#multipart.abort(copy); // a crash cut it off
    }
  }

  async *promotedKeys(olderThan: Date): AsyncIterable<string> {
    for await (const { key, lastModified } of this.#bucket.list(this.#artifacts)) {
      if (lastModified < olderThan) yield key.slice(this.#artifacts.length);
    }
  }

  /** A copy is where it is served from as soon as it is made; that nobody is given its URL before is up to the server. */
  #received(storageKey: string, measured: MeasuredBytes, arrived: S3Object): ReceivedUpload {
    let state: 'staged' | 'promoted' | 'discarded' = 'staged';
    return {
      storageKey,
      ...measured,
      read: () => this.#readAll(this.#artifacts + storageKey, measured),
      async promote() {
        if (state !== 'staged') throw new Error(`nothing is staged as ${storageKey}: it is ${state}`);
        state = 'promoted';
      },
      discard: async () => {
        if (state === 'promoted') return;
        state = 'discarded';
        await this.#removeCopy(storageKey);
      },
      requireFaithful: async () => {
        if (!(await isUnchanged(this.#bucket, arrived))) return;
        await requireSameAsArrived(this.#bucket, arrived, measured);
      },
      discardArrived: () => this.#deleteUnchanged(arrived),
    };
  }

  async #removeCopy(storageKey: string): Promise<void> {
    this.#left.add(storageKey);
    await this.remove(storageKey);
    this.#left.delete(storageKey);
  }

  /**
   * A store that copies and does not delete would else be given a copy more with each look: more than upkeep takes for
   * what crashes leave.
   */
  async #removeLeft(): Promise<void> {
    for (const storageKey of this.#left) {
      await this.#removeCopy(storageKey).catch((error) => {
        if (this.#left.size >= MAX_LEFT) throw error;
      });
    }
  }

  async #wrongSize(arrived: S3Object, declared: number): Promise<WrongSizeUpload> {
    await requireOtherSize(this.#bucket, arrived, declared);
    return { sizeDiffers: true, discardArrived: () => this.#deleteUnchanged(arrived) };
  }

  /** Its URL may have been used again since: what came then is not to be lost. */
  async #deleteUnchanged(arrived: S3Object): Promise<void> {
    if (await isUnchanged(this.#bucket, arrived)) await this.#bucket.delete(arrived.key);
  }

  #measure(key: string, options: MeasureOptions): Promise<MeasuredBytes | 'size_differs'> {
    return measureAll(this.#bucket.read(key), options);
  }

  /** All of it, as it was measured: else a bit that flips now would seem to be a wrong signature. */
  async #readAll(key: string, measured: MeasuredBytes): Promise<Buffer> {
    const bytes = await this.#bucket.readAll(key);
    if (createHash('sha256').update(bytes).digest('hex') === measured.sha256) return bytes;
    throw storeContradictsItself('the store reads the same file differently each time');
  }
}

/** Told apart from a store that does not answer: looking for a role in the network takes its time too. */
async function requireCredentials(bucket: S3Bucket): Promise<void> {
  await bucket.client.config.credentials().catch((error) => {
    throw bucket.failure(error, 'finding credentials');
  });
}
