import type { LatestJsonResponse, UpdateResponse } from '../../protocol/messages.ts';
import { parsePlatform } from '../../protocol/platform.ts';
import { compareVersions } from '../../protocol/version.ts';
import type { OfferCache } from './offer-cache.ts';
import { EVERYONE } from './rollouts.ts';
import { type StaticAudience, staticUpdate } from './static-update.ts';

/** The apps that a `latest.json` is to answer. */
export type LatestJsonQuestion = Pick<StaticAudience, 'slug' | 'channel' | 'currentVersion'>;

/** The update of one platform. */
interface PlatformUpdate {
  /** As Tauri's updater looks it up. */
  readonly key: string;
  readonly update: UpdateResponse;
}

/**
 * The one release that a static file can offer to all of its readers, with the platforms that it is right for: the highest
 * that is what each of them may take. To those who have it already it is no update.
 * @returns `no_update` where there is none; `unknown_slug`
 * @throws what `OfferCache.find` throws
 */
export async function latestJson(
  offers: OfferCache,
  { slug, channel, currentVersion }: LatestJsonQuestion,
): Promise<LatestJsonResponse | 'no_update' | 'unknown_slug'> {
  const outline = await offers.outlineOf(slug, channel);
  if (outline === undefined) return 'unknown_slug';
  const { names, boundaries } = outline;
  const found: PlatformUpdate[] = [];
  for (const [key, name] of keysOf(names)) {
    const platform = parsePlatform(name);
    if (platform === undefined) continue;
    const audience = { slug, platform, channel, currentVersion, asker: EVERYONE };
    const update = await staticUpdate(offers, boundaries, audience);
    if (update !== undefined) found.push({ key, update });
  }
  return highestOf(found) ?? 'no_update';
}

/**
 * Names of platforms by what an updater looks them up as. An app that sets its target itself is looked up by that alone: with
 * several archs its files could not be told apart.
 */
function keysOf(names: readonly string[]): ReadonlyMap<string, string> {
  const targetOf = (name: string) => name.split('@')[0] ?? name;
  const isAlone = (name: string) => names.filter((other) => targetOf(other) === targetOf(name)).length === 1;
  return new Map(names.filter(isAlone).map((name) => [targetOf(name), name]));
}

function highestOf(found: readonly PlatformUpdate[]): LatestJsonResponse | undefined {
  const [highest] = found.toSorted((a, b) => compareVersions(b.update.version, a.update.version));
  if (highest === undefined) return undefined;
  const { version, notes = null, pub_date = null, mandatory, minimum_version } = highest.update;
  const files = found
    .filter(({ update }) => update.version === version)
    .map(({ key, update: { url, signature, minimum_system_version: system } }) => {
      return [key, { url, signature, ...(system && { minimum_system_version: system }) }] as const;
    });
  return {
    ...{ version, notes, pub_date },
    ...(mandatory && { mandatory }),
    ...(minimum_version && { minimum_version }),
    platforms: Object.fromEntries(files),
  };
}
