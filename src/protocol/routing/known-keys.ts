import { type PublicKey, parseSignature } from '../minisign.ts';

/** The public keys that the files of an app may be signed with, as far as they are known. */
export interface KnownKeys {
  /** Every file has to be signed with it. */
  readonly given?: PublicKey | undefined;
  /** Where none is given: a signature is verified with the one that it names. */
  readonly others: readonly PublicKey[];
}

/** The key to verify a signature with; undefined when the key that it names is not known. */
export function keyFor(signature: string, { given, others }: KnownKeys): PublicKey | undefined {
  if (given !== undefined) return given;
  const parsed = parseSignature(signature);
  if (parsed.kind === 'malformed') return undefined;
  return others.find(({ keyId }) => keyId.equals(parsed.keyId));
}
