import type { Subject } from '../../protocol/manifest/release-statement.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import {
  type PublicKey,
  parseSignature,
  signedNameOf,
  signedVersionOf,
  signingKeyIdOf,
} from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import type { Publisher } from '../publisher.ts';
import type { ManifestSigner } from '../release-request.ts';
import type { VerifiedFile } from '../server-state/published-file.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { reviewManifest } from './review-manifest.ts';
import { canSign, signFiles } from './sign-manifest.ts';

export interface LiveRelease {
  readonly release: ReleaseResponse;
  readonly slug: string | undefined;
  /** All of its files. */
  readonly files: readonly VerifiedFile[];
  /** What they were verified with, if it was given; else it was the key of the manifest, where they name that. */
  readonly publicKey: PublicKey | undefined;
  /** The keys that count where this side has none to sign with. */
  readonly keys: readonly PublicKey[];
  readonly server: Pick<ServerState, 'extensions'>;
}

/**
 * Extension `manifest`: signs a statement about the files of a live release that have none, because they were uploaded
 * without the key. Only what was downloaded counts, and has a signature by a key of this side that names the version: the
 * server's word counts for nothing. Notes are not signed, as only the server says what they are.
 * @returns warnings, which were reported
 */
export async function completeManifest(
  publisher: Publisher,
  signer: ManifestSigner | undefined,
  { release, slug, files, publicKey, keys, server }: LiveRelease,
): Promise<string[]> {
  if (!supports(server, 'manifest')) {
    canSign(publisher, signer, { slug, server }); // says why not
    return [];
  }
  const { client, retry, appId, report } = publisher;
  const bundle = await retry.run(() => client.readManifest(appId, release.id));
  const own = signer === undefined ? keys : [signer.pair.publicKey];
  const { stated, problem } = reviewManifest(bundle, { keys: own, files, now: new Date() });
  const unstated = files.filter((file) => !stated.has(platformName(file)));
  const warn = (message: string) => {
    report({ type: 'warning', message });
    return [message];
  };
  if (signer === undefined && bundle === '') return [];
  if (problem !== undefined && (unstated.length === 0 || signer === undefined))
    return warn(`the manifest of ${release.version} ${problem}`);
  if (unstated.length === 0) return [];
  const isSigned = canSign(publisher, signer, { slug, server }) && slug !== undefined;
  const key = publicKey ?? signer?.pair.publicKey;
  const proven = isSigned ? unstated.filter((file) => isProven(file, key)) : [];
  if (isSigned) {
    const expects = files.map(platformName);
    await signFiles(publisher, signer, { release, slug, files: subjectsOf(proven), expects });
  }
  const left = unstated.filter((file) => !proven.includes(file)).map(platformName);
  if (left.length === 0) return [];
  const why = isSigned
    ? 'only files are added with a signature that names the version, by this key or by that of --pubkey'
    : 'run `publish finish` again with the key that the others are signed with';
  return warn(`the manifest of ${release.version} says nothing of ${left.join(', ')}: ${why}`);
}

/** Whether the bytes were downloaded, and verified by a signature that is of this version and of no other. */
function isProven({ verified, servedSignature }: VerifiedFile, key: PublicKey | undefined): boolean {
  const signature = parseSignature(servedSignature);
  if (!verified || signature.kind === 'malformed' || key === undefined) return false;
  return signature.keyId.equals(key.keyId) && signedVersionOf(signature) !== undefined;
}

/** A universal bundle is one file for two platforms. */
function subjectsOf(files: readonly VerifiedFile[]): Subject[] {
  const byHash = Map.groupBy(files, ({ sha256 }) => sha256);
  return [...byHash].flatMap(([sha256, [first, ...others]]) => {
    if (first === undefined) return [];
    const { size, servedSignature } = first;
    const signature = parseSignature(servedSignature);
    const signedName = signature.kind === 'signature' ? signedNameOf(signature) : undefined;
    return [
      {
        name: signedName ?? platformName(first),
        digest: { sha256 },
        annotations: {
          size,
          platforms: [first, ...others].map(platformName),
          signingKeyId: signingKeyIdOf(servedSignature) ?? null,
        },
      },
    ];
  });
}
