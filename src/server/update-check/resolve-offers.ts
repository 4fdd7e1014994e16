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
  /** The JSON of the response: api.md, "Update Available (200)". */
  readonly body: string;
}

/**
 * By channel, then by platform name. Each channel offers the higher of its own and of the stable releases; a channel that
 * offers just what `stable` does is left out.
 */
export type OffersByChannel = ReadonlyMap<string, ReadonlyMap<string, Offer>>;

/** The app to resolve the offers of. */
export interface OfferingApp {
  readonly appId: string;
  readonly slug: string;
  /** Of this server, without a slash at the end. */
  readonly publicUrl: string;
}

/** An artifact with all that its offer says. */
type OfferedArtifact = OfferCandidate & OfferDetails;

/** The artifacts of one release for one platform, the most suitable first. */
type Choice<T> = readonly [T, ...T[]];

/** Resolves and serializes the responses to all update checks of an app. */
export async function resolveOffers(db: Queries, app: OfferingApp): Promise<OffersByChannel> {
  let candidates = await offerCandidates(db, app.appId);
  for (;;) {
    const chosen = chooseByChannel(candidates).values();
    const distinct = new Set([...chosen].flatMap((choices) => [...choices.values()].flat()));
    const details = await offerDetails(db, [...distinct]);
    const isGone = (candidate: OfferCandidate) =>
      distinct.has(candidate) && !details.has(candidate.artifactId);
    if (!candidates.some(isGone)) return serializeAll(withDetails(distinct, details), app);
    // Yanked or deleted since the candidates were read: choose among the others, which get fewer each time.
    candidates = candidates.filter((candidate) => !isGone(candidate));
  }
}

function withDetails(
  candidates: Iterable<OfferCandidate>,
  details: ReadonlyMap<string, OfferDetails>,
): OfferedArtifact[] {
  return [...candidates].flatMap((candidate) => {
    const found = details.get(candidate.artifactId);
    return found === undefined ? [] : [{ ...candidate, ...found }];
  });
}

/** What each channel offers, by platform name. What is never chosen makes no difference to the result. */
function chooseByChannel<T extends OfferCandidate>(
  candidates: readonly T[],
): ReadonlyMap<string, ReadonlyMap<string, Choice<T>>> {
  const channels = new Set([STABLE, ...candidates.map(({ channel }) => channel)]);
  return new Map(
    [...channels].map((channel) => {
      const reachable = candidates.filter((candidate) => [STABLE, channel].includes(candidate.channel));
      return [channel, highestByName(reachable)];
    }),
  );
}

/**
 * The highest release's artifacts, for each name an app may ask by: a bundle type has only its own, a platform
 * without one has all kinds.
 */
function highestByName<T extends OfferCandidate>(candidates: readonly T[]): ReadonlyMap<string, Choice<T>> {
  const highest = new Map<string, Choice<T>>();
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

function serializeAll(artifacts: readonly OfferedArtifact[], app: OfferingApp): OffersByChannel {
  const serialized = new Map<string, Offer>();
  const serializeOnce = (choice: Choice<OfferedArtifact>): Offer => {
    const key = choice.map(({ artifactId }) => artifactId).join(' ');
    const offer = serialized.get(key) ?? serialize(choice, app);
    serialized.set(key, offer);
    return offer;
  };
  return new Map(
    [...chooseByChannel(artifacts)].map(([channel, choices]) => [
      channel,
      new Map([...choices].map(([name, choice]) => [name, serializeOnce(choice)])),
    ]),
  );
}

function serialize([main, ...others]: Choice<OfferedArtifact>, { slug, publicUrl }: OfferingApp): Offer {
  const fileOf = (artifact: OfferedArtifact) => ({
    url: publicUrl + downloadPath(slug, artifact.releaseId, artifact),
    signature: artifact.signature ?? '',
  });
  const file = fileOf(main);
  const response: UpdateResponse = {
    version: main.version,
    ...file,
    notes: main.notes,
    pub_date: formatTimestamp(main.pubDate),
    // Tauri's updater looks up its bundle type here and, where it has none or is too old to, the platform.
    ...(others.length > 0 && {
      platforms: Object.fromEntries([
        ...[main, ...others].map((artifact) => [platformName(artifact), fileOf(artifact)] as const),
        [platformName(withoutBundleType(main)), file],
      ]),
    }),
  };
  return { version: main.version, body: JSON.stringify(response) };
}
