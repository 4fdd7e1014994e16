import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { formatKeyId, parseSignature } from '../../protocol/minisign.ts';
import { compareVersions, isVersion, precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';

/** The highest release that installed apps of a channel can be on, the version itself aside. */
export function highestLive(
  releases: readonly ReleaseResponse[],
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
): ReleaseResponse | undefined {
  return liveFor(releases, channel)
    .filter((release) => precedenceOf(release.version) !== precedenceOf(version))
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** The highest live release below a version: the one that apps update from. Undefined when there is none. */
export function liveBefore(
  releases: readonly ReleaseResponse[],
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
): ReleaseResponse | undefined {
  return liveFor(releases, channel)
    .filter((release) => compareVersions(release.version, version) < 0)
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** A new version that is lower than what is live would be offered only on platforms that the live one lacks. */
export function orderIssues(request: ReleaseRequest, releases: readonly ReleaseResponse[]): Issue[] {
  const live = highestLive(releases, request);
  if (request.allowLower || live === undefined || compareVersions(request.version, live.version) > 0)
    return [];
  const message = `${live.version} is live and ${request.version} is lower, so apps on ${live.version} would never be offered it`;
  const hint = 'Raise the version, or pass --allow-lower to publish it anyway.';
  return [{ id: 'release.lower_version', code: 'preflight_refused', message, hint }];
}

/**
 * The public key is built into apps: they reject an update that is signed with another key than the release they are
 * on. Signatures in another format than minisign's are ignored.
 */
export function keyChangeIssues(
  request: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
  releases: readonly ReleaseResponse[],
): Issue[] {
  const live = highestLive(releases.filter(hasKeyIds), request);
  if (request.allowKeyChange || live === undefined) return [];
  const known = keyIdsOf(live);
  const changed = new Set(
    artifacts.map(({ signature }) => keyIdOf(signature)).filter((id) => id !== undefined && !known.has(id)),
  );
  if (changed.size === 0) return [];
  const message =
    `signed with key ${[...changed].join(', ')}, but ${live.version} was signed with ${[...known].join(', ')}: ` +
    'apps on it would reject the update';
  const hint =
    'Sign with the key that installed apps trust, or pass --allow-key-change if they trust the new one too.';
  return [{ id: 'release.key_changed', code: 'preflight_refused', message, hint }];
}

/** The id of the key that made a minisign signature, as minisign prints it; undefined for any other signature. */
export function keyIdOf(signature: string): string | undefined {
  const parsed = parseSignature(signature);
  return parsed.kind === 'malformed' ? undefined : formatKeyId(parsed.keyId);
}

/** The releases that apps of a channel are offered: the channel's own, and the stable ones. */
function liveFor(releases: readonly ReleaseResponse[], channel: string): ReleaseResponse[] {
  return releases.filter(
    (release) =>
      (release.status ?? 'published') === 'published' &&
      [STABLE, channel].includes(release.channel ?? STABLE) &&
      isVersion(release.version),
  );
}

function hasKeyIds(release: ReleaseResponse): boolean {
  return keyIdsOf(release).size > 0;
}

function keyIdsOf({ signature, artifacts = [] }: ReleaseResponse): ReadonlySet<string> {
  const signatures = [signature, ...artifacts.map((artifact) => artifact.signature)];
  return new Set(signatures.map((text) => keyIdOf(text ?? '')).filter((id) => id !== undefined));
}
