/** What was measured of an upload's bytes. */
export interface MeasuredBytes {
  readonly size: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Only when it was asked for. */
  readonly blake2b512?: Buffer;
}

/** An upload's bytes: durable, where no upload URL can write them any more, and not given out yet. */
export interface StagedUpload extends MeasuredBytes {
  /** Names the bytes while staged and, once promoted, while served. Never given twice. */
  readonly storageKey: string;
  /** All of them at once, to verify a signature that cannot be streamed. */
  read(): Promise<Buffer>;
  /** Lets them be served, never in place of others. Durable when it resolves. Rejects when nothing is staged. */
  promote(): Promise<void>;
  /** Drops them unless they are promoted. */
  discard(): Promise<void>;
}

/** An upload URL to be made. */
export interface UploadUrlRequest {
  readonly uploadId: string;
  /** Exactly so many bytes are to come. */
  readonly size: number;
  readonly expiresAt: Date;
}

/** A download URL to be made. */
export interface DownloadUrlRequest {
  readonly storageKey: string;
  /** What the file is to be called where it is saved. */
  readonly fileName: string;
  readonly expiresAt: Date;
  /** GET unless said otherwise. */
  readonly method?: 'GET' | 'HEAD';
}

/** What is to be measured of an upload's bytes. */
export interface MeasureOptions {
  /** Exactly so many bytes are expected. */
  readonly size: number;
  /** Measure the BLAKE2b-512 too, to check a minisign signature by. */
  readonly blake2b512: boolean;
}

/**
 * Where artifacts' bytes are. No URL of `uploadUrl` ever writes to where a URL of `downloadUrl` reads: bytes are
 * staged first, and promoted by the server once they are known to be right.
 *
 * Every method may reject with the OtaError codes `no_space`, `store_unavailable` and, when an fsync failed and
 * nothing may be acknowledged any more, `durability_lost`.
 */
export interface ArtifactStorage {
  /** An absolute URL that takes one PUT of the upload's bytes until it expires. */
  uploadUrl(request: UploadUrlRequest): Promise<string>;
  /** An absolute URL that answers one method with promoted bytes until it expires. */
  downloadUrl(request: DownloadUrlRequest): Promise<string>;
  /** Removes promoted bytes; resolves also when there are none. A download under way completes. */
  remove(storageKey: string): Promise<void>;
  /**
   * Drops everything that arrived before `olderThan` and was never promoted: uploads that a crash cut off.
   * @param signal leaves the rest for another time
   */
  sweepStaged(olderThan: Date, signal?: AbortSignal): Promise<void>;
  /** The keys of all promoted bytes older than `olderThan`, to find those that no row refers to. */
  promotedKeys(olderThan: Date): AsyncIterable<string>;
}
