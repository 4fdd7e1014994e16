import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { compareVersions, isVersion, precedenceOf } from '../../protocol/version.ts';
import type { ReleaseRequest } from '../release-request.ts';

/** A version, and the channel that it is published into; stable when absent. */
type PublishedVersion = Pick<ReleaseRequest, 'version' | 'channel'>;

/** The highest release that installed apps of a channel can be on, the version itself aside. */
export function highestLive(
  releases: readonly ReleaseResponse[],
  { version, channel }: PublishedVersion,
): ReleaseResponse | undefined {
  return liveFor(releases, channel).find(
    (release) => precedenceOf(release.version) !== precedenceOf(version),
  );
}

/** The highest live release below a version: the one that apps update from. Undefined when there is none. */
export function liveBefore(
  releases: readonly ReleaseResponse[],
  { version, channel }: PublishedVersion,
): ReleaseResponse | undefined {
  return liveFor(releases, channel).find((release) => compareVersions(release.version, version) < 0);
}

/** A new version that is lower than what is live would be offered only on platforms that the live one lacks. */
export function orderIssues(
  request: PublishedVersion & Pick<ReleaseRequest, 'allowLower'>,
  releases: readonly ReleaseResponse[],
): Issue[] {
  const live = highestLive(releases, request);
  if (request.allowLower || live === undefined || compareVersions(request.version, live.version) > 0)
    return [];
  const message = `${live.version} is live and ${request.version} is lower, so apps on ${live.version} would never be offered it`;
  const hint = 'Raise the version, or pass --allow-lower to publish it anyway.';
  return [{ id: 'release.lower_version', code: 'preflight_refused', message, hint }];
}

/** The releases that apps of a channel are offered, the highest first: the channel's own, and the stable ones. */
function liveFor(releases: readonly ReleaseResponse[], channel = STABLE): ReleaseResponse[] {
  return releases
    .filter(
      (release) =>
        (release.status ?? 'published') === 'published' &&
        [STABLE, channel].includes(release.channel ?? STABLE) &&
        isVersion(release.version),
    )
    .sort((a, b) => compareVersions(b.version, a.version));
}

/** The ids of the keys that a release is signed with, as far as they are known. */
export function keyIdsOf(release: ReleaseResponse): ReadonlySet<string> {
  const { signing_key_id: declared, signature, artifacts = [] } = release;
  const signatures = [signature, ...artifacts.map((artifact) => artifact.signature)];
  const ids = [declared ?? undefined, ...signatures.map(signingKeyIdOf)];
  return new Set(ids.filter((id) => id !== undefined));
}
