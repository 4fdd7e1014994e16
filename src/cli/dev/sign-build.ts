import { basename } from 'node:path';
import { hashFile } from '../../client/transfer/hash-file.ts';
import { requireOk } from '../../issue.ts';
import { type SigningKeyPair, signFile } from '../../protocol/minisign-signer.ts';
import type { ArtifactInput } from '../../publish/inspect/local-artifact.ts';
import { tryToHash } from '../../publish/inspect/try-to-hash.ts';

export interface DevSigning {
  readonly keyPair: SigningKeyPair;
  /** The version that the files are offered as. */
  readonly version: string;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs each file with a temporary key. Signatures beside the files are neither read nor changed.
 * @throws OtaError `usage` when a file cannot be read
 */
export async function signBuild(
  artifacts: readonly ArtifactInput[],
  { keyPair, version, now, signal }: DevSigning,
): Promise<ArtifactInput[]> {
  const signatures = new Map<string, string>(); // a universal bundle is listed for two platforms
  for (const { file } of artifacts) {
    if (signatures.has(file)) continue;
    const { blake2b512 } = requireOk(await tryToHash(file, hashFile, signal));
    signatures.set(file, signFile(keyPair, { blake2b512, fileName: basename(file), version }, now));
  }
  return artifacts.map((artifact) => ({ ...artifact, givenSignature: signatures.get(artifact.file) ?? '' }));
}
