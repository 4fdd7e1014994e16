import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import { parseSignature, signedVersionOf } from '../../protocol/minisign.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import { checkSignature, howToBind, type SignatureOptions } from './check-signature.ts';
import type { Inspection } from './inspect-artifacts.ts';

export interface CheckedSignatures {
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

const NO_KEY = 'signatures were not checked, because no public key is known: pass --pubkey';
const NOT_THIS_KEY =
  'signatures were not checked, because the public key that they are made with is not known: pass --pubkey';

/**
 * Verifies the signatures of all inspected files. Without any key most of their faults are warnings, because the files
 * may be for other updaters than Tauri's.
 */
export function checkSignatures(
  { artifacts, signed }: Pick<Inspection, 'artifacts' | 'signed'>,
  options: SignatureOptions,
): CheckedSignatures {
  const { keys } = options;
  const issues: Issue[] = [];
  const unbound: string[] = [];
  for (const artifact of artifacts) {
    const file = signed.get(artifact.file);
    if (file === undefined) continue;
    const issue = checkSignature({ ...artifact, ...file }, options);
    if (issue !== undefined) issues.push(issue);
    else if (isUnbound(artifact.signature)) unbound.push(basename(artifact.file));
  }
  const replayable = unbound.length > 0 ? [replayWarning(unbound, options)] : [];
  if (!hasKeys(keys)) {
    const isRefused = ({ id }: Issue) =>
      id === 'signature.legacy' ||
      id === 'signature.unbound' ||
      (options.isTauri && id === 'signature.binary');
    const others = issues.filter((issue) => !isRefused(issue));
    return { issues: issues.filter(isRefused), warnings: [...messagesOf(others), ...replayable, NO_KEY] };
  }
  const isUnchecked = artifacts.some(
    ({ signature }) =>
      parseSignature(signature).kind === 'signature' && keyFor(signature, keys) === undefined,
  );
  return { issues, warnings: [...replayable, ...(isUnchecked ? [NOT_THIS_KEY] : [])] };
}

function isUnbound(text: string): boolean {
  const signature = parseSignature(text);
  return signature.kind === 'signature' && signedVersionOf(signature) === undefined;
}

function replayWarning(files: readonly string[], options: SignatureOptions): string {
  const names = [...new Set(files)].join(', ');
  return `the signature names no version, so that it could be offered as any later (${names}). ${howToBind(options)}`;
}

function hasKeys({ given, others }: KnownKeys): boolean {
  return given !== undefined || others.length > 0;
}

/** A universal bundle is listed for two platforms. */
function messagesOf(issues: readonly Issue[]): string[] {
  return [...new Set(issues.map(({ message }) => message))];
}
