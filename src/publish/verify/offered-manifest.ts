import type { OtaClient } from '../../client/ota-client.ts';
import type { Retry } from '../../client/retry.ts';
import {
  contradictions,
  expiryProblems,
  type Manifest,
  type OfferedUpdate,
  readManifest,
} from '../../protocol/manifest/manifest.ts';
import type { PublicKey } from '../../protocol/minisign.ts';

/** The manifest of a release, or why it cannot be relied on: `reason` is a sentence's end. */
export type FoundManifest =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  /** The server has none, or none that is signed with the key. */
  | {
      readonly kind: 'none';
      readonly why: 'unpublished' | 'no_manifest' | 'other_key';
      readonly reason: string;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

export interface ManifestQuery {
  readonly slug: string;
  readonly version: string;
  readonly key: PublicKey;
}

/** Extension `manifest`: asks for the manifest of a live release as anybody may, and verifies it. */
export async function findManifest(
  { client, retry }: { readonly client: OtaClient; readonly retry: Retry },
  { slug, version, key }: ManifestQuery,
): Promise<FoundManifest> {
  const { bundle, isUnpublished } = await retry.run(() => client.manifest(slug, version));
  if (!isUnpublished) return verifyManifest(bundle, key);
  return { kind: 'none', why: 'unpublished', reason: `${version} is not published` };
}

/** @param bundle an in-toto bundle */
export function verifyManifest(bundle: string, key: PublicKey): FoundManifest {
  const result = readManifest(bundle, [key]);
  switch (result.kind) {
    case 'manifest':
      return result;
    case 'none':
      return { kind: 'none', why: 'no_manifest', reason: 'there is none' };
    case 'unknown_key':
      return {
        kind: 'none',
        why: 'other_key',
        reason: `it is signed with another key (${result.keyIds.join(', ')})`,
      };
    case 'invalid':
      return { kind: 'invalid', reason: `the manifest ${result.reason}` };
  }
}

/** What an offer contradicts in a manifest; undefined where it is what was signed. */
export function contradictionOf(
  manifest: Manifest,
  offer: OfferedUpdate,
  now: Date,
): Disagreement | undefined {
  return disagreementOf(manifest, contradictions(manifest, offer, now), now);
}

/** What a manifest and what is served do not agree on, in one sentence, and what to do. */
export interface Disagreement {
  readonly message: string;
  /** Where nothing is wrong but that it expired. */
  readonly renewal: string | undefined;
}

/** @param problems all, that it has expired included */
export function disagreementOf(
  manifest: Manifest,
  problems: readonly string[],
  now: Date,
): Disagreement | undefined {
  if (problems.length === 0) return undefined;
  const expired = expiryProblems(manifest, now);
  const isOnlyExpired = problems.every((problem) => expired.includes(problem));
  if (!isOnlyExpired)
    return { message: `the manifest does not agree: ${problems.join('; ')}`, renewal: undefined };
  const { version, expiresAt } = manifest;
  return {
    message: `the manifest of ${version} expired on ${expiresAt.toISOString().slice(0, 10)}; nothing else is wrong with it`,
    renewal: `If ${version} is still to be offered, sign it for another year: \`synckit-ota releases sign ${version}\` with the key.`,
  };
}
