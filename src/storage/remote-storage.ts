import type { ArtifactStorage, MeasureOptions, StagedUpload } from './artifact-storage.ts';

export interface ReceiveOptions extends MeasureOptions {
  /**
   * Whether what was declared of the bytes tells them from others (a SHA-256, or a signature to be verified). Without
   * it the only witness is what arrived, and it is read too.
   */
  readonly identified: boolean;
}

/**
 * A storage that takes uploads by itself, out of the server's sight: its upload URLs lead elsewhere. Bytes that
 * arrived stay where their URL can write until the server looks for them.
 */
export interface RemoteStorage extends ArtifactStorage {
  /**
   * Takes an upload's bytes, if they arrived, to where no upload URL writes, and measures them there.
   * @returns `not_there`, or `size_differs` when what arrived has another size; then it is dropped
   */
  receive(uploadId: string, options: ReceiveOptions): Promise<StagedUpload | 'not_there' | 'size_differs'>;
  /** Drops what arrived for an upload; resolves also when nothing did. */
  discardArrived(uploadId: string): Promise<void>;
}

/** Whether uploads arrive out of the server's sight. */
export function isRemote(storage: ArtifactStorage): storage is RemoteStorage {
  return 'discardArrived' in storage;
}
