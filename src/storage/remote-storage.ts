import type { ArtifactStorage, MeasureOptions, StagedUpload } from './artifact-storage.ts';

export interface ReceiveOptions extends MeasureOptions {
  /**
   * Whether something was declared that tells these bytes from all others: a SHA-256, or a signature to be verified.
   * Without it the only witness is what arrived, and that is read too.
   */
  readonly identified: boolean;
}

/** Bytes that were taken from where their upload URL can write. */
export interface ReceivedUpload extends StagedUpload {
  /** Drops what arrived, unless something else did meanwhile. */
  discardArrived(): Promise<void>;
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
   * @returns `not_there`; or `size_differs` when what arrived has another size, and was dropped
   */
  receive(uploadId: string, options: ReceiveOptions): Promise<ReceivedUpload | 'not_there' | 'size_differs'>;
}

/** Whether uploads arrive out of the server's sight. */
export function isRemote(storage: ArtifactStorage): storage is RemoteStorage {
  return 'remote' in storage;
}
