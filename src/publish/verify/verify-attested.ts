import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import type { Publisher } from '../publisher.ts';
import type { Attestor } from '../release-request.ts';
import type { PublishedFile } from '../server-state/published-file.ts';

export interface AttestedRelease {
  readonly attestor: Attestor;
  readonly slug: string;
  readonly release: ReleaseResponse;
  /** What has to be attested. */
  readonly files: readonly PublishedFile[];
}

/**
 * Extension `attestation`: compares what the server serves to anybody with the files of a live release.
 * @throws OtaError `verification_failed`
 */
export async function verifyAttested(
  { client, retry }: Pick<Publisher, 'client' | 'retry'>,
  { attestor, slug, release, files }: AttestedRelease,
): Promise<void> {
  const { version } = release;
  const served = await retry.run(() => client.attestations(slug, version));
  const result = await attestor.verify((served?.attestations ?? []).map(({ bundle }) => bundle));
  if (result.kind === 'invalid') throw failed(version, `the attestation ${result.reason}`);
  if (result.kind !== 'attestation') throw failed(version, 'it is not served');
  const { stated } = result.attestation;
  if (stated.releaseId !== release.id) throw failed(version, 'it is about another release');
  const missing = files.filter((file) => stated.files.get(platformName(file))?.digest.sha256 !== file.sha256);
  if (missing.length === 0) return;
  const names = missing.map(platformName).join(', ');
  throw failed(version, `it says nothing, or something else, about ${names}`);
}

function failed(version: string, reason: string): OtaError {
  return new OtaError('verification_failed', `what is served does not attest ${version}: ${reason}`, {
    hint: 'Have every job that publishes files of the release pass --attest; if all did, publish a higher version.',
  });
}
