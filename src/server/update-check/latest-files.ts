import { heldReleases } from '../../database/queries/held-releases.ts';
import type { OfferCandidate } from '../../database/queries/offers.ts';
import { readFilesBesides } from '../../database/queries/routed-files.ts';
import type { Queries } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import { platformName, withoutBundleType } from '../../protocol/platform.ts';
import { FOR_EVER, heldUntil } from '../../protocol/rollout/rollout.ts';
import { isMainFile } from '../../protocol/routing/default-kinds.ts';
import { compareVersions } from '../../protocol/version.ts';

/** The files to install where nothing is installed yet. */
export interface LatestFiles {
  /** By channel, then by platform name. */
  readonly byChannel: ReadonlyMap<string, ReadonlyMap<string, OfferCandidate>>;
  /** Live releases that not everyone is offered, by their ids. */
  readonly withheld: ReadonlySet<string>;
  /** Extension `rollout`: when it is other files, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * The file of each platform that everyone is offered: a website says nothing about its visitors.
 * @param now milliseconds since 1970
 */
export async function readLatestFiles(db: Queries, appId: string, now: number): Promise<LatestFiles> {
  const held = await heldReleases(db, appId, now);
  const withheld = new Set(held.map(({ id }) => id));
  // The highest file of each platform is among those that decide.
  const { live } = await readFilesBesides(db, appId, { held });
  const byChannel = latestFiles(live.filter(({ releaseId }) => !withheld.has(releaseId)));
  return { byChannel, withheld, expiresAt: Math.min(FOR_EVER, ...held.map(heldUntil)) };
}

/** Whatever it is signed with and requires: who installs it has no version to come from. */
function latestFiles<File extends OfferCandidate>(
  candidates: readonly File[],
): ReadonlyMap<string, ReadonlyMap<string, File>> {
  const channels = new Set([STABLE, ...candidates.map(({ channel }) => channel)]);
  return new Map(
    [...channels].map((channel) => {
      const byName = new Map<string, File>();
      for (const file of candidates.filter((candidate) => [STABLE, channel].includes(candidate.channel))) {
        for (const name of namesOf(file)) {
          const other = byName.get(name);
          if (other === undefined || compareVersions(file.version, other.version) > 0) byName.set(name, file);
        }
      }
      return [channel, byName];
    }),
  );
}

/** Of several kinds the main one is for those who do not say which. */
function namesOf(file: OfferCandidate): string[] {
  const own = platformName(file);
  return isMainFile(file) ? [...new Set([own, platformName(withoutBundleType(file))])] : [own];
}
