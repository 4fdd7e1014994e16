import type { Issue } from '../../../src/issue.ts';
import { checkSignatures } from '../../../src/publish/inspect/check-signatures.ts';
import { inspectArtifacts } from '../../../src/publish/inspect/inspect-artifacts.ts';
import type {
  ArtifactInput,
  InspectOptions,
  LocalArtifact,
} from '../../../src/publish/inspect/local-artifact.ts';
import { knownKeys, type RequestedKeys } from '../../../src/publish/known-keys.ts';

export interface InspectedAndVerified {
  readonly artifacts: readonly LocalArtifact[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

export type InspectSignedOptions = RequestedKeys & Partial<InspectOptions>;

/** Inspects files and verifies their signatures, as a publish does that could not ask a server. */
export async function inspectSigned(
  inputs: readonly ArtifactInput[],
  { publicKey, embeddedKey, version = '1.2.0', ...options }: InspectSignedOptions = {},
): Promise<InspectedAndVerified> {
  const inspection = await inspectArtifacts(inputs, { version, ...options });
  const keys = knownKeys({ publicKey, embeddedKey, version });
  const isTauri = options.projectApp !== undefined;
  const signatures = await checkSignatures(inspection, { keys, version, isTauri });
  return {
    artifacts: inspection.artifacts,
    issues: [...inspection.issues, ...signatures.issues],
    warnings: [...signatures.warnings, ...inspection.warnings],
  };
}
