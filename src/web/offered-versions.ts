import type { ReleaseResponse } from '../protocol/messages.ts';
import { platformName } from '../protocol/platform.ts';

/** The channel that everyone gets. */
export const STABLE = 'stable';

/** A release as far as it decides what is offered. */
export type OfferedRelease = Pick<
  ReleaseResponse,
  'id' | 'version' | 'status' | 'channel' | 'paused_at' | 'rollout' | 'artifacts'
>;

/** Of each platform what is offered, in words: `1.3.0 to 25 %, else 1.2.0`. */
export type OfferedVersions = ReadonlyMap<string, string>;

/**
 * What apps of a channel are offered, as far as status, channel, pause and rollout decide it. Keys and required versions can
 * lead older versions another way.
 * @param releases the highest version first, as the server lists them
 */
export function offeredVersions(releases: readonly OfferedRelease[], channel: string): OfferedVersions {
  const live = releases.filter(
    (release) =>
      release.status === 'published' &&
      !release.paused_at &&
      [STABLE, channel].includes(release.channel ?? STABLE),
  );
  const offered = new Map<string, string>();
  for (const platform of platformsOf(releases)) {
    const parts: string[] = [];
    for (const release of live) {
      const share = release.rollout?.share ?? 100;
      if (share === 0 || !platformsOf([release]).includes(platform)) continue;
      parts.push(share < 100 ? `${release.version} to ${share} %` : release.version);
      if (share >= 100) break;
    }
    offered.set(platform, parts.join(', else ') || 'nothing');
  }
  return offered;
}

/** All channels that have a release, the stable one first. */
export function channelsOf(releases: readonly Pick<OfferedRelease, 'channel'>[]): string[] {
  const others = releases.map(({ channel }) => channel ?? STABLE).filter((channel) => channel !== STABLE);
  return [STABLE, ...[...new Set(others)].sort()];
}

/** Each system and arch, whatever the kinds of its files. */
function platformsOf(releases: readonly Pick<OfferedRelease, 'artifacts'>[]): string[] {
  const names = releases.flatMap(({ artifacts = [] }) =>
    artifacts.filter(({ lost }) => !lost).map(({ target, arch }) => platformName({ target, arch })),
  );
  return [...new Set(names)].sort();
}
