import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../errors.ts';
import { HEAD_BYTES } from '../../protocol/bundle/binary-header.ts';
import type { Clock } from '../../protocol/time.ts';
import type { FileDigests } from '../../runtime/hashing/digest-file.ts';
import { countUsedBuffer } from '../../runtime/used-buffers.ts';
import type {
  ContentDigest,
  DownloadUrlRequest,
  HashOptions,
  Orphan,
  OwnerRecord,
  StoredState,
  UploadUrlRequest,
} from '../artifact-storage.ts';
import type {
  ReceivedUpload,
  ReceiveOptions,
  ReceiveResult,
  RemoteStorage,
  UploadParts,
  WrongSizeUpload,
} from '../remote-storage.ts';
import { digestStream } from '../stream-digest.ts';
import { StreamHead } from '../stream-head.ts';
import { S3Bucket, type S3Object } from './s3-bucket.ts';
import { troublesomeSettings } from './s3-bucket-settings.ts';
import { createS3Client, type S3ClientSettings } from './s3-client.ts';
import { COPY_SIZES, type CopySizes, copyObject } from './s3-copy.ts';
import { isPassing } from './s3-error.ts';
import { type ImportOptions, type ImportOutcome, importFile, type KnownFile } from './s3-import.ts';
import { inspectObjects } from './s3-inspect.ts';
import {
  isUnchanged,
  requireOtherSize,
  requireSameAsArrived,
  storeContradictsItself,
} from './s3-integrity.ts';
import { OWNER_NAME, type S3Location } from './s3-location.ts';
import { S3Multipart, S3UploadParts } from './s3-multipart.ts';
import { readOwnerObject, writeOwnerObject } from './s3-owner.ts';
import { probeS3, type S3Enforcement } from './s3-probe.ts';

const PROBE_TIMEOUT_MS = 8000;
/** Until a store that was busy is probed again, in milliseconds; doubled each time. */
const FIRST_RETRY_MS = 200;
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
    const { publicEndpoint } = options;
    const signer = publicEndpoint
      ? await createS3Client({ ...options, endpoint: publicEndpoint })
      : undefined;
    const bucket = new S3Bucket({
      client,
      ...(signer && { signer }),
      name: location.bucket,
      endpoint,
      clock,
    });
    return new S3Storage(bucket, options);
  }

  close(): void {
    this.#bucket.client.destroy();
    this.#bucket.signer.destroy();
  }

  /**
   * Checks that the store can be used, and what it enforces.
   * @param timeoutMs how long all of it may take, in milliseconds
   * @throws OtaError `store_unavailable`, `no_space`
   */
  async probe(timeoutMs = PROBE_TIMEOUT_MS): Promise<S3Enforcement> {
    const [bucket, clock] = [this.#bucket.asServerReachesIt(), this.#clock];
    const options = { bucket, staging: this.#staging, artifacts: this.#artifacts, clock };
    const deadline = performance.now() + timeoutMs;
    let passing: unknown;
    const probing = async () => {
      await requireCredentials(bucket);
      for (let wait = FIRST_RETRY_MS; ; wait *= 2) {
        try {
          return await probeS3(options);
        } catch (error) {
          passing = error;
          if (!isPassing(error) || performance.now() + wait > deadline) throw error;
          await sleep(wait, undefined, { ref: false });
        }
      }
    };
    const late = sleep(timeoutMs, undefined, { ref: false }).then(() => {
      throw (
        passing ??
        new OtaError('store_unavailable', `${bucket.endpoint} does not respond in time`, {
          hint: 'Check --s3-endpoint, the network, and that the store is running.',
        })
      );
    });
    return Promise.race([probing(), late]);
  }

  /** What will cause trouble later, a line each; see `troublesomeSettings`. */
  warnings(): Promise<string[]> {
    return troublesomeSettings(this.#bucket, this.#artifacts);
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
    const { newStorageKey = async () => randomUUID() } = options;
    const storageKey = await newStorageKey();
    try {
      const to = this.#artifacts + storageKey;
      const copy = await copyObject(this.#bucket, { source: arrived, to, sizes: this.#copySizes });
      if (copy === 'changed') return { kind: 'not_there' }; // the next poll finds what replaced it
      const head = new StreamHead(HEAD_BYTES);
      const digest = await digestStream(head.of(this.#bucket.read(to)), options);
      if (digest === 'size_differs') {
        throw storeContradictsItself(`the store reports another size for ${arrived.key} than its copy has`);
      }
      if (!options.identified) await requireSameAsArrived(this.#bucket, arrived, digest);
      return this.#received(storageKey, { ...digest, head: head.bytes }, arrived);
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

  async check(): Promise<void> {
    await this.readOwner(); // need not be there; an answer to HEAD does not say whether the bucket is
  }

  async hasArrived(uploadId: string): Promise<boolean> {
    return (await this.#bucket.head(this.#staging + uploadId)) !== undefined;
  }

  async remove(storageKey: string): Promise<void> {
    await this.#bucket.delete(this.#artifacts + storageKey);
  }

  async hash(storageKey: string, { algorithms, signal }: HashOptions): Promise<FileDigests> {
    const hashes = algorithms.map((algorithm) => [algorithm, createHash(algorithm)] as const);
    let size = 0;
    for await (const chunk of this.#bucket.read(this.#artifacts + storageKey)) {
      signal.throwIfAborted();
      for (const [, hash] of hashes) hash.update(chunk);
      size += chunk.length;
      countUsedBuffer(chunk.length);
    }
    return { size, digests: new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest()])) };
  }

  inspect(storageKeys: readonly string[]): Promise<ReadonlyMap<string, StoredState>> {
    return inspectObjects(this.#bucket, this.#artifacts, storageKeys);
  }

  async removeOrphan({ kind, name }: Orphan): Promise<void> {
    const key = (kind === 'file' ? this.#artifacts : this.#staging) + name;
    await this.#bucket.delete(key);
    for await (const upload of this.#multipart.unfinished(key)) {
      if (upload.key === key) await this.#multipart.abort(upload);
    }
  }

  readOwner(): Promise<OwnerRecord | undefined> {
    return readOwnerObject(this.#bucket, this.#owner);
  }

  writeOwner(text: string, version: string | undefined): Promise<boolean> {
    return writeOwnerObject(this.#bucket, this.#owner, { text, version });
  }

  /** The copy is already where it is served from; until it is promoted, the server gives out no URL for it. */
  #received(
    storageKey: string,
    { head, ...digest }: ContentDigest & { readonly head: Buffer },
    arrived: S3Object,
  ): ReceivedUpload {
    let state: 'staged' | 'promoted' | 'discarded' = 'staged';
    return {
      kind: 'received',
      storageKey,
      ...digest,
      async readHead() {
        if (state === 'discarded') throw new Error(`${storageKey} is discarded`);
        return head; // as it was hashed: the store is not asked again
      },
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
   * A store that copies but does not delete would otherwise accumulate a copy with each poll, which maintenance removes a
   * day later only.
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
}

/** Before the probe: finding a role takes time too, and must not look like a store that does not respond. */
async function requireCredentials(bucket: S3Bucket): Promise<void> {
  await bucket.client.config.credentials().catch((error) => {
    throw bucket.toError(error, 'finding credentials');
  });
}
