import type { ArtifactStorage, MeasureOptions, StagedUpload } from './artifact-storage.ts';

export interface ReceiveOptions extends MeasureOptions {
  /**
   * Whether something was declared that tells these bytes from all others: a SHA-256, or a signature to be verified.
   * Without it the only witness is what arrived, and that is read too.
   */
  readonly identified: boolean;
}

/** What lies where an upload URL can write. */
export interface ArrivedUpload {
  /** Drops it, unless something else arrived meanwhile. */
  discardArrived(): Promise<void>;
}

/** Not as many bytes as were declared. */
export interface WrongSizeUpload extends ArrivedUpload {
  readonly sizeDiffers: true;
}

/** Bytes that were taken from where their upload URL can write. */
export interface ReceivedUpload extends StagedUpload, ArrivedUpload {
  /**
   * To be asked before what was taken is refused: that it is what arrived, unless something else did meanwhile.
   * @throws OtaError `store_unavailable` when it is not, which is not the uploader's fault
   */
  requireFaithful(): Promise<void>;
}

/**
 * A storage that takes uploads by itself, out of the server's sight: its upload URLs lead elsewhere. Bytes that
 * arrived stay where their URL can write until the server looks for them.
 */
export interface RemoteStorage extends ArtifactStorage {
  readonly remote: true;
  /**
   * Has the place belong to a database from now on, and to no other.
   * @throws OtaError `store_unavailable` when it belongs to another
   */
  requireOwner(databaseId: string): Promise<void>;
  /** Lets go of connections, so that the process can end. */
  close(): void;
  /**
   * Takes an upload's bytes, if they arrived, to where no upload URL writes, and measures them there.
   * @returns `not_there` when nothing did
   * @throws OtaError `store_unavailable`, also when the store contradicts itself; then what arrived stays
   */
  receive(uploadId: string, options: ReceiveOptions): Promise<ReceivedUpload | WrongSizeUpload | 'not_there'>;
  /** Whether an upload is there as a whole. */
  hasArrived(uploadId: string): Promise<boolean>;
  readonly parts: UploadParts;
}

/** An upload in parts. */
export interface MultipartUploadKey {
  readonly uploadId: string;
  /** What the store calls it: `start` said so. */
  readonly multipartId: string;
}

/** A part of an upload to be presigned. */
export interface PartUrlRequest extends MultipartUploadKey {
  /** From 1. */
  readonly number: number;
  /** Exactly so many bytes are to come. */
  readonly size: number;
  readonly expiresAt: Date;
}

/** A part that has arrived. */
export interface ArrivedPart {
  /** In quotes. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/** Uploads that arrive in parts, which are then put together to what `receive` takes. */
export interface UploadParts {
  /** @returns what the store calls it */
  start(uploadId: string): Promise<string>;
  /** An absolute URL that takes one PUT of a part until it expires. */
  url(request: PartUrlRequest): Promise<string>;
  /** What has arrived of it, by number; undefined when the store knows of no such upload (any more). */
  arrived(upload: MultipartUploadKey): Promise<ReadonlyMap<number, ArrivedPart> | undefined>;
  /**
   * Puts the parts together, whose ETags come in order.
   * @returns `differ` when they are not those that arrived; `gone` when the store knows of no such upload (any more)
   */
  join(upload: MultipartUploadKey, etags: readonly string[]): Promise<'joined' | 'differ' | 'gone'>;
  /** Drops one and its parts; resolves also when there is none. */
  end(upload: MultipartUploadKey): Promise<void>;
  /** Those that were started before `olderThan`, and neither joined nor ended. */
  unfinished(olderThan: Date): AsyncIterable<MultipartUploadKey>;
}

/** Whether uploads arrive out of the server's sight. */
export function isRemote(storage: ArtifactStorage): storage is RemoteStorage {
  return 'remote' in storage;
}
