import type { LatestJsonResponse, UpdateResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { parsePlatform } from '../../protocol/platform.ts';
import { compareVersions, LOWEST_VERSION } from '../../protocol/version.ts';
import type { InstalledApp } from './app-answers.ts';
import type { OfferCache } from './offer-cache.ts';
import { EVERYONE } from './rollouts.ts';

/** The apps that one file is to answer. */
export interface StaticAudience {
  readonly slug: string;
  readonly channel: string;
  /** Undefined for every version that may be installed. */
  readonly currentVersion: string | undefined;
}

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
  { slug, channel, currentVersion }: StaticAudience,
): Promise<LatestJsonResponse | 'no_update' | 'unknown_slug'> {
  const outline = await offers.outlineOf(slug, channel);
  if (outline === undefined) return 'unknown_slug';
  const { names, boundaries } = outline;
  const found: PlatformUpdate[] = [];
  for (const [key, name] of keysOf(names)) {
    const platform = parsePlatform(name);
    if (platform === undefined) continue;
    const updateOf = (version: string) =>
      findUpdate(offers, slug, { platform, currentVersion: version, channel, asker: EVERYONE });
    const update =
      currentVersion === undefined
        ? await updateForAll(boundaries, updateOf)
        : await updateOf(currentVersion);
    if (update !== undefined) found.push({ key, update });
  }
  return highestOf(found) ?? 'no_update';
}

/** What an app is offered; undefined for nothing. @throws what `OfferCache.find` throws */
export async function findUpdate(
  offers: OfferCache,
  slug: string,
  app: InstalledApp,
): Promise<UpdateResponse | undefined> {
  const { offer } = await offers.find(slug, app);
  return typeof offer === 'string' ? undefined : JSON.parse(offer.body);
}

/**
 * What the lowest version is offered, if it is right for those between it and the lowest too: they are offered something that is
 * signed with the same key and leads no further, or nothing at all. It is mandatory only where it is for all that are offered
 * it. A version below takes no release that requires it to be higher.
 */
export async function updateForAll(
  boundaries: readonly string[],
  updateOf: (version: string) => Promise<UpdateResponse | undefined>,
): Promise<UpdateResponse | undefined> {
  const update = await updateOf(LOWEST_VERSION);
  if (update === undefined) return undefined;
  const keyId = signingKeyIdOf(update.signature);
  const ends = new Map<string, string>();
  const end = await endOf(update.version, updateOf, ends);
  let isMandatory = update.mandatory === true;
  for (const version of boundaries.filter((one) => compareVersions(one, update.version) < 0)) {
    const other = await updateOf(version);
    if (other === undefined) continue;
    if (signingKeyIdOf(other.signature) !== keyId) return undefined;
    if ((await endOf(other.version, updateOf, ends)) !== end) return undefined;
    if (other.version === update.version && !other.mandatory) isMandatory = false;
  }
  return { ...update, mandatory: isMandatory };
}

/** Where a version is led in the end. @param known ends of versions, which it adds to */
async function endOf(
  version: string,
  updateOf: (version: string) => Promise<UpdateResponse | undefined>,
  known: Map<string, string>,
): Promise<string> {
  const way: string[] = [];
  let last = version;
  while (!known.has(last)) {
    way.push(last);
    const next = (await updateOf(last))?.version;
    if (next === undefined) break;
    last = next;
  }
  const end = known.get(last) ?? last;
  for (const one of way) known.set(one, end);
  return end;
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
