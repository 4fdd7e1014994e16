import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from '../database/database.ts';
import { databaseId } from '../database/queries/settings.ts';
import {
  beginRenewal,
  confirmRenewal,
  endRenewal,
  type Renewal,
  storageClaim,
} from '../database/queries/storage-ownership.ts';
import { transact } from '../database/transaction.ts';
import type { ArtifactStorage } from '../storage/artifact-storage.ts';
import { classifyOwner, type PlaceState, type Refused } from './classify-owner.ts';
import { formatOwner, type OwnerDocument, parseOwner } from './owner-document.ts';

/** How long one renewal may take, in milliseconds: then another node may try. */
const RENEWAL_LEASE_MS = 10_000;
const END_OF_TIME = new Date(8.64e15);

export interface PlaceOptions {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  /** For people: `s3://bucket/prefix`, or the data folder. */
  readonly location: string;
}

export interface Inspection {
  readonly state: PlaceState;
  /** What the place says, whether or not it is refused. */
  readonly owner: OwnerDocument | undefined;
  readonly version: string | undefined;
}

export interface RenewOptions {
  readonly seen?: Renewal | undefined;
  /** Takes the place over, whoever it belongs to. */
  readonly takeOver?: boolean;
}

export type RenewalResult =
  | { readonly kind: 'renewed'; readonly renewal: Renewal }
  /** Another node is at it, or was faster: check again. */
  | { readonly kind: 'busy' }
  | Refused;

/** Compares what the place and the database say of each other. */
export async function inspectPlace({ database, storage }: PlaceOptions, seen?: Renewal): Promise<Inspection> {
  const { queries } = database;
  for (let record = await storage.readOwner(); ; ) {
    const owner = record && (parseOwner(record.text) ?? 'unreadable');
    const [id, identity, claim] = [
      await databaseId(queries),
      await database.identity(),
      await storageClaim(queries),
    ];
    const state = classifyOwner(owner, { databaseId: id, identity, claim, seen });
    const inspection = { state, owner: owner === 'unreadable' ? undefined : owner, version: record?.version };
    if (state.kind !== 'refused') return inspection;
    // Another node may have renewed it between the two reads: then it looks older than the database.
    const again = await storage.readOwner();
    if (again?.version === record?.version) return inspection;
    record = again;
  }
}

/**
 * Whether nothing but this database can be using a place that it knows the latest renewal of: the lock of a data folder,
 * and a server process or boot, cannot be copied. Else a copy of its files would know that renewal too, until the next.
 */
export async function isProven({ database, storage }: PlaceOptions, owner: OwnerDocument): Promise<boolean> {
  const { instance } = await database.identity();
  return !storage.remote || owner.instance === instance;
}

/**
 * Writes a new epoch and nonce to the database, then to the place, then confirms it in the database: a crash in between
 * leaves a renewal that the database knows.
 */
export async function renewClaim(
  place: PlaceOptions,
  { seen, takeOver = false }: RenewOptions = {},
): Promise<RenewalResult> {
  const { database, storage } = place;
  const { queries, clock } = database;
  const now = clock();
  const until = new Date(now.getTime() + RENEWAL_LEASE_MS);
  const before = takeOver ? await inspectPlace(place) : undefined;
  // A takeover does not wait for another's lease, and the lock of a data folder leaves no one to wait for.
  const lease = { until, now: takeOver || !storage.remote ? END_OF_TIME : now };
  const floor = Math.max(seen?.epoch ?? 0, before?.owner?.epoch ?? 0);
  const renewal = await transact(queries, (transaction) =>
    beginRenewal(transaction, randomUUID(), { ...lease, floor }),
  );
  if (renewal === undefined) return { kind: 'busy' };
  try {
    const { state, version } = await inspectPlace(place, seen);
    if (state.kind === 'refused' && !takeOver) return state;
    const { server, instance } = await database.identity();
    const owner: OwnerDocument = {
      database_id: await databaseId(queries),
      server,
      instance,
      ...renewal,
      renewed_at: now.getTime(),
      holder: hostname(),
    };
    if (!(await storage.writeOwner(formatOwner(owner), version))) return { kind: 'busy' };
    await transact(queries, (transaction) => confirmRenewal(transaction, renewal, { now, until, instance }));
    return { kind: 'renewed', renewal };
  } finally {
    await endRenewal(queries, until).catch(() => {}); // it ends by itself
  }
}
