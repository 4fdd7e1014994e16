import type { ArtifactStorage, StagedUpload, StageOptions } from './artifact-storage.ts';

export interface ReceiveOptions extends StageOptions {
  /**
   * Whether a SHA-256 or a verifiable signature was declared, which identifies the bytes. Without one, what arrived is
   * read a second time, to compare the store's copy with it.
   */
  readonly identified: boolean;
}

/** An object that lies where an upload URL can write. */
export interface ArrivedUpload {
  /**
   * Drops the object, unless another one arrived since.
   * @throws OtaError `store_unavailable`; a later sweep drops it
   */
  discardArrived(): Promise<void>;
}

export interface WrongSizeUpload extends ArrivedUpload {
  readonly kind: 'wrong_size';
}

/** Bytes copied from where their upload URL can write to where it cannot. */
export interface ReceivedUpload extends StagedUpload, ArrivedUpload {
  readonly kind: 'received';
  /**
   * Call before refusing the bytes: compares the copy with what arrived, unless something else arrived since.
   * @throws OtaError `store_unavailable` when they differ, which is the store's fault and not the uploader's
   */
  requireFaithful(): Promise<void>;
}

export type ReceiveResult = ReceivedUpload | WrongSizeUpload | { readonly kind: 'not_there' };

/** Where uploads arrive that this server only finalizes when it is asked to, or when it finds them. */
export interface UploadArrivals {
  /**
   * Puts an upload's bytes, if they arrived, out of reach of its upload URLs, and hashes them.
   * @throws OtaError as `ArtifactStorage`; what arrived stays, and nothing else is left behind
   */
  receive(uploadId: string, options: ReceiveOptions): Promise<ReceiveResult>;
  /**
   * Whether an upload has arrived completely.
   * @throws OtaError `store_unavailable`
   */
  hasArrived(uploadId: string): Promise<boolean>;
  readonly parts: UploadParts;
}

/**
 * A storage with a server of its own, to which upload URLs lead: this server does not see uploads arrive, and has to
 * poll. It receives a copy of them; until then bytes stay where their upload URL can overwrite them.
 *
 * The error contract is that of `ArtifactStorage`; a remote storage never rejects with `durability_lost`.
 */
export interface RemoteStorage extends ArtifactStorage, UploadArrivals {
  readonly remote: true;
  /** Closes connections, so that the process can end. Requests in progress fail, and none is retried. */
  close(): void;
}

export interface MultipartUploadKey {
  readonly uploadId: string;
  /** The store's name for it, from `start`. */
  readonly multipartId: string;
}

export interface PartUrlRequest extends MultipartUploadKey {
  /** From 1. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  readonly expiresAt: Date;
}

export interface ArrivedPart {
  /** In quotes. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Uploads that arrive in parts, which the store then assembles to what `receive` reads.
 * Every method but `url` rejects with an `OtaError` `store_unavailable` when the store cannot be reached or refuses.
 */
export interface UploadParts {
  /**
   * @param size of the file, in bytes
   * @returns the store's name for the new multipart upload
   * @throws OtaError `no_space`
   */
  start(uploadId: string, size: number): Promise<string>;
  /** An absolute URL that accepts one PUT of a part until it expires. Needs no network. */
  url(request: PartUrlRequest): Promise<string>;
  /** The parts the store has, by number; undefined when it does not know the upload, or no longer. */
  arrived(upload: MultipartUploadKey): Promise<ReadonlyMap<number, ArrivedPart> | undefined>;
  /**
   * Assembles the file.
   * @param etags of all parts, in order
   * @returns `differ` when they are not the ETags of the parts that arrived; `gone` when the store does not know the
   *   upload, or no longer
   */
  assemble(upload: MultipartUploadKey, etags: readonly string[]): Promise<'assembled' | 'differ' | 'gone'>;
  /** Drops an upload and its parts. Resolves also when there is none. */
  abort(upload: MultipartUploadKey): Promise<void>;
  /** Uploads that were started before `olderThan`, and neither assembled nor aborted. */
  unfinished(olderThan: Date): AsyncIterable<MultipartUploadKey>;
}

export function isRemote(storage: ArtifactStorage): storage is RemoteStorage {
  return storage.remote;
}
