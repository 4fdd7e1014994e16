import { OtaError } from '../errors.ts';
import { platformName } from '../protocol/platform.ts';
import type { ShownArtifact } from './publisher.ts';

/** A URL that was made just before is refused: another would be too. */
export function storageRefused(artifact: ShownArtifact, cause: OtaError): OtaError {
  const message = `the storage refuses the upload of ${platformName(artifact)}: ${cause.message}`;
  return new OtaError('unauthorized', message, {
    cause,
    hint: "It is the server's storage, or its clock, that is not set up right: tell whoever runs it.",
  });
}
