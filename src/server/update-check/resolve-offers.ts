import {
  type OfferCandidate,
  type OfferDetails,
  offerCandidates,
  offerDetails,
} from '../../database/queries/offers.ts';
import type { Queries } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { compareByPreference, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { compareVersions } from '../../protocol/version.ts';

/** The newest update of one platform, ready to be sent. */
export interface Offer {
  readonly version: string;
  /** The answer's JSON: api.md, "Update Available (200)". */
  readonly body: string;
}

/** By channel, then by platform name. Each channel offers the higher of what is its own and of stable. */
export type OffersByChannel = ReadonlyMap<string, ReadonlyMap<string, Offer>>;

/** What checks of an app are answered with, resolved and serialised. */
export async function resolveOffers(
  db: Queries,
  appId: string,
  slug: string,
  publicUrl: string,
): Promise<OffersByChannel> {
  const candidates = await offerCandidates(db, appId);
  const serialised = new Map<string, Offer>();
  const byChannel = new Map<string, ReadonlyMap<string, Offer>>();
  for (const channel of new Set([STABLE, ...candidates.map((candidate) => candidate.channel)])) {
    const offers = new Map<string, Offer>();
    const reachable = candidates.filter((candidate) => [STABLE, channel].includes(candidate.channel));
    for (const [name, chosen] of highestByName(reachable)) {
      const key = chosen.map((candidate) => candidate.releaseId + platformName(candidate)).join(' ');
      const offer = serialised.get(key) ?? (await serialise(db, chosen, slug, publicUrl));
      if (offer === undefined) return resolveOffers(db, appId, slug, publicUrl); // deleted in between
      serialised.set(key, offer);
      offers.set(name, offer);
    }
    byChannel.set(channel, offers);
  }
  return byChannel;
}

/** The artifacts of one release for one platform: at the first place what suits most apps. */
type Chosen = readonly [OfferCandidate, ...OfferCandidate[]];

/**
 * The highest release's artifacts, for each name an app may ask by: a kind of bundle has only its own, a platform
 * without one has all kinds.
 */
function highestByName(candidates: readonly OfferCandidate[]): ReadonlyMap<string, Chosen> {
  const highest = new Map<string, Chosen>();
  for (const candidate of candidates.toSorted(compareByPreference)) {
    for (const name of new Set([platformName(candidate), platformName(withoutBundleType(candidate))])) {
      const best = highest.get(name);
      const order = best === undefined ? 1 : compareVersions(candidate.version, best[0].version);
      if (order > 0) highest.set(name, [candidate]);
      else if (order === 0 && best) highest.set(name, [...best, candidate]);
    }
  }
  return highest;
}

async function serialise(
  db: Queries,
  [first, ...others]: Chosen,
  slug: string,
  publicUrl: string,
): Promise<Offer | undefined> {
  const { releaseId, version } = first;
  const platforms = new Map<string, { url: string; signature: string }>();
  let release: Pick<OfferDetails, 'notes' | 'pubDate'> | undefined;
  for (const candidate of [first, ...others]) {
    const details = await offerDetails(db, candidate);
    if (details === undefined) return undefined;
    release ??= details;
    const url = publicUrl + downloadPath(slug, releaseId, candidate);
    platforms.set(platformName(candidate), { url, signature: details.signature ?? '' });
  }
  const [main] = platforms.values();
  if (release === undefined || main === undefined) return undefined;
  const answer: UpdateResponse = {
    version,
    ...main,
    notes: release.notes,
    pub_date: formatTimestamp(release.pubDate),
    // Tauri's updater looks its kind of bundle up here and, where it has none or is too old to, the platform.
    ...(others.length > 0 && {
      platforms: Object.fromEntries([...platforms, [platformName(withoutBundleType(first)), main]]),
    }),
  };
  return { version, body: JSON.stringify(answer) };
}
