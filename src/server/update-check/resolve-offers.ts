import { knownVersions } from '../../database/queries/app-files.ts';
import {
  type OfferCandidate,
  type OfferDetails,
  offerCandidates,
  offerDetails,
} from '../../database/queries/offers.ts';
import type { Queries } from '../../database/schema.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { platformName, withoutBundleType } from '../../protocol/platform.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { type PlatformRelease, routePlatforms } from '../../protocol/routing/route-platforms.ts';
import { stepFor, type UpdateStep } from '../../protocol/routing/update-steps.ts';
import { formatTimestamp } from '../../protocol/time.ts';

/** An update of one platform, ready to be sent. */
export interface Offer {
  readonly version: string;
  /** The JSON of the response: api.md, "Update Available (200)". */
  readonly body: string;
}

/** The offers of one platform: from which version on which one, the lowest first. */
export type OfferSteps = readonly UpdateStep<Offer>[];

/** By channel, then by platform name. A channel without releases of its own is left out: it offers what `stable` does. */
export type OffersByChannel = ReadonlyMap<string, ReadonlyMap<string, OfferSteps>>;

/** The app to resolve the offers of. */
export interface OfferingApp {
  readonly appId: string;
  readonly slug: string;
  /** Of this server, without a slash at the end. */
  readonly publicUrl: string;
}

/** An artifact with all that its offer says. */
type OfferedArtifact = OfferCandidate & OfferDetails;

/** Resolves and serializes the responses to all update checks of an app. */
export async function resolveOffers(db: Queries, app: OfferingApp): Promise<OffersByChannel> {
  let candidates = await offerCandidates(db, app.appId);
  const known = await knownVersions(db, app.appId); // after the candidates, so that their keys are among them
  for (;;) {
    const routed = routePlatforms(candidates, known);
    const allSteps = [...routed.values()].flatMap((platforms) => [...platforms.values()].flat());
    const chosen = new Set(allSteps.flatMap(({ release }) => release?.files ?? []));
    const details = await offerDetails(db, [...chosen]);
    const isGone = (candidate: OfferCandidate) => chosen.has(candidate) && !details.has(candidate.artifactId);
    if (!candidates.some(isGone)) {
      const serializer = new OfferSerializer(app, details);
      return mapValues(routed, (platforms) => mapValues(platforms, (steps) => serializer.serialize(steps)));
    }
    // Yanked or deleted since the candidates were read: choose among the others, which get fewer each time.
    candidates = candidates.filter((candidate) => !isGone(candidate));
  }
}

/** What a version is offered; undefined for nothing. */
export function offerFor(steps: OfferSteps, version: string): Offer | undefined {
  return stepFor(steps, version)?.release;
}

/** Serializes each offer once, however many platforms and steps have it. */
class OfferSerializer {
  readonly #app: OfferingApp;
  readonly #details: ReadonlyMap<string, OfferDetails>;
  readonly #serialized = new Map<string, Offer>();

  constructor(app: OfferingApp, details: ReadonlyMap<string, OfferDetails>) {
    this.#app = app;
    this.#details = details;
  }

  serialize(steps: readonly UpdateStep<PlatformRelease<OfferCandidate>>[]): OfferSteps {
    return steps.map(({ release, ...step }) => ({ ...step, release: release && this.#offerOf(release) }));
  }

  #offerOf({ files }: PlatformRelease<OfferCandidate>): Offer | undefined {
    const key = files.map(({ artifactId }) => artifactId).join(' ');
    const [main, ...others] = files.flatMap((file) => {
      const details = this.#details.get(file.artifactId);
      return details === undefined ? [] : [{ ...file, ...details }];
    });
    const offer = this.#serialized.get(key) ?? (main && serialize([main, ...others], this.#app));
    if (offer !== undefined) this.#serialized.set(key, offer);
    return offer;
  }
}

function serialize(
  [main, ...others]: readonly [OfferedArtifact, ...OfferedArtifact[]],
  { slug, publicUrl }: OfferingApp,
): Offer {
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
    // Tauri's updater looks up its bundle type here and, where it has none or is too old to, the platform. Where the
    // app's code sets the target, it looks up nothing but that.
    ...(others.length > 0 && {
      platforms: Object.fromEntries([
        ...[main, ...others].map((artifact) => [platformName(artifact), fileOf(artifact)] as const),
        [platformName(withoutBundleType(main)), file],
        [main.target, file],
      ]),
    }),
  };
  return { version: main.version, body: JSON.stringify(response) };
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
