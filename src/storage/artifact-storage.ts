import type { FileDigests } from '../runtime/hashing/digest-file.ts';

export interface ContentDigest {
  /** Bytes. */
  readonly size: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Only if it was requested. */
  readonly blake2b512?: Buffer;
}

/** What to compute while an upload's bytes stream by. */
export interface DigestOptions {
  /** The size that was declared, in bytes. */
  readonly size: number;
  /** Also compute BLAKE2b-512, which prehashed minisign signatures sign. */
  readonly blake2b512: boolean;
}

export interface StageOptions extends DigestOptions {
  /** Called before anything is written: a new storage key, which is recorded, so that a crash leaves nothing unknown. */
  readonly newStorageKey?: () => Promise<string>;
}

/** An upload's bytes: durable, out of reach of every upload URL, and not served yet. */
export interface StagedUpload extends ContentDigest {
  /** Identifies the bytes while staged and, once promoted, while served. Never reused. */
  readonly storageKey: string;
  /** The first `HEAD_BYTES` bytes, or all of a shorter file. Rejects when nothing is staged. */
  readHead(): Promise<Buffer>;
  /** Lets the bytes be served, never in place of others. Durable when it resolves. Rejects when nothing is staged. */
  promote(): Promise<void>;
  /** Drops the bytes unless they were promoted. Resolves also when there are none. */
  discard(): Promise<void>;
}

export interface UploadUrlRequest {
  readonly uploadId: string;
  /** As declared, in bytes. */
  readonly size: number;
  readonly expiresAt: Date;
}

export interface DownloadUrlRequest {
  readonly storageKey: string;
  /** The name under which browsers save the file. */
  readonly fileName: string;
  readonly expiresAt: Date;
  /** Default: GET. */
  readonly method?: 'GET' | 'HEAD';
}

/** Something that this server has stored, or allowed to be, and that nothing refers to. */
export interface Orphan {
  /** `upload`: what arrived at the upload URL of that id. */
  readonly kind: 'file' | 'upload';
  /** A storage key, or the id of an upload. */
  readonly name: string;
}

/** What a place says of the database that its files belong to. */
export interface OwnerRecord {
  readonly text: string;
  /** Differs after each write. */
  readonly version: string;
}

/** What to compute of stored bytes. */
export interface HashOptions {
  readonly algorithms: readonly ('sha1' | 'sha256' | 'sha512')[];
  readonly signal: AbortSignal;
}

/** What a storage has under a key. */
export type StoredState =
  /** @property size in bytes */
  | { readonly kind: 'stored'; readonly size: number }
  | { readonly kind: 'missing' }
  /** Something is there, and cannot be read: it has another owner, or its part of the disk failed. */
  | { readonly kind: 'unreadable'; readonly errorCode: string };

/**
 * Where artifacts' bytes are kept. No URL from `uploadUrl` ever writes to where a URL from `downloadUrl` reads: bytes
 * are staged first, and the server promotes them once they match what was declared.
 *
 * Error contract: a method that reaches the disk or the network rejects with an `OtaError` of code
 * - `no_space` when there is no room for what is written,
 * - `store_unavailable` when the store cannot be reached, refuses, or contradicts itself; trying again later may help,
 * - `durability_lost` (disk only) after a failed fsync: nothing may be acknowledged after it.
 * Any other error is a bug, or one of the file system's own (`EACCES`).
 */
export interface ArtifactStorage {
  /** Whether clients upload to another server, which this one has to poll; see `RemoteStorage`. */
  readonly remote: boolean;
  /** Asks the least that shows whether it can be used. @throws OtaError `store_unavailable`, or of the file system */
  check(): Promise<void>;
  /** An absolute URL that accepts one PUT of the upload's bytes until it expires. Needs no network. */
  uploadUrl(request: UploadUrlRequest): Promise<string>;
  /** An absolute URL that serves promoted bytes for one method until it expires. Needs no network; does not check that they exist. */
  downloadUrl(request: DownloadUrlRequest): Promise<string>;
  /**
   * Removes promoted bytes. Resolves also when there are none. A download in progress completes.
   * @throws OtaError `store_unavailable`, `durability_lost`; the bytes may still be there, and it can be called again
   */
  remove(storageKey: string): Promise<void>;
  /**
   * What is there under each of these keys. An outage is an error, and never looks as if bytes were missing.
   * @throws OtaError `store_unavailable`: then nothing is known of any of them
   */
  inspect(storageKeys: readonly string[]): Promise<ReadonlyMap<string, StoredState>>;
  /**
   * Removes what a crash or an expired upload has left under a name: staged, half copied or promoted. Resolves also when
   * there is nothing.
   * @throws OtaError `store_unavailable`, `durability_lost`; something may be left, and it can be called again
   */
  removeOrphan(orphan: Orphan): Promise<void>;
  /**
   * Reads promoted bytes again, and hashes them.
   * @throws OtaError `store_unavailable`; the file system's error; the reason of the signal
   */
  hash(storageKey: string, options: HashOptions): Promise<FileDigests>;
  /** Who the place belongs to; undefined when it does not say. @throws OtaError `store_unavailable` */
  readOwner(): Promise<OwnerRecord | undefined>;
  /**
   * Records who the place belongs to. Durable when it resolves.
   * @param version of the record that was read; undefined when there was none
   * @returns false when another record was written since
   * @throws OtaError `store_unavailable`, `no_space`, `durability_lost`
   */
  writeOwner(text: string, version: string | undefined): Promise<boolean>;
}
