import type { Kysely, NotNull } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import type { Stranding } from '../../protocol/routing/stranded-versions.ts';
import type { Queries, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { type LiveArtifact, strandedByChange } from './app-files.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import { type ReleaseKey, toRelease } from './releases.ts';

export interface RequiredArtifact extends Platform {
  readonly sha256: string;
}

export interface PublishOptions {
  /** What the release must have; null for whatever it has. */
  readonly required: readonly RequiredArtifact[] | null;
  /** Whether versions may be stranded by it, if the release does not say so itself. */
  readonly allowStranding?: boolean;
  readonly now: Date;
}

export type PublishResult =
  | { readonly kind: 'published' }
  | { readonly kind: 'not_found' }
  | WouldStrand
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] };

/** What versions would have no way to the highest release, so nothing was changed. */
export interface WouldStrand {
  readonly kind: 'would_strand';
  readonly strandings: readonly Stranding[];
}

/** Fields that are left out stay. */
export interface ReleaseChange {
  readonly notes?: string | null | undefined;
  /** Change the notes only of a draft that has none. */
  readonly onlyIfEmpty?: boolean | undefined;
  readonly status?: 'published' | 'yanked' | undefined;
  /** As `formatPublicKey` writes it. */
  readonly embeddedPubkey?: string | undefined;
  readonly allowStranding?: boolean | undefined;
}

export type UpdateResult =
  | { readonly kind: 'updated' }
  | { readonly kind: 'not_found' }
  /** Its status was to change, and it is a draft. */
  | { readonly kind: 'draft' }
  /** Its build is known to carry another key. */
  | { readonly kind: 'other_key' }
  | WouldStrand;

type Complete = LiveArtifact & { readonly sha256: string };

/** Publishes a draft, for all its platforms in one transaction. A release that is published already stays so. */
export async function publishRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { required, allowStranding = false, now }: PublishOptions,
): Promise<PublishResult> {
  return transact(db, async (transaction) => {
    const release = await findRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    const complete = await completeArtifacts(transaction, releaseId);
    const has = ({ sha256, ...platform }: RequiredArtifact) =>
      complete.some((found) => platformName(found) === platformName(platform) && found.sha256 === sha256);
    const missing = (required ?? []).filter((artifact) => !has(artifact)).map(platformName);
    if (complete.length === 0 && missing.length === 0)
      return { kind: 'incomplete', missing: ['any artifact'] };
    if (missing.length > 0) return { kind: 'incomplete', missing };
    if (release.status !== 'draft') return { kind: 'published' };
    return goLive(transaction, { release: allowed(release, allowStranding), complete }, now);
  });
}

/**
 * Publishes a draft once all its expected platforms are complete. Belongs into the transaction that completes one.
 * A platform is complete when it has an artifact and none of its other uploads is pending: with several kinds of
 * bundle it does not go live with the first. One that would strand versions stays a draft.
 * @returns whether it did
 */
export async function publishIfExpectedAreComplete(
  transaction: Queries,
  releaseId: string,
  now: Date,
): Promise<boolean> {
  const release = await transaction
    .selectFrom('releases')
    .selectAll()
    .where('id', '=', releaseId)
    .executeTakeFirst();
  if (release?.status !== 'draft' || release.expect === null) return false;
  const complete = await completeArtifacts(transaction, releaseId);
  const pending = await pendingPlatforms(transaction, releaseId, now);
  const arrived = new Set(complete.map(platformName));
  const outstanding = pending.filter((platform) => !arrived.has(platformName(platform)));
  const isComplete = (name: string) =>
    complete.some((artifact) => namesPlatform(name, artifact)) &&
    !outstanding.some((platform) => namesPlatform(name, platform));
  if (!release.expect.split(' ').every(isComplete)) return false;
  return (await goLive(transaction, { release, complete }, now)).kind === 'published';
}

/** Publishes the drafts that pending uploads held back until they expired: no further upload would publish them. */
export async function publishReadyDrafts(db: Kysely<Schema>, now: Date): Promise<void> {
  const waiting = await db
    .selectFrom('releases')
    .select('id')
    .where('status', '=', 'draft')
    .where('expect', 'is not', null)
    .execute();
  for (const { id } of waiting) {
    await transact(db, (transaction) => publishIfExpectedAreComplete(transaction, id, now));
  }
}

/**
 * Records the bytes that are live from now on: they never change. That was checked when each artifact was completed,
 * and no other release can have the version.
 * @param artifacts one at least
 */
export async function recordPublishedBytes(
  transaction: Queries,
  release: Pick<ReleasesTable, 'app_id' | 'precedence' | 'channel' | 'embedded_pubkey'>,
  artifacts: readonly Complete[],
): Promise<void> {
  const { app_id, precedence, channel, embedded_pubkey } = release;
  await transaction
    .insertInto('published_bytes')
    .values(
      artifacts.map(({ sha256, signingKeyId, ...platform }) => ({
        app_id,
        precedence,
        ...platformColumns(platform),
        sha256,
        channel,
        signing_key_id: signingKeyId,
        embedded_pubkey,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['app_id', 'precedence', 'target', 'arch', 'bundle_type']).doUpdateSet((eb) => ({
        sha256: eb.ref('excluded.sha256'),
        channel: eb.ref('excluded.channel'),
        signing_key_id: eb.ref('excluded.signing_key_id'),
        embedded_pubkey: eb.ref('excluded.embedded_pubkey'),
      })),
    )
    .execute();
}

/** Extensions `yank` and `key-routing`: changes a release, or nothing of it. */
export async function updateRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { notes, status, embeddedPubkey, allowStranding = false, onlyIfEmpty = false }: ReleaseChange,
): Promise<UpdateResult> {
  return transact(db, async (transaction): Promise<UpdateResult> => {
    const release = await findRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    if (release.status === 'draft' && status !== undefined) return { kind: 'draft' };
    if (embeddedPubkey !== undefined && (release.embedded_pubkey ?? embeddedPubkey) !== embeddedPubkey)
      return { kind: 'other_key' };
    const change = {
      ...(status !== undefined && { status }),
      ...(embeddedPubkey !== undefined && { embedded_pubkey: embeddedPubkey }),
      ...(allowStranding && status === undefined && { allow_stranding: 1 }), // for files that it gets later
    };
    const isChange = Object.keys(change).length > 0;
    if (!isChange && notes === undefined) return { kind: 'updated' };
    if (!allowStranding && status !== undefined && status !== release.status) {
      const strandings = await strandedByStatus(transaction, release, status);
      if (strandings.length > 0) return { kind: 'would_strand', strandings };
    }
    if (notes !== undefined) await changeNotes(transaction, releaseId, { notes, onlyIfEmpty });
    if (isChange) await transaction.updateTable('releases').set(change).where('id', '=', releaseId).execute();
    if (embeddedPubkey !== undefined) await recordEmbeddedKey(transaction, release, embeddedPubkey);
    await raiseRevision(transaction, appId);
    return { kind: 'updated' };
  });
}

async function strandedByStatus(
  transaction: Queries,
  release: ReleasesTable,
  status: 'published' | 'yanked',
): Promise<readonly Stranding[]> {
  const { id: releaseId, app_id: appId } = release;
  if (status === 'yanked') return strandedByChange(transaction, appId, { kind: 'withdraw', releaseId });
  const artifacts = await completeArtifacts(transaction, releaseId);
  return strandedByChange(transaction, appId, { kind: 'go_live', release: toRelease(release), artifacts });
}

async function recordEmbeddedKey(
  transaction: Queries,
  { app_id, precedence }: ReleasesTable,
  embedded_pubkey: string,
): Promise<void> {
  await transaction
    .updateTable('published_bytes')
    .set({ embedded_pubkey })
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .execute();
}

async function changeNotes(
  transaction: Queries,
  releaseId: string,
  { notes, onlyIfEmpty }: { readonly notes: string | null; readonly onlyIfEmpty: boolean },
): Promise<void> {
  await transaction
    .updateTable('releases')
    .set({ notes })
    .where('id', '=', releaseId)
    // In the statement itself: another transaction may fill them in between.
    .$if(onlyIfEmpty, (query) =>
      query
        .where('status', '=', 'draft')
        .where((eb) => eb.or([eb('notes', 'is', null), eb('notes', '=', '')])),
    )
    .execute();
}

async function goLive(
  transaction: Queries,
  { release, complete }: { readonly release: ReleasesTable; readonly complete: readonly Complete[] },
  now: Date,
): Promise<{ readonly kind: 'published' } | WouldStrand> {
  if (release.allow_stranding === 0) {
    const change = { kind: 'go_live', release: toRelease(release), artifacts: complete } as const;
    const strandings = await strandedByChange(transaction, release.app_id, change);
    if (strandings.length > 0) return { kind: 'would_strand', strandings };
  }
  await recordPublishedBytes(transaction, release, complete);
  await transaction
    .updateTable('releases')
    .set({ status: 'published', pub_date: now.getTime() })
    .where('id', '=', release.id)
    .execute();
  await raiseRevision(transaction, release.app_id);
  return { kind: 'published' };
}

function allowed(release: ReleasesTable, allowStranding: boolean): ReleasesTable {
  return allowStranding ? { ...release, allow_stranding: 1 } : release;
}

async function findRow(db: Queries, { appId, releaseId }: ReleaseKey): Promise<ReleasesTable | undefined> {
  return db
    .selectFrom('releases')
    .selectAll()
    .where('app_id', '=', appId)
    .where('id', '=', releaseId)
    .executeTakeFirst();
}

async function completeArtifacts(db: Queries, releaseId: string): Promise<Complete[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type', 'sha256', 'signing_key_id'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'complete')
    .where('sha256', 'is not', null)
    .$narrowType<{ sha256: NotNull }>()
    .execute();
  return rows.map(({ sha256, signing_key_id: signingKeyId, ...platform }) => {
    return { ...platformOf(platform), sha256, signingKeyId };
  });
}

/** The platforms of pending uploads that have not expired. */
async function pendingPlatforms(db: Queries, releaseId: string, now: Date): Promise<Platform[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'pending')
    .where('expires_at', '>', now.getTime())
    .execute();
  return rows.map(platformOf);
}
