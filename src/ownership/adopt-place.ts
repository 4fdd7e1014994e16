import type { Attribution } from '../database/attribution.ts';
import { forgetOrphans } from '../database/queries/orphans.ts';
import { rebindStorage } from '../database/queries/storage-binding.ts';
import type { Renewal } from '../database/queries/storage-ownership.ts';
import { OtaError } from '../errors.ts';
import { describeOwner } from './classify-owner.ts';
import type { OwnerDocument } from './owner-document.ts';
import { type Inspection, inspectPlace, isProven, type PlaceOptions, renewClaim } from './place.ts';
import { CLAIM_LIFE_MS, type MonotonicClock, type Pause, RenewalWatch } from './renewal-watch.ts';

/** How often a place is read that somebody may be using, in milliseconds. */
const WATCH_INTERVAL_MS = 5000;

export interface Watcher {
  readonly now: MonotonicClock;
  readonly pause: Pause;
  /** Called before a place is watched, with how many milliseconds that takes at most. */
  readonly onWatch?: (milliseconds: number) => void;
}

export interface AdoptOptions extends PlaceOptions {
  /** As `bindStorage`: the database remembers it. */
  readonly place: string;
  /** Also takes it from a server that may be running, without watching whether one is. */
  readonly force?: boolean;
  readonly watcher: Watcher;
  readonly by: Attribution;
}

export interface AdoptResult {
  readonly kind: 'adopted' | 'already_ours';
  /** Undefined when the place did not say. */
  readonly before: OwnerDocument | undefined;
}

const MAX_TRIES = 10;

/**
 * Makes a place of files this database's, on purpose: after a move, after a backup was restored. Whoever used it before is
 * refused there from then on. What is in the place now and belongs to no artifact stays there for good.
 * @throws OtaError `conflict` when whoever used it renews it
 */
export async function adoptPlace(adoption: AdoptOptions): Promise<AdoptResult> {
  const { place, force = false, watcher, by, ...options } = adoption;
  const { database, storage, location } = options;
  const inspection = await inspectPlace(options);
  const { state, owner } = inspection;
  const isOurs = state.kind === 'ours' && (await isProven(options, state.owner));
  const claim = claimIn(inspection);
  if (claim !== undefined && storage.remote && !isOurs && !force)
    await requireUnused(options, claim, watcher);
  await rebindStorage(database.queries, { place, from: owner?.database_id ?? null }, by);
  if (isOurs) return { kind: 'already_ours', before: owner };
  await forgetOrphans(database.queries, 'all');
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if ((await renewClaim(options, { takeOver: true })).kind === 'renewed')
      return { kind: 'adopted', before: owner };
  }
  throw new OtaError('conflict', `${location} is being taken over by another process`, {
    hint: 'Find out by which one, and try again.',
  });
}

/** What changes with each renewal, also by a version that writes documents which this one cannot read. */
function claimIn({ owner, version }: Inspection): Renewal | undefined {
  return owner ?? (version === undefined ? undefined : { epoch: 0, nonce: version });
}

/** Waits as long as somebody who uses the place may take to renew it. @throws OtaError `conflict` when it was renewed */
async function requireUnused(place: PlaceOptions, claim: Renewal, watcher: Watcher): Promise<void> {
  const watch = new RenewalWatch(watcher.now);
  watcher.onWatch?.(CLAIM_LIFE_MS);
  for (let last = claim; watch.observe(last) < CLAIM_LIFE_MS; ) {
    await watcher.pause(WATCH_INTERVAL_MS);
    const inspection = await inspectPlace(place);
    last = claimIn(inspection) ?? claim;
    if (last.nonce === claim.nonce) continue;
    const { owner } = inspection;
    const user = owner === undefined ? 'by another version of synckit-ota' : describeOwner(owner);
    throw new OtaError('conflict', `${place.location} is in use: ${user}`, {
      hint: 'Stop that server and try again; --force takes its files away while it runs.',
    });
  }
}
