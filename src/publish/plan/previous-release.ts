import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { formatKeyId, parseSignature } from '../../protocol/minisign.ts';
import { compareVersions, isVersion, precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';

/** The release that installed apps of a channel are at most on: the highest live one but the version itself. */
export function highestLive(
  releases: readonly ReleaseResponse[],
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
): ReleaseResponse | undefined {
  return liveFor(releases, channel)
    .filter((release) => precedenceOf(release.version) !== precedenceOf(version))
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** The highest live release below a version, from which apps update to it; undefined when there is none. */
export function liveBefore(
  releases: readonly ReleaseResponse[],
  { version, channel = STABLE }: Pick<ReleaseRequest, 'version' | 'channel'>,
): ReleaseResponse | undefined {
  return liveFor(releases, channel)
    .filter((release) => compareVersions(release.version, version) < 0)
    .sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** A new version that is not higher than what is live would be offered to nobody, or only where that has no file. */
export function orderIssues(request: ReleaseRequest, releases: readonly ReleaseResponse[]): Issue[] {
  const live = highestLive(releases, request);
  if (request.allowLower || live === undefined || compareVersions(request.version, live.version) > 0)
    return [];
  const message = `${live.version} is live, and ${request.version} is lower: apps on it are never offered that`;
  const hint = 'Raise the version, or pass --allow-lower if it is meant.';
  return [{ id: 'release.lower_version', code: 'preflight_refused', message, hint }];
}

/**
 * Apps have the public key built in: what is signed with another one than the release they are on, they refuse.
 * Signatures that are not minisign's are not looked at.
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
    `signed with key ${[...changed].join(', ')}, but ${live.version} was with ${[...known].join(', ')}: ` +
    'apps on it would refuse the update';
  const hint =
    'Sign with the key whose public half installed apps have, or pass --allow-key-change if they know the new one.';
  return [{ id: 'release.key_changed', code: 'preflight_refused', message, hint }];
}

/** The id of the key that made a minisign signature, as minisign prints it; undefined for any other signature. */
export function keyIdOf(signature: string): string | undefined {
  const parsed = parseSignature(signature);
  return parsed.kind === 'malformed' ? undefined : formatKeyId(parsed.keyId);
}

/** What apps of a channel are offered: what is the channel's own, and what is everyone's. */
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
