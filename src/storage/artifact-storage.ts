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

/** An upload's bytes: durable, out of reach of every upload URL, and not served yet. */
export interface StagedUpload extends ContentDigest {
  /** Identifies the bytes while staged and, once promoted, while served. Never reused. */
  readonly storageKey: string;
  /** Reads all bytes into memory, for a signature that cannot be verified from a hash. Rejects when nothing is staged. */
  read(): Promise<Buffer>;
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
   * Drops whatever arrived before `olderThan` and was never promoted: uploads that a crash interrupted.
   * @param signal stops early; the next sweep does the rest
   * @throws OtaError `store_unavailable`, `durability_lost`; what was dropped until then stays dropped
   */
  sweepStaged(olderThan: Date, signal?: AbortSignal): Promise<void>;
  /**
   * The keys of all promoted bytes older than `olderThan`, to find those that no row refers to.
   * @throws OtaError `store_unavailable` from the iterator: the list is then incomplete
   */
  promotedKeys(olderThan: Date): AsyncIterable<string>;
}
