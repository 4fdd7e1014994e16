import { createHash } from 'node:crypto';
import { knownVersions } from '../../database/queries/app-files.ts';
import { cohortRule, type HeldVersion, heldReleases } from '../../database/queries/held-releases.ts';
import {
  type OfferCandidate,
  type OfferDetails,
  offerDetails,
  offersRevision,
} from '../../database/queries/offers.ts';
import { type ReleasePolicy, releasePolicy } from '../../database/queries/release-policy.ts';
import { readAllFiles, readFilesBesides } from '../../database/queries/routed-files.ts';
import type { Queries } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { UpdateResponse } from '../../protocol/messages.ts';
import { platformName, withoutBundleType } from '../../protocol/platform.ts';
import { type Obligations, urgentSteps } from '../../protocol/policy/mandatory.ts';
import { minimumSystemFor } from '../../protocol/policy/minimum-system.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { type Downgrades, downgradesOf } from '../../protocol/routing/downgrades.ts';
import {
  type PlatformRelease,
  type RoutedPlatforms,
  routing,
} from '../../protocol/routing/route-platforms.ts';
import { stepFor, type UpdateStep } from '../../protocol/routing/update-steps.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { inSlices } from '../../runtime/in-slices.ts';
import type { StoredFileSize } from '../maintenance/lost-files.ts';
import { Rollouts, type Withheld } from './rollouts.ts';

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

/** By channel, then by platform name. A channel without releases of its own is left out: it offers what `stable` does. */
export type OffersByChannel = ReadonlyMap<string, ReadonlyMap<string, OfferSteps>>;

export interface ResolvedOffers {
  /** Of apps that get every release. */
  readonly offers: OffersByChannel;
  /** Where some releases are not offered to everyone. */
  readonly rollouts: Rollouts<OffersByChannel> | undefined;
  /** Of apps that take lower versions, and have one that was rolled back. */
  readonly downgrades: Downgrades<Offer>;
  /** The files that they lead to. */
  readonly files: readonly StoredFileSize[];
}

/** The app to resolve the offers of. */
export interface OfferingApp {
  readonly appId: string;
  readonly slug: string;
  /** Of this server, without a slash at the end. */
  readonly publicUrl: string;
  /** When the offers hold, in milliseconds since 1970. */
  readonly now: number;
}

/** Finds those of some files that the storage has lost, by their storage keys. */
export type FindLost = (
  files: readonly Pick<OfferDetails, 'storageKey' | 'fileSize'>[],
) => Promise<ReadonlySet<string>>;

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
  findLost: FindLost = async () => new Set(),
): Promise<ResolvedOffers> {
  const gone = new Set<string>();
  for (;;) {
    const revision = await offersRevision(db, app.appId);
    const held = await heldReleases(db, app.appId, app.now);
    const policy = await releasePolicy(db, app.appId);
    const { live, known } = await (gone.size > 0
      ? readAllFiles(db, app.appId)
      : readFilesBesides(db, app.appId, [...held, ...policy.rolledBack]));
    const there = live.filter(({ artifactId }) => !gone.has(artifactId));
    const versions = knownVersions(known);
    const routed = await inSlices(routing(there, versions));
    const rollouts = await rolloutsOf(db, app, held);
    const groups: { readonly withheld: Withheld; readonly routed: RoutedOffers }[] = [];
    for (const withheld of rollouts?.groups() ?? []) {
      const isHeld = ({ files: [{ releaseId }] }: PlatformRelease<OfferCandidate>) => withheld.has(releaseId);
      groups.push({ withheld, routed: await inSlices(routing(there, versions, isHeld)) });
    }
    const downgrades = downgradesOf(
      there.filter(({ releaseId }) => held.every(({ id }) => id !== releaseId)),
      policy.rolledBack,
    );
    const allSteps = [
      ...new Set(
        [routed, ...groups.map((group) => group.routed)].flatMap((one) =>
          [...one.values()].flatMap((platforms) => [...platforms.values()]),
        ),
      ),
    ].flat();
    const goingBack = [...downgrades.values()].flatMap((names) =>
      [...names.values()].flatMap((versions) => [...versions.values()]),
    );
    const releases = [...allSteps.flatMap(({ release }) => release ?? []), ...goingBack];
    const chosen = [...new Set(releases.flatMap((release) => release.files))];
    const details = await offerDetails(db, chosen);
    const files = chosen.flatMap(({ artifactId }) => details.get(artifactId) ?? []);
    const lost = await findLost(files);
    if ((await offersRevision(db, app.appId)) !== revision) continue;
    const isLost = ({ artifactId }: OfferCandidate) => lost.has(details.get(artifactId)?.storageKey ?? '');
    // Lost, and not marked so: choose among the others, which get fewer each time.
    const found = chosen.filter(isLost);
    for (const { artifactId } of found) gone.add(artifactId);
    if (found.length > 0) continue;
    const serializer = new OfferSerializer({ app, details, policy });
    const offers = serializer.serializeAll(routed);
    for (const group of groups) rollouts?.setOffers(group.withheld, serializer.serializeAll(group.routed));
    return {
      offers,
      rollouts,
      downgrades: serializer.serializeDowngrades(downgrades),
      files: files.map(({ storageKey, fileSize }) => ({ storageKey, fileSize })),
    };
  }
}

async function rolloutsOf(
  db: Queries,
  { appId, now }: OfferingApp,
  held: readonly HeldVersion[],
): Promise<Rollouts<OffersByChannel> | undefined> {
  return held.length === 0 ? undefined : new Rollouts(held, await cohortRule(db, appId), now);
}

/** What a version is offered; undefined for nothing. */
export function offerFor(steps: OfferSteps, version: string): Offer | undefined {
  return stepFor(steps, version)?.release;
}

type RoutedSteps = readonly UpdateStep<PlatformRelease<OfferCandidate>>[];
type RoutedOffers = RoutedPlatforms<OfferCandidate>;

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

  serializeAll(routed: RoutedOffers): OffersByChannel {
    const mapped = [...routed].map(([channel, platforms]) => {
      const obligations = obligationsIn(channel, this.#offering.policy);
      return [channel, mapValues(platforms, (steps) => this.#serialize(steps, obligations))] as const;
    });
    // A channel without releases of its own offers what `stable` does.
    return new Map(mapped);
  }

  serializeDowngrades(downgrades: Downgrades<PlatformRelease<OfferCandidate>>): Downgrades<Offer> {
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

  #offerOf({ files }: PlatformRelease<OfferCandidate>, isMandatory: boolean): Offer | undefined {
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

interface ChannelObligations extends Obligations {
  /** Empty where they are those of `stable`. */
  readonly channel: string;
}

function obligationsIn(channel: string, { mandatory, minimumVersion }: ReleasePolicy): ChannelObligations {
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
