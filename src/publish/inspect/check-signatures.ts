import type { Issue } from '../../issue.ts';
import { parseSignature } from '../../protocol/minisign.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import { checkSignature, type SignatureOptions } from './check-signature.ts';
import type { Inspection } from './inspect-artifacts.ts';

export interface CheckedSignatures {
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

const NO_KEY = 'signatures were not checked, because no public key is known: pass --pubkey';
const NOT_THIS_KEY =
  'signatures were not checked, because the public key that they are made with is not known: pass --pubkey';

/**
 * Verifies the signatures of all inspected files. Without any key their faults are warnings, because the files may be
 * for other updaters than Tauri's.
 */
export async function checkSignatures(
  { artifacts, signed }: Pick<Inspection, 'artifacts' | 'signed'>,
  options: SignatureOptions,
): Promise<CheckedSignatures> {
  const { keys } = options;
  const issues: Issue[] = [];
  for (const artifact of artifacts) {
    const file = signed.get(artifact.file);
    if (file === undefined) continue;
    const issue = await checkSignature({ ...artifact, ...file }, options);
    if (issue !== undefined) issues.push(issue);
  }
  if (!hasKeys(keys)) {
    const isRefused = ({ id }: Issue) => options.isTauri && id === 'signature.binary';
    const others = issues.filter((issue) => !isRefused(issue));
    return { issues: issues.filter(isRefused), warnings: [...messagesOf(others), NO_KEY] };
  }
  const isUnchecked = artifacts.some(
    ({ signature }) =>
      parseSignature(signature).kind === 'signature' && keyFor(signature, keys) === undefined,
  );
  return { issues, warnings: isUnchecked ? [NOT_THIS_KEY] : [] };
}

function hasKeys({ given, others }: KnownKeys): boolean {
  return given !== undefined || others.length > 0;
}

/** A universal bundle is listed for two platforms. */
function messagesOf(issues: readonly Issue[]): string[] {
  return [...new Set(issues.map(({ message }) => message))];
}
