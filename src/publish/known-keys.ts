import { type PublicKey, parsePublicKey, parseSignature } from '../protocol/minisign.ts';
import { precedenceOf } from '../protocol/version.ts';
import { PUBKEY_SETTING } from '../tauri/project/updater-key.ts';
import { mayBeInstalled, type ServerState } from './server-state/server-state.ts';

/** The keys that the user of a command named, or that the project has. */
export interface RequestedKeys {
  /** Every file has to be signed with it. */
  readonly publicKey?: PublicKey | undefined;
  /** The key that the build carries. */
  readonly embeddedKey?: PublicKey | undefined;
}

/** The public keys that the files of an app may be signed with, as far as they are known. */
export interface KnownKeys {
  /** Every file has to be signed with it. */
  readonly given?: PublicKey | undefined;
  /** Where none is given: a signature is verified with the one that it names. */
  readonly others: readonly PublicKey[];
}

/** For messages about the key that a build carries: a project can only be read as it is configured now. */
export function otherBuildHint({ source = '' }: PublicKey): string {
  return source.startsWith(PUBKEY_SETTING)
    ? ' If it was built with another configuration, give that with --config.'
    : '';
}

/**
 * Those that builds carry count for the version itself, and for releases that apps may have installed.
 * @param server undefined where it could not be asked
 */
export function knownKeys(
  { publicKey, embeddedKey, version }: RequestedKeys & { readonly version: string },
  server?: Pick<ServerState, 'acceptedPubkeys' | 'releases' | 'deleted'>,
): KnownKeys {
  const releases = (server?.releases ?? []).filter(
    (release) => mayBeInstalled(release) || precedenceOf(release.version) === precedenceOf(version),
  );
  const texts = [
    ...(server?.acceptedPubkeys ?? []),
    ...[...releases, ...(server?.deleted ?? [])].map((one) => one.embedded_pubkey ?? ''),
  ];
  const listed = texts.map(parsePublicKey).filter((key) => key !== undefined);
  return { given: publicKey, others: embeddedKey === undefined ? listed : [embeddedKey, ...listed] };
}

/** The key to verify a signature with; undefined when the key that it names is not known. */
export function keyFor(signature: string, { given, others }: KnownKeys): PublicKey | undefined {
  if (given !== undefined) return given;
  const parsed = parseSignature(signature);
  if (parsed.kind === 'malformed') return undefined;
  return others.find(({ keyId }) => keyId.equals(parsed.keyId));
}
