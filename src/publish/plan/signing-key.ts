import type { Issue, IssueId } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import {
  describeKey,
  formatKeyId,
  type PublicKey,
  publicKeyIdOf,
  signingKeyIdOf,
} from '../../protocol/minisign.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import { otherBuildHint } from '../known-keys.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { mayBeInstalled, type ServerState, supports } from '../server-state/server-state.ts';
import { highestLive, keyIdsOf } from './previous-release.ts';

/** The id of the key that all files are signed with; undefined when it is not one, or a signature is not minisign's. */
export function signingKeyOf(files: readonly Pick<LocalArtifact, 'signature'>[]): string | undefined {
  const [first, ...others] = new Set(files.map(({ signature }) => signingKeyIdOf(signature)));
  return others.length === 0 ? first : undefined;
}

/**
 * Why files must not be signed with the key that they are signed with, whatever installed apps can verify. Whether the
 * signatures are right is checked where the bytes are. Pure.
 */
export function signingKeyIssues(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  server: ServerState,
): Issue[] {
  const ids = [...new Set(artifacts.map(({ signature }) => signingKeyIdOf(signature)))];
  const [signing, ...others] = ids.filter((id) => id !== undefined);
  if (signing === undefined) return [];
  if (others.length > 0) return [mixedKeys(artifacts, [signing, ...others])];
  const { publicKey: given } = request;
  if (given !== undefined && formatKeyId(given.keyId) !== signing) return []; // the signature does not verify
  const accepted = (server.acceptedPubkeys ?? []).map(publicKeyIdOf).filter((id) => id !== undefined);
  if (accepted.length > 0 && !accepted.includes(signing)) return [notAccepted(signing, accepted, server)];
  if (given !== undefined) return [];
  return unexpectedKey(request, signing, server);
}

/** Of a build that is known to carry another key, without `--pubkey` to say that it is meant. */
function unexpectedKey(request: ReleaseRequest, signing: string, server: ServerState): Issue[] {
  const { embeddedKey: carried } = request;
  if (carried === undefined || formatKeyId(carried.keyId) === signing) return [];
  const before = server.releases.filter(
    (release) =>
      release.status !== 'draft' &&
      mayBeInstalled(release) &&
      precedenceOf(release.version) !== precedenceOf(request.version),
  );
  const { deleted = [] } = server;
  if (before.length + deleted.length === 0) return [firstCarriesOther(request.version, signing, carried)];
  const known = new Set([
    ...(server.acceptedPubkeys ?? []).map(publicKeyIdOf),
    ...before.flatMap((release) => [publicKeyIdOf(release.embedded_pubkey), ...keyIdsOf(release)]),
    ...deleted.flatMap((file) => [publicKeyIdOf(file.embedded_pubkey), file.signing_key_id ?? undefined]),
  ]);
  return known.has(signing) ? [] : [unknownKey(request, { signing, carried }, before)];
}

function mixedKeys(artifacts: readonly LocalArtifact[], ids: readonly string[]): Issue {
  const files = ids.map((id) => {
    const names = artifacts.filter(({ signature }) => signingKeyIdOf(signature) === id);
    return `${[...new Set(names.map(({ file }) => file))].join(', ')} with ${id}`;
  });
  const message = `the files are signed with different keys: ${files.join('; ')}`;
  return refusal('release.mixed_keys', message, 'Sign all files of a release with the same key.');
}

/** The gate of a server that knows the app's key. */
function notAccepted(signing: string, accepted: readonly string[], server: ServerState): Issue {
  const message = `signed with key ${signing}, but for this app the server accepts only ${accepted.join(', ')}`;
  const hint = supports(server, 'key-routing')
    ? `Sign it with an accepted key. To change keys, first publish a release that is signed with an accepted key and carries ${signing}; or have the server's operator set the key with \`synckit-ota apps set-key\`.`
    : 'Sign it with an accepted key, or have the server updated: this one cannot change the key of an app.';
  return refusal('signature.not_accepted', message, hint);
}

function firstCarriesOther(version: string, signing: string, carried: PublicKey): Issue {
  const id = formatKeyId(carried.keyId);
  const message =
    `signed with key ${signing}, but the build's public key is ${describeKey(carried)}, and nothing was published ` +
    `before: users of ${version} could not verify another release that is signed with ${signing}`;
  const hint =
    `Sign it with the private key of ${id}, or build it with the public key of ${signing}.${otherBuildHint(carried)} ` +
    `If apps carry ${signing} already, and ${version} hands over to ${id}, pass the public key of ${signing} as --pubkey.`;
  return refusal('release.carries_other_key', message, hint);
}

function unknownKey(
  request: ReleaseRequest,
  { signing, carried }: { readonly signing: string; readonly carried: PublicKey },
  before: readonly ReleaseResponse[],
): Issue {
  const live = highestLive(before, request);
  const ofLive = live && publicKeyIdOf(live.embedded_pubkey);
  const trusted = live === undefined ? [] : ofLive === undefined ? [...keyIdsOf(live)] : [ofLive];
  const installed = trusted.length === 0 ? '' : `, and apps on ${live?.version} trust ${trusted.join(', ')}`;
  const message = `signed with key ${signing}, which is not known here: the build's public key is ${describeKey(carried)}${installed}`;
  const trustedKeys = trusted.join(' or ') || formatKeyId(carried.keyId);
  const hint = `Sign it with the private key of ${trustedKeys}.${otherBuildHint(carried)}`;
  return refusal('signature.unknown_key', message, hint);
}

function refusal(id: IssueId, message: string, hint: string): Issue {
  return { id, code: 'preflight_refused', message, hint };
}
