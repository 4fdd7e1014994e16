import type { DatabaseIdentity } from '../database/database.ts';
import type { Renewal, StorageClaim } from '../database/queries/storage-ownership.ts';
import { OtaError } from '../errors.ts';
import { formatTimestamp } from '../protocol/time.ts';
import type { OwnerDocument } from './owner-document.ts';

export interface Claimant {
  readonly databaseId: string;
  readonly identity: DatabaseIdentity;
  readonly claim: StorageClaim;
  /** The renewal that this process saw last: a failover may have cost the database its latest second. */
  readonly seen?: Renewal | undefined;
}

export type Refusal =
  /** Another database, made by itself. */
  | 'foreign'
  /** The same database as another one of PostgreSQL, or in another cluster: a restored dump, or it has moved. */
  | 'copied'
  /** The place was used since by something that this database does not know: it is an older state, or a copy. */
  | 'behind'
  /** The place is an older state than the database. */
  | 'older_place'
  /** The database has claimed the place, which does not say so. */
  | 'missing'
  | 'unreadable';

export interface Refused {
  readonly kind: 'refused';
  readonly reason: Refusal;
  readonly owner: OwnerDocument | undefined;
}

export type PlaceState =
  | { readonly kind: 'unclaimed' }
  | { readonly kind: 'ours'; readonly owner: OwnerDocument }
  | Refused;

/** @param owner `unreadable`: something that is no document */
export function classifyOwner(
  owner: OwnerDocument | 'unreadable' | undefined,
  { databaseId, identity, claim, seen }: Claimant,
): PlaceState {
  const refused = (reason: Refusal, by?: OwnerDocument): PlaceState => ({
    kind: 'refused',
    reason,
    owner: by,
  });
  if (owner === undefined) return claim.last.epoch === 0 ? { kind: 'unclaimed' } : refused('missing');
  if (owner === 'unreadable') return refused('unreadable');
  if (owner.database_id !== databaseId) return refused('foreign', owner);
  if (owner.server !== identity.server) return refused('copied', owner);
  const known = [claim.last, ...claim.unconfirmed, ...(seen ? [seen] : [])];
  if (known.some(({ epoch, nonce }) => epoch === owner.epoch && nonce === owner.nonce)) {
    return { kind: 'ours', owner };
  }
  return refused(owner.epoch < claim.last.epoch ? 'older_place' : 'behind', owner);
}

const REASONS: Readonly<Record<Refusal, readonly [message: (place: string) => string, hint: string]>> = {
  foreign: [
    (place) => `${place} belongs to another database`,
    'Give this database a place of its own. If the other one is gone for good, take its files over: `synckit-ota storage claim`.',
  ],
  copied: [
    (place) => `${place} belongs to another copy of this database, in another PostgreSQL database`,
    'A copy, such as a restored dump for staging, needs a place of its own. If the database has moved here and the original is gone for good: `synckit-ota storage claim`.',
  ],
  behind: [
    (place) => `${place} was used since by another copy of this database, or by a later state of it`,
    'Serve the latest database; a copy needs a place of its own, with files that are copied and not linked. If this one is to replace it (a backup that was restored, say), stop the other one and run `synckit-ota storage claim`.',
  ],
  older_place: [
    (place) => `the files in ${place} are an older state than this database`,
    'Put the latest files in place: some that are offered may be missing. To go on with these all the same: `synckit-ota storage claim`.',
  ],
  missing: [
    (place) => `${place} does not say that it belongs to this database, which has used it before`,
    'Check that it is the right place and complete: it may be an empty disk that was mounted, or another store. To go on with it all the same: `synckit-ota storage claim`.',
  ],
  unreadable: [
    (place) => `the owner.json of ${place} cannot be understood`,
    'It may be from a newer version of this program. To write it anew: `synckit-ota storage claim`.',
  ],
};

/** The refusal as an error. @param place for people: `s3://bucket/prefix`, or the data folder */
export function refusalError({ reason, owner }: Refused, place: string): OtaError {
  const [message, hint] = REASONS[reason];
  const last = owner === undefined ? '' : ` (${describeOwner(owner)})`;
  return new OtaError('store_unavailable', message(place) + last, { hint });
}

export function describeOwner({ renewed_at, holder, epoch }: OwnerDocument): string {
  return `last used at ${formatTimestamp(renewed_at)} by ${holder}, epoch ${epoch}`;
}
