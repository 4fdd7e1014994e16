import type { BufferPool } from '../../client/transfer/buffer-pool.ts';
import { OtaError } from '../../errors.ts';
import type { CreateArtifactResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import type { Publisher } from '../publisher.ts';

/** The URLs that a server granted for an upload. */
export type UploadGrant = Pick<CreateArtifactResponse, 'upload_url' | 'upload_id' | 'multipart'>;

/** What all uploads into a release share. */
export interface UploadContext {
  readonly publisher: Publisher;
  readonly release: Pick<ReleaseResponse, 'id' | 'version'>;
  /** The app's slug, to read what is stored where a server does not list artifacts. */
  readonly slug: string | undefined;
  readonly buffers: BufferPool;
}

/** A file that is on the server. */
export interface UploadedFile {
  /** Another job may have uploaded the same file with a signature of its own. */
  readonly servedSignature: string;
  /** Whether the release went live by this upload. Undefined where the server did not say. */
  readonly wentLive: boolean | undefined;
}

/** For a URL that was refused although it was just created: another one would be too. No token was sent with it. */
export function storageRefused(platform: Platform, cause: OtaError): OtaError {
  const message = `the storage refused the upload of ${platformName(platform)}: ${cause.message}`;
  return new OtaError(cause.code === 'unauthorized' ? 'store_unavailable' : cause.code, message, {
    cause,
    hint: cause.hint ?? "The server's storage or clock is probably misconfigured: contact its administrator.",
  });
}
