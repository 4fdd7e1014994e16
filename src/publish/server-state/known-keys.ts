import { type PublicKey, parsePublicKey } from '../../protocol/minisign.ts';
import type { KnownKeys } from '../../protocol/routing/known-keys.ts';
import type { ServerState } from './server-state.ts';

/** The keys that the user of a command named, or that the project has. */
export interface RequestedKeys {
  /** Every file has to be signed with it. */
  readonly publicKey?: PublicKey | undefined;
  /** The key that the build carries. */
  readonly embeddedKey?: PublicKey | undefined;
}

/** @param server undefined where it could not be asked */
export function knownKeys(
  { publicKey, embeddedKey }: RequestedKeys,
  server?: Pick<ServerState, 'acceptedPubkeys' | 'releases'>,
): KnownKeys {
  const texts = [
    ...(server?.acceptedPubkeys ?? []),
    ...(server?.releases ?? []).map((release) => release.embedded_pubkey ?? ''),
  ];
  const listed = texts.map(parsePublicKey).filter((key) => key !== undefined);
  return { given: publicKey, others: embeddedKey === undefined ? listed : [embeddedKey, ...listed] };
}
