import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import type { ContentDigest, DownloadUrlRequest, UploadUrlRequest } from '../artifact-storage.ts';
import type {
  ReceivedUpload,
  ReceiveOptions,
  ReceiveResult,
  RemoteStorage,
  UploadParts,
  WrongSizeUpload,
} from '../remote-storage.ts';
import { digestStream } from '../stream-digest.ts';
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

const PROBE_TIMEOUT_MS = 8000;
/** No further copy is made while this many could not be removed. */
const MAX_STRAY_COPIES = 10;

export interface S3StorageOptions extends S3ClientSettings {
  readonly location: S3Location;
  readonly clock: Clock;
  readonly copySizes?: CopySizes;
}

/**
 * Artifacts in a bucket: upload URLs write `staging/<upload id>`, download URLs read `artifacts/<key>`. In between, the
 * store makes a copy and the server reads it back: nothing that the store claims about its objects is relied on.
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
  /** Storage keys of copies that are not needed, and may not be removed yet. */
  readonly #strayCopies = new Set<string>();

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

  /** Sends no request; see `probe`. @throws OtaError `usage` when there is neither a region nor an endpoint */
  static async open(options: S3StorageOptions): Promise<S3Storage> {
    const { endpoint = 'S3', location, clock } = options;
    const client = await createS3Client(options);
    return new S3Storage(new S3Bucket({ client, name: location.bucket, endpoint, clock }), options);
  }

  close(): void {
    this.#bucket.client.destroy();
  }

  /**
   * Checks that the store can be used, and what it enforces.
   * @param timeoutMs how long all of it may take, in milliseconds
   * @throws OtaError `store_unavailable`, `no_space`
   */
  async probe(timeoutMs = PROBE_TIMEOUT_MS): Promise<S3Enforcement> {
    const [bucket, clock] = [this.#bucket, this.#clock];
    const options = { bucket, staging: this.#staging, artifacts: this.#artifacts, clock };
    const probing = requireCredentials(bucket).then(() => probeS3(options));
    const late = sleep(timeoutMs, undefined, { ref: false }).then(() => {
      throw new OtaError('store_unavailable', `${bucket.endpoint} does not respond in time`, {
        hint: 'Check --s3-endpoint, the network, and that the store is running.',
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

  async receive(uploadId: string, options: ReceiveOptions): Promise<ReceiveResult> {
    const arrived = await this.#bucket.head(this.#staging + uploadId);
    if (arrived === undefined) return { kind: 'not_there' };
    if (arrived.size !== options.size) return this.#wrongSize(arrived, options.size);
    await this.#removeStrayCopies();
    const storageKey = randomUUID();
    try {
      const to = this.#artifacts + storageKey;
      const copy = await copyObject(this.#bucket, { source: arrived, to, sizes: this.#copySizes });
      if (copy === 'changed') return { kind: 'not_there' }; // the next poll finds what replaced it
      const digest = await digestStream(this.#bucket.read(to), options);
      if (digest === 'size_differs') {
        throw storeContradictsItself(`the store reports another size for ${arrived.key} than its copy has`);
      }
      if (!options.identified) await requireSameAsArrived(this.#bucket, arrived, digest);
      return this.#received(storageKey, digest, arrived);
    } catch (error) {
      await this.#removeCopy(storageKey).catch(() => {}); // tried again before the next copy
      throw error;
    }
  }

  /** Copies a file of another storage to where download URLs read; see `importFile`. */
  importFile(storageKey: string, file: KnownFile, options: ImportOptions): Promise<ImportOutcome> {
    return importFile(this.#bucket, { key: this.#artifacts + storageKey, file, ...options });
  }

  /** Whether download URLs read an object of that size there. */
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
    await this.#removeStrayCopies();
    for await (const { key, lastModified } of this.#bucket.list(this.#staging)) {
      if (signal?.aborted) return;
      if (lastModified < olderThan) await this.#bucket.delete(key);
    }
    for await (const copy of this.#multipart.unfinished(this.#artifacts, olderThan)) {
      if (signal?.aborted) return;
      await this.#multipart.abort(copy); // a copy that a crash interrupted
    }
  }

  async *promotedKeys(olderThan: Date): AsyncIterable<string> {
    for await (const { key, lastModified } of this.#bucket.list(this.#artifacts)) {
      if (lastModified < olderThan) yield key.slice(this.#artifacts.length);
    }
  }

  /** The copy is already where it is served from; until it is promoted, the server gives out no URL for it. */
  #received(storageKey: string, digest: ContentDigest, arrived: S3Object): ReceivedUpload {
    let state: 'staged' | 'promoted' | 'discarded' = 'staged';
    return {
      kind: 'received',
      storageKey,
      ...digest,
      read: () => this.#readAll(this.#artifacts + storageKey, digest),
      async promote() {
        if (state !== 'staged') throw new Error(`${storageKey} is not staged: it is ${state}`);
        state = 'promoted';
      },
      discard: async () => {
        if (state === 'promoted') return;
        state = 'discarded';
        await this.#removeCopy(storageKey);
      },
      requireFaithful: async () => {
        if (!(await isUnchanged(this.#bucket, arrived))) return;
        await requireSameAsArrived(this.#bucket, arrived, digest);
      },
      discardArrived: () => this.#deleteUnchanged(arrived),
    };
  }

  async #removeCopy(storageKey: string): Promise<void> {
    this.#strayCopies.add(storageKey);
    await this.remove(storageKey);
    this.#strayCopies.delete(storageKey);
  }

  /**
   * A store that copies but does not delete would otherwise accumulate a copy with each poll: more than maintenance
   * accepts as left by crashes.
   */
  async #removeStrayCopies(): Promise<void> {
    for (const storageKey of this.#strayCopies) {
      await this.#removeCopy(storageKey).catch((error) => {
        if (this.#strayCopies.size >= MAX_STRAY_COPIES) throw error;
      });
    }
  }

  async #wrongSize(arrived: S3Object, declared: number): Promise<WrongSizeUpload> {
    await requireOtherSize(this.#bucket, arrived, declared);
    return { kind: 'wrong_size', discardArrived: () => this.#deleteUnchanged(arrived) };
  }

  /** Its URL may have been used again since: what arrived then must not be lost. */
  async #deleteUnchanged(arrived: S3Object): Promise<void> {
    if (await isUnchanged(this.#bucket, arrived)) await this.#bucket.delete(arrived.key);
  }

  /** Compares the hash: otherwise a bit that the store flips now would look like a wrong signature. */
  async #readAll(key: string, digest: ContentDigest): Promise<Buffer> {
    const bytes = await this.#bucket.readAll(key);
    if (createHash('sha256').update(bytes).digest('hex') === digest.sha256) return bytes;
    throw storeContradictsItself('the store returns different bytes each time the same file is read');
  }
}

/** Before the probe: finding a role takes time too, and must not look like a store that does not respond. */
async function requireCredentials(bucket: S3Bucket): Promise<void> {
  await bucket.client.config.credentials().catch((error) => {
    throw bucket.toError(error, 'finding credentials');
  });
}
