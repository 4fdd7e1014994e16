import type { Issue } from '../../../src/issue.ts';
import { checkSignatures } from '../../../src/publish/inspect/check-signatures.ts';
import { inspectArtifacts } from '../../../src/publish/inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact } from '../../../src/publish/inspect/local-artifact.ts';
import { knownKeys, type RequestedKeys } from '../../../src/publish/known-keys.ts';

export interface InspectedAndVerified {
  readonly artifacts: readonly LocalArtifact[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** Inspects files and verifies their signatures, as a publish does that could not ask a server. */
export async function inspectSigned(
  inputs: readonly ArtifactInput[],
  {
    onHashing,
    version = '1.2.0',
    ...keys
  }: RequestedKeys & { readonly version?: string; readonly onHashing?: (file: string) => void } = {},
): Promise<InspectedAndVerified> {
  const inspection = await inspectArtifacts(inputs, onHashing === undefined ? {} : { onHashing });
  const signatures = await checkSignatures(inspection, { keys: knownKeys(keys), version });
  return {
    artifacts: inspection.artifacts,
    issues: [...inspection.issues, ...signatures.issues],
    warnings: [...signatures.warnings, ...inspection.warnings],
  };
}
