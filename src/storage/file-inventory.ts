/** A file as its storage lists it. */
export interface ListedFile {
  /** A storage key, or the name of a file in staging. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The server could not read it. */
  readonly isUnreadable?: boolean;
  /** It is no file: a folder, a symbolic link, a pipe, a socket or a device. */
  readonly isSpecial?: boolean;
}

/**
 * What a storage really holds, without regard to any record. Each method rejects with an `OtaError` `store_unavailable`
 * where the storage cannot be reached or read.
 */
export interface FileInventory {
  /** All files that are served. */
  served(): AsyncIterable<ListedFile>;
  /** What has arrived, and is not served. */
  staged(): AsyncIterable<ListedFile>;
  /** A served file's bytes. Rejects when there is no such file. */
  read(storageKey: string): AsyncIterable<Uint8Array>;
  /** Where a served file is, or would be, for people. */
  locationOf(storageKey: string): string;
}
