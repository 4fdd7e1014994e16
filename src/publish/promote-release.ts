import { OtaError } from '../errors.ts';
import { type Issue, throwIssues } from '../issue.ts';
import { STABLE } from '../protocol/channel.ts';
import type { ReleaseResponse, RolloutRequest } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { clockIssues } from './clock-difference.ts';
import { prereleaseIssues } from './plan/plan.ts';
import { orderIssues } from './plan/previous-release.ts';
import type { Publisher } from './publisher.ts';
import type { ManifestSigner } from './release-request.ts';
import { type SignedAgain, signAgain } from './renew-manifest.ts';
import { requireRelease } from './server-state/find-release.ts';
import { readCapabilities, readServerState, supports } from './server-state/server-state.ts';

export interface PromoteRequest {
  /** Id or version of a live release. */
  readonly release: string;
  /** The channel that it is moved to. */
  readonly channel: string;
  /** Extension `rollout`; as it is when absent. */
  readonly rollout?: RolloutRequest | undefined;
  /** Extension `manifest`: signs what names the channel again; undefined where there is no key for that. */
  readonly signer?: ManifestSigner | undefined;
  readonly allowPrerelease: boolean;
  readonly allowLower: boolean;
  /** Even if versions have no way to the highest release then. */
  readonly allowStranding: boolean;
  /** Even if its manifest names the old channel then. */
  readonly allowOutdatedManifest: boolean;
}

export interface PromoteResult {
  readonly release: ReleaseResponse;
  readonly from: string;
  readonly to: string;
  /** Statements that were signed again, and those that name the old channel from then on. */
  readonly manifest: { readonly signed: number; readonly outdated: number };
}

/**
 * Extension `promote`: moves a live release to another channel without uploading it again. What is already there is
 * signed again, if a key is given, as after a promotion without one.
 * @throws OtaError with all issues that speak against it
 */
export async function promoteRelease(publisher: Publisher, request: PromoteRequest): Promise<PromoteResult> {
  const { client, retry, appId } = publisher;
  const capabilities = await readCapabilities(publisher);
  if (!supports(capabilities, 'promote')) {
    throw new OtaError('preflight_refused', 'this server cannot move a release to another channel', {
      hint: 'Publish a higher version into the channel.',
    });
  }
  const { release, releases } = await retry.run(() => requireRelease(publisher, request.release));
  const { version, channel: from = STABLE } = release;
  const { channel, signer, allowPrerelease, allowLower, allowStranding, allowOutdatedManifest } = request;
  const asked = { version, channel, platforms: [], releases };
  const server = await readServerState(publisher, { ...capabilities, ...asked });
  const signed = await signAgain(publisher, {
    release,
    signer,
    channel,
    accepted: keysIn(server.acceptedPubkeys),
  });
  const isMove = from !== channel;
  throwIssues([
    ...prereleaseIssues({ version, channel, allowPrerelease }),
    ...(isMove ? orderIssues({ version, channel, allowLower }, server.releases) : []),
    ...clockIssues(publisher, signer),
    ...(isMove && !allowOutdatedManifest ? manifestIssues(version, { from, signed }) : []),
  ]);
  const promoted = await retry.run(() =>
    client.promoteRelease(appId, release.id, {
      channel,
      ...(request.rollout && { rollout: request.rollout }),
      ...(signed.envelopes.length > 0 && { manifest: [...signed.envelopes] }),
      ...(allowStranding && { allow_stranding: true }),
      ...((allowOutdatedManifest || !isMove) && { allow_outdated_manifest: true }),
    }),
  );
  const manifest = { signed: signed.envelopes.length, outdated: isMove ? signed.left : 0 };
  return { release: promoted, from, to: channel, manifest };
}

function keysIn(texts: readonly string[] = []): PublicKey[] {
  return texts.map(parsePublicKey).filter((key) => key !== undefined);
}

/** The channel is part of what is signed, so that `check` would report that the server contradicts it. */
function manifestIssues(
  version: string,
  { from, signed }: { readonly from: string; readonly signed: SignedAgain },
): Issue[] {
  if (signed.left === 0) return [];
  const message = `the manifest of ${version} is signed for the channel ${from}, and cannot be signed again without its key`;
  const hint =
    'Give the key that it is signed with (--manifest-key or TAURI_SIGNING_PRIVATE_KEY), or pass --allow-outdated-manifest and sign it later.';
  return [{ id: 'release.outdated_manifest', code: 'preflight_refused', message, hint }];
}
