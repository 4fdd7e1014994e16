import type { UpdateResponse } from '../../protocol/messages.ts';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import type { Platform } from '../../protocol/platform.ts';
import { compareVersions, LOWEST_VERSION } from '../../protocol/version.ts';
import type { OfferCache } from './offer-cache.ts';
import type { Asker } from './rollouts.ts';

/** The apps that one file is to answer. */
export interface StaticAudience {
  readonly slug: string;
  readonly platform: Platform;
  readonly channel: string;
  /** Undefined for every version that may be installed. */
  readonly currentVersion: string | undefined;
  readonly asker: Asker;
}

type UpdateOf = (version: string) => Promise<UpdateResponse | undefined>;

/**
 * The update that a file can offer to all of its readers; undefined where there is none.
 * @param boundaries of the app's offers, as `OfferCache.outlineOf` has them
 * @throws what `OfferCache.find` throws
 */
export async function staticUpdate(
  offers: OfferCache,
  boundaries: readonly string[],
  { slug, currentVersion, ...app }: StaticAudience,
): Promise<UpdateResponse | undefined> {
  const updateOf: UpdateOf = async (version) => {
    const { offer } = await offers.find(slug, { ...app, currentVersion: version });
    return typeof offer === 'string' ? undefined : JSON.parse(offer.body);
  };
  return currentVersion === undefined ? updateForAll(boundaries, updateOf) : updateOf(currentVersion);
}

/**
 * What the lowest version is offered, if it is right for those between it and the lowest too: they are offered something that is
 * signed with the same key and leads no further, or nothing at all. It is mandatory only where it is for all that are offered
 * it. A version below takes no release that requires it to be higher.
 */
async function updateForAll(
  boundaries: readonly string[],
  updateOf: UpdateOf,
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
async function endOf(version: string, updateOf: UpdateOf, known: Map<string, string>): Promise<string> {
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
