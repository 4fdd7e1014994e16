/** Bytes that arrived and are durable, but at a place from which nothing is served. */
export interface StagedBytes {
  /** Names the bytes while staged and, once promoted, while served. Never given twice. */
  readonly storageKey: string;
  /** Bytes. */
  readonly size: number;
  /** As measured, lowercase hexadecimal. */
  readonly sha256: string;
  /** As measured; only when it was asked for. */
  readonly blake2b512?: Buffer;
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
  /** An absolute URL that answers GET with promoted bytes until it expires. */
  downloadUrl(request: DownloadUrlRequest): Promise<string>;
  /**
   * Moves staged bytes to where they are served from, never over others. Durable when it resolves.
   * Rejects when nothing is staged under the key.
   */
  promote(storageKey: string): Promise<void>;
  /** All of a staged file at once, to verify a signature that cannot be streamed. */
  readStaged(storageKey: string): Promise<Buffer>;
  /** Drops staged bytes; resolves also when there are none. */
  discard(storageKey: string): Promise<void>;
  /** Removes promoted bytes; resolves also when there are none. A download under way completes. */
  remove(storageKey: string): Promise<void>;
  /** Drops everything staged before `olderThan`: uploads that a crash cut off. */
  sweepStaged(olderThan: Date): Promise<void>;
  /** The keys of all promoted bytes older than `olderThan`, to find those that no row refers to. */
  promotedKeys(olderThan: Date): AsyncIterable<string>;
}
