import type { BufferPool } from '../../client/transfer/buffer-pool.ts';
import { OtaError } from '../../errors.ts';
import type { CreateArtifactResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import type { ShownArtifact } from '../publish-event.ts';

/** What a server promised to take. */
export type UploadGrant = Pick<CreateArtifactResponse, 'upload_url' | 'upload_id' | 'multipart'>;

export interface UploadOptions {
  /** One that was asked for already, for the first try. */
  readonly promised?: UploadGrant | undefined;
  /** The app's slug: where a server does not list artifacts, it tells what is served already. */
  readonly slug?: string | undefined;
  /** Shared by what is uploaded in parts at once. */
  readonly buffers?: BufferPool | undefined;
}

/** A file that is on the server. */
export interface SentArtifact {
  /** What is served for it: another job may have stored the same bytes, signed by itself. */
  readonly servedSignature: string;
  /** Whether the release went live by it. Undefined where nobody told. */
  readonly wentLive: boolean | undefined;
}

/** A URL that was made just before is refused: another would be too. */
export function storageRefused(artifact: ShownArtifact, cause: OtaError): OtaError {
  const message = `the storage refuses the upload of ${platformName(artifact)}: ${cause.message}`;
  return new OtaError('unauthorized', message, {
    cause,
    hint: "It is the server's storage, or its clock, that is not set up right: tell whoever runs it.",
  });
}
