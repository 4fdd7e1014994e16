import { createHash } from 'node:crypto';
import type { OfferCandidate, OfferDetails } from '../../database/queries/offers.ts';
import type { ReleasePolicy } from '../../database/queries/release-policy.ts';
import type { Queries } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { platformName, withoutBundleType } from '../../protocol/platform.ts';
import { type Obligations, urgentSteps } from '../../protocol/policy/mandatory.ts';
import { minimumSystemFor } from '../../protocol/policy/minimum-system.ts';
import { downloadPath } from '../../protocol/routes.ts';
import type { Downgrades } from '../../protocol/routing/downgrades.ts';
import type { UpdateStep } from '../../protocol/routing/update-steps.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { StoredFileSize } from '../maintenance/lost-files.ts';
import type { AppAnswers, AppRelease, StepsByPlace } from './app-answers.ts';
import { type FindLost, type OfferingApp, routeOffers } from './route-offers.ts';

/** An update of one platform, ready to be sent. */
export interface Offer {
  readonly version: string;
  /** The JSON of the response: api.md, "Update Available (200)". */
  readonly body: string;
  /** Identifies the body: a strong entity tag, in quotes. */
  readonly etag: string;
}

/** The offers of one platform: from which version on which one, the lowest first. */
export type OfferSteps = readonly UpdateStep<Offer>[];

export type OffersByChannel = StepsByPlace<Offer>;

export interface ResolvedOffers extends AppAnswers<Offer> {
  /** The files that they lead to. */
  readonly files: readonly StoredFileSize[];
}

/** An artifact with all that its offer says. */
type OfferedArtifact = OfferCandidate & OfferDetails;

/**
 * Resolves and serializes the responses to all update checks of an app, as they are at one moment: every change of them
 * raises its revision.
 * @param findLost by default what is marked in the database is all that is lost
 */
export async function resolveOffers(
  db: Queries,
  app: OfferingApp,
  findLost?: FindLost,
): Promise<ResolvedOffers> {
  const { answers, offering, details } = await routeOffers(db, app, { findLost });
  const serializer = new OfferSerializer({ app, details, policy: offering.policy });
  return {
    offers: serializer.serializeAll(answers.offers),
    rollouts: answers.rollouts?.map((offers) => serializer.serializeAll(offers)),
    downgrades: serializer.serializeDowngrades(answers.downgrades),
    files: [...details.values()].map(({ storageKey, fileSize }) => ({ storageKey, fileSize })),
  };
}

type RoutedSteps = readonly UpdateStep<AppRelease>[];

interface Offering {
  readonly app: OfferingApp;
  readonly details: ReadonlyMap<string, OfferDetails>;
  readonly policy: ReleasePolicy;
}

/** Serializes each offer once, however many platforms and steps have it: once more where it is mandatory for some. */
class OfferSerializer {
  readonly #offering: Offering;
  readonly #serialized = new Map<string, Offer>();
  /** By the channels with mandatory releases of their own; `''` for all others. */
  readonly #steps = new Map<string, Map<RoutedSteps, OfferSteps>>();

  constructor(offering: Offering) {
    this.#offering = offering;
  }

  serializeAll(routed: StepsByPlace<AppRelease>): OffersByChannel {
    const mapped = [...routed].map(([channel, platforms]) => {
      const obligations = obligationsIn(channel, this.#offering.policy);
      return [channel, mapValues(platforms, (steps) => this.#serialize(steps, obligations))] as const;
    });
    // A channel without releases of its own offers what `stable` does.
    return new Map(mapped);
  }

  serializeDowngrades(downgrades: Downgrades<AppRelease>): Downgrades<Offer> {
    return mapValues(downgrades, (names) =>
      mapValues(names, (versions) => {
        const offers = [...versions].flatMap(([version, release]) => {
          const offer = this.#offerOf(release, false);
          return offer === undefined ? [] : [[version, offer] as const];
        });
        return new Map(offers);
      }),
    );
  }

  /** The same steps of several channels are serialized once. */
  #serialize(steps: RoutedSteps, { channel, ...obligations }: ChannelObligations): OfferSteps {
    const ofChannel = this.#steps.get(channel) ?? new Map<RoutedSteps, OfferSteps>();
    this.#steps.set(channel, ofChannel);
    const known = ofChannel.get(steps);
    if (known !== undefined) return known;
    const serialized = urgentSteps(steps, obligations).map(({ release, isMandatory, ...step }) => ({
      ...step,
      release: release && this.#offerOf(release, isMandatory),
    }));
    ofChannel.set(steps, serialized);
    return serialized;
  }

  #offerOf({ files }: AppRelease, isMandatory: boolean): Offer | undefined {
    const { app, details, policy } = this.#offering;
    const key = [isMandatory, ...files.map(({ artifactId }) => artifactId)].join(' ');
    const [main, ...others] = files.flatMap((file) => {
      const ofFile = details.get(file.artifactId);
      return ofFile === undefined ? [] : [{ ...file, ...ofFile }];
    });
    const { minimumVersion } = policy;
    const offer =
      this.#serialized.get(key) ??
      (main && serialize([main, ...others], { ...app, isMandatory, minimumVersion }));
    if (offer !== undefined) this.#serialized.set(key, offer);
    return offer;
  }
}

/** What makes updates of the apps of a channel mandatory. */
export interface ChannelObligations extends Obligations {
  /** Empty where they are those of `stable`. */
  readonly channel: string;
}

export function obligationsIn(
  channel: string,
  { mandatory, minimumVersion }: ReleasePolicy,
): ChannelObligations {
  const own = mandatory.filter((release) => [STABLE, channel].includes(release.channel));
  const isLikeStable = own.every((release) => release.channel === STABLE);
  return {
    channel: isLikeStable ? '' : channel,
    releases: own.map(({ version }) => version),
    minimumVersion,
  };
}

/** Extension `policy`. */
interface Urgency {
  readonly isMandatory: boolean;
  readonly minimumVersion: string | undefined;
}

function serialize(
  [main, ...others]: readonly [OfferedArtifact, ...OfferedArtifact[]],
  { slug, publicUrl, isMandatory, minimumVersion }: OfferingApp & Urgency,
): Offer {
  const fileOf = (artifact: OfferedArtifact) => ({
    url: publicUrl + downloadPath(slug, artifact.releaseId, artifact),
    signature: artifact.signature ?? '',
  });
  const file = fileOf(main);
  const system = minimumSystemFor(main.minimumSystem, main.target);
  const response: UpdateResponse = {
    version: main.version,
    ...file,
    notes: main.notes,
    pub_date: formatTimestamp(main.pubDate),
    ...(isMandatory && { mandatory: true }),
    ...(minimumVersion !== undefined && { minimum_version: minimumVersion }),
    ...(system !== undefined && { minimum_system_version: system }),
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
  return offerOf(response);
}

export function offerOf(response: UpdateResponse): Offer {
  const body = JSON.stringify(response);
  return { version: response.version, body, etag: etagOf(body) };
}

/** A strong entity tag. */
export function etagOf(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
