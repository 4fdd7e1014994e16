import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import type { Attestor, StatementValidity } from '../release-request.ts';
import { isLive, releaseStatement, type SignedFacts, subjectsOf } from './sign-manifest.ts';

export interface AttestOptions {
  readonly attestor: Attestor;
  readonly validity: StatementValidity;
}

/**
 * Has the job's identity sign the statement that the manifest has, and the server keep it, before the files are uploaded:
 * nothing goes live without it. What is attested of a live release stays; what is not, of the files of this run, is added.
 * @throws OtaError of the attestor
 */
export async function attestRelease(
  publisher: Publisher,
  { attestor, validity }: AttestOptions,
  { artifacts: own, ...signed }: SignedFacts & { readonly artifacts: readonly PlannedArtifact[] },
): Promise<void> {
  const { client, retry, appId, report } = publisher;
  const { release } = signed;
  const attested = isLive(release) ? await attestedPlatforms(publisher, release.id, attestor) : [];
  const artifacts = own.filter((artifact) => !attested.includes(platformName(artifact)));
  if (artifacts.length === 0) return;
  const statement = releaseStatement({ ...signed, files: subjectsOf(artifacts) }, validity);
  const { bundle, signer } = await attestor.attest(statement);
  await retry.run(() => client.putAttestation(appId, release.id, bundle));
  report({ type: 'attested', release, signer });
}

/** Those that jobs of the same repository have attested: what others did counts for nothing. */
async function attestedPlatforms(
  { client, retry, appId }: Publisher,
  releaseId: string,
  attestor: Attestor,
): Promise<readonly string[]> {
  const found = await retry.run(() => client.readAttestations(appId, releaseId));
  const result = await attestor.verify((found?.attestations ?? []).map(({ bundle }) => bundle));
  return result.kind === 'attestation' ? [...result.attestation.stated.files.keys()] : [];
}
