import type { UpdateResponse } from '../../protocol/messages.ts';
import {
  compareByPreference,
  type Platform,
  parsePlatform,
  platformName,
  type Target,
} from '../../protocol/platform.ts';
import { compareVersions } from '../../protocol/version.ts';
import { findUpdate, updateForAll } from '../update-check/latest-json.ts';
import type { OfferCache, OfferOutline } from '../update-check/offer-cache.ts';
import type { Asker } from '../update-check/rollouts.ts';
import type { NamedFeed, Updater } from './feed-names.ts';

/** Who a feed is for. */
export interface FeedQuestion extends NamedFeed {
  readonly slug: string;
  readonly updater: Updater;
  /** Undefined for every version that may be installed. */
  readonly currentVersion?: string | undefined;
  readonly asker: Asker;
}

/** What a platform is offered. */
export interface FeedUpdate {
  readonly platform: Platform;
  readonly update: UpdateResponse;
}

/** The release that a feed offers. */
export interface FeedRelease {
  readonly version: string;
  /** Those of the release, the main one of each platform first. */
  readonly updates: readonly FeedUpdate[];
}

/**
 * The highest release that those who read a feed are offered, chosen as update checks and `latest.json` choose: of files for
 * its updater alone, if there are any.
 */
export async function feedRelease(
  offers: OfferCache,
  outline: OfferOutline,
  question: FeedQuestion,
): Promise<FeedRelease | undefined> {
  const found: FeedUpdate[] = [];
  for (const platform of platformsFor(question, outline.names)) {
    const update = await updateOf(offers, outline, { ...question, platform });
    if (update !== undefined) found.push({ platform, update });
  }
  const [highest] = found.toSorted((a, b) => compareVersions(b.update.version, a.update.version));
  if (highest === undefined) return undefined;
  const { version } = highest.update;
  const updates = found.filter(({ update }) => update.version === version);
  return { version, updates: updates.toSorted((a, b) => compareByPreference(a.platform, b.platform)) };
}

/** The custom target of files that are for one updater only. */
export function targetFor(target: Target, updater: Updater): `${Target}-${Updater}` {
  return `${target}-${updater}`;
}

function platformsFor({ target, arch, updater }: FeedQuestion, names: readonly string[]): Platform[] {
  const platforms = names
    .flatMap((name) => parsePlatform(name) ?? [])
    .filter((platform) => arch === undefined || platform.arch === arch);
  const own = platforms.filter((platform) => platform.target === targetFor(target, updater));
  return own.length > 0 ? own : platforms.filter((platform) => platform.target === target);
}

function updateOf(
  offers: OfferCache,
  { boundaries }: OfferOutline,
  { slug, channel, asker, platform, currentVersion }: FeedQuestion & { readonly platform: Platform },
): Promise<UpdateResponse | undefined> {
  const answerTo = (version: string) =>
    findUpdate(offers, slug, { platform, currentVersion: version, channel, asker });
  return currentVersion === undefined ? updateForAll(boundaries, answerTo) : answerTo(currentVersion);
}

/** Identifies what a release offers among all that an app offers at one time. */
export function identityOf({ version, updates }: FeedRelease): string {
  const names = updates.map(({ platform, update }) => platformName(platform) + (update.mandatory ? '!' : ''));
  return [version, ...names].join(' ');
}
