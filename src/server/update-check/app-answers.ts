import type { CohortRule, HeldVersion } from '../../database/queries/held-releases.ts';
import type { OfferCandidate } from '../../database/queries/offers.ts';
import type { ReleasePolicy } from '../../database/queries/release-policy.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { type Downgrades, downgradesOf } from '../../protocol/routing/downgrades.ts';
import {
  type ChannelVersion,
  type PlatformRelease,
  routing,
  stepsIn,
  type WalkTraces,
} from '../../protocol/routing/route-platforms.ts';
import { stepFor, type UpdateStep } from '../../protocol/routing/update-steps.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { ANYONE, type Asker, Rollouts, type Withheld } from './rollouts.ts';

/** What decides the answers to all update checks of an app at one moment. */
export interface Offering {
  readonly live: readonly OfferCandidate[];
  /** Every version that was live at some time. */
  readonly versions: readonly ChannelVersion[];
  readonly held: readonly HeldVersion[];
  /** Undefined where no release is held. */
  readonly cohortRule: CohortRule | undefined;
  readonly policy: ReleasePolicy;
  /** When all this holds, in milliseconds since 1970. */
  readonly now: number;
}

/**
 * By channel, then by platform name: from which version on which release, the lowest first. A channel without releases of
 * its own is left out: it offers what `stable` does.
 */
export type StepsByPlace<Release> = ReadonlyMap<string, ReadonlyMap<string, readonly UpdateStep<Release>[]>>;

/** The answers to all update checks of an app. */
export interface AppAnswers<Release> {
  /** Of apps that get every release. */
  readonly offers: StepsByPlace<Release>;
  /** Where some releases are not offered to everyone. */
  readonly rollouts: Rollouts<StepsByPlace<Release>> | undefined;
  /** Of apps that take lower versions, and have one that was rolled back. */
  readonly downgrades: Downgrades<Release>;
}

export type AppRelease = PlatformRelease<OfferCandidate>;

/** The only question that matters, where somebody asks why it is answered as it is. */
export interface Watch {
  readonly asked: InstalledApp;
  /** Gets how it was decided. */
  readonly traces: WalkTraces<OfferCandidate>;
}

/**
 * Decides the answers to all update checks of an app, in slices. Pure.
 * @param watch then to its question, and to some others that are not to be relied on
 */
export function* routeApp(
  { live, versions, held, cohortRule, policy, now }: Offering,
  watch?: Watch,
): Generator<void, AppAnswers<AppRelease>> {
  const traces = watch?.traces;
  const onlyName = watch && platformName(watch.asked.platform);
  const offers = yield* routing(live, versions, { traces, onlyName });
  const rollouts = cohortRule && new Rollouts<StepsByPlace<AppRelease>>(held, cohortRule, now);
  const groups = watch ? rollouts?.groupsOf(watch.asked.asker ?? ANYONE, now) : rollouts?.groups();
  for (const withheld of groups ?? []) {
    const isHeld = (release: AppRelease) => isWithheld(release, withheld);
    rollouts?.setOffers(withheld, yield* routing(live, versions, { isHeld, traces, onlyName }));
  }
  const isForAll = ({ releaseId }: OfferCandidate) => held.every(({ id }) => id !== releaseId);
  return { offers, rollouts, downgrades: downgradesOf(live.filter(isForAll), policy.rolledBack) };
}

function isWithheld({ files: [{ releaseId }] }: AppRelease, withheld: Withheld): boolean {
  return withheld.has(releaseId);
}

/** Every release that some app is offered. */
export function offeredReleases<Release>({ offers, rollouts, downgrades }: AppAnswers<Release>): Release[] {
  const lists = [offers, ...(rollouts?.offers ?? [])].flatMap((one) =>
    [...one.values()].flatMap((platforms) => [...platforms.values()]),
  );
  const steps = [...new Set(lists)].flat();
  const lower = [...downgrades.values()].flatMap((names) =>
    [...names.values()].flatMap((versions) => [...versions.values()]),
  );
  return [...steps.flatMap(({ release }) => release ?? []), ...lower];
}

/** What an installed app says about itself. */
export interface InstalledApp {
  readonly platform: Platform;
  readonly currentVersion: string;
  readonly channel: string;
  /** Extension `rollout`; by default it says nothing. */
  readonly asker?: Asker | undefined;
  /** Extension `policy`: whether it takes lower versions. */
  readonly takesLower?: boolean | undefined;
}

export interface Answer<Release> {
  /** Undefined for no update. */
  readonly release: Release | undefined;
  readonly isLower: boolean;
  /** What all versions of the platform are offered; undefined where there is nothing. */
  readonly steps: readonly UpdateStep<Release>[] | undefined;
}

/**
 * api.md, "Update Check Endpoint": the highest release that has a complete artifact for the platform, if its
 * version is strictly greater than `currentVersion`; with the extension `key-routing` the highest one that this
 * version can take and that leads on; with the extension `rollout` without those that it is not offered yet.
 * @param now milliseconds since 1970; for apps with rollouts only
 */
export function answerTo<Release>(
  { offers, rollouts, downgrades }: AppAnswers<Release>,
  { platform, currentVersion, channel, asker = ANYONE, takesLower = false }: InstalledApp,
  now: number,
): Answer<Release> {
  const place = { channel, name: platformName(platform) };
  const steps = stepsIn(rollouts?.offersFor(asker, now) ?? offers, place);
  const higher = steps && stepFor(steps, currentVersion)?.release;
  if (higher !== undefined || !takesLower) return { release: higher, isLower: false, steps };
  const lower = stepsIn(downgrades, place)?.get(precedenceOf(currentVersion));
  return { release: lower, isLower: lower !== undefined, steps };
}
