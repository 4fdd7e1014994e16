import type { UpdateResponse } from '../../protocol/messages.ts';
import {
  compareByPreference,
  type Platform,
  parsePlatform,
  platformName,
  type Target,
} from '../../protocol/platform.ts';
import { compareVersions } from '../../protocol/version.ts';
import type { OfferCache, OfferOutline } from '../update-check/offer-cache.ts';
import type { Asker } from '../update-check/rollouts.ts';
import { staticUpdate } from '../update-check/static-update.ts';
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
  const { slug, channel, currentVersion, asker } = question;
  for (const platform of platformsFor(question, outline.names)) {
    const audience = { slug, platform, channel, currentVersion, asker };
    const update = await staticUpdate(offers, outline.boundaries, audience);
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

/** Identifies what a release offers among all that an app offers at one time. */
export function identityOf({ version, updates }: FeedRelease): string {
  const names = updates.map(({ platform, update }) => platformName(platform) + (update.mandatory ? '!' : ''));
  return [version, ...names].join(' ');
}
