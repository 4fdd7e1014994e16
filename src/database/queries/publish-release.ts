import type { Kysely } from 'kysely';
import { type Platform, platformName } from '../../protocol/platform.ts';
import type { Queries, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { type LiveArtifact, type OfferChange, strandedByChange, type WouldStrand } from './app-files.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import {
  type DraftFiles,
  listCompleteFiles,
  readDraftFiles,
  type UnreadyPlatform,
  unreadyPlatforms,
} from './release-files.ts';
import { findReleaseRow, type ReleaseKey, toRelease } from './releases.ts';

export interface RequiredArtifact extends Platform {
  readonly sha256: string;
}

export interface PublishOptions {
  /** Files that the release must have; null for whatever it has. */
  readonly required: readonly RequiredArtifact[] | null;
  /** Names of platforms that a draft must have; by default those that it was created to wait for. */
  readonly expect?: readonly string[] | undefined;
  /** Whether versions may be stranded by it, if the release does not say so itself. */
  readonly allowStranding?: boolean;
  readonly now: Date;
}

/** Why a release is not published. `other_bytes`: it has no file for the platform with the required SHA-256. */
export type MissingArtifact =
  | UnreadyPlatform
  | { readonly name: string; readonly reason: 'no_files' | 'other_bytes' };

export type PublishResult =
  | { readonly kind: 'published' }
  | { readonly kind: 'not_found' }
  | WouldStrand
  | { readonly kind: 'incomplete'; readonly missing: readonly MissingArtifact[] };

/** Fields that are left out stay. */
export interface ReleaseChange {
  readonly notes?: string | null | undefined;
  /** Change the notes only of a draft that has none. */
  readonly onlyIfEmpty?: boolean | undefined;
  readonly status?: 'published' | 'yanked' | undefined;
  /** As `formatPublicKey` writes it. */
  readonly embeddedPubkey?: string | undefined;
  /** Whether that corrects a key that is recorded. */
  readonly replaceEmbedded?: boolean | undefined;
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

/**
 * Publishes a draft, for all its platforms in one transaction, unless it lacks something that it must have, or waits
 * for. A release that is published already stays so.
 */
export async function publishRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { required, expect, allowStranding = false, now }: PublishOptions,
): Promise<PublishResult> {
  return transact(db, async (transaction) => {
    const release = await findReleaseRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    const files = await readDraftFiles(transaction, releaseId, now);
    const missing = [
      ...missingFiles(required ?? [], files.complete),
      ...(release.status === 'draft' ? unready(expect ?? expectedBy(release), required, files) : []),
    ];
    if (files.complete.length === 0 && missing.length === 0) {
      return { kind: 'incomplete', missing: [{ name: 'any artifact', reason: 'no_files' }] };
    }
    if (missing.length > 0) return { kind: 'incomplete', missing: uniqueByName(missing) };
    if (release.status !== 'draft') return { kind: 'published' };
    const live = { release: allowed(release, allowStranding), complete: files.complete };
    return goLive(transaction, live, now);
  });
}

function missingFiles(
  required: readonly RequiredArtifact[],
  complete: readonly Complete[],
): MissingArtifact[] {
  const has = ({ sha256, ...platform }: RequiredArtifact) =>
    complete.some((found) => platformName(found) === platformName(platform) && found.sha256 === sha256);
  return required
    .filter((artifact) => !has(artifact))
    .map((artifact) => ({ name: platformName(artifact), reason: 'other_bytes' }));
}

/** Where nothing says what a draft must have, it must have what was announced. */
function unready(
  expected: readonly string[] | null,
  required: PublishOptions['required'],
  files: DraftFiles,
): UnreadyPlatform[] {
  if (expected !== null) return unreadyPlatforms(expected, files);
  if (required !== null || files.complete.length === 0) return [];
  return files.outstanding.map((platform) => ({ name: platformName(platform), reason: 'outstanding' }));
}

function uniqueByName(missing: readonly MissingArtifact[]): MissingArtifact[] {
  return [...new Map(missing.toReversed().map((one) => [one.name, one])).values()].toReversed();
}

function expectedBy({ expect }: ReleasesTable): readonly string[] | null {
  return expect?.split(' ') ?? null;
}

/**
 * Publishes a draft once all its expected platforms are ready. Belongs into the transaction that completes a file. One
 * that would strand versions stays a draft.
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
  const expected = release?.status === 'draft' ? expectedBy(release) : null;
  if (release === undefined || expected === null) return false;
  const files = await readDraftFiles(transaction, releaseId, now);
  if (unreadyPlatforms(expected, files).length > 0) return false;
  const live = { release, complete: files.complete };
  return (await goLive(transaction, live, now)).kind === 'published';
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
  // Those of platforms that it had before it was deleted too: a version has one key.
  if (embedded_pubkey !== null) await recordEmbeddedKey(transaction, release, embedded_pubkey);
}

/** Extensions `yank` and `key-routing`: changes a release, or nothing of it. */
export async function updateRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  change: ReleaseChange,
): Promise<UpdateResult> {
  const { notes, status, embeddedPubkey, allowStranding = false, onlyIfEmpty = false } = change;
  return transact(db, async (transaction): Promise<UpdateResult> => {
    const release = await findReleaseRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    if (release.status === 'draft' && status !== undefined) return { kind: 'draft' };
    if (isOtherKey(release, change)) return { kind: 'other_key' };
    const isForLater = allowStranding && status === undefined && embeddedPubkey === undefined;
    const columns = {
      ...(status !== undefined && { status }),
      ...(embeddedPubkey !== undefined && { embedded_pubkey: embeddedPubkey }),
      ...(isForLater && { allow_stranding: 1 }), // for files that it gets later
    };
    const isChange = Object.keys(columns).length > 0;
    if (!isChange && notes === undefined) return { kind: 'updated' };
    const offerChanges = allowStranding ? [] : await offerChangesOf(transaction, release, change);
    const strandings = await strandedByChange(transaction, appId, ...offerChanges);
    if (strandings.length > 0) return { kind: 'would_strand', strandings };
    if (notes !== undefined) await changeNotes(transaction, releaseId, { notes, onlyIfEmpty });
    if (isChange)
      await transaction.updateTable('releases').set(columns).where('id', '=', releaseId).execute();
    if (embeddedPubkey !== undefined) await recordEmbeddedKey(transaction, release, embeddedPubkey);
    await raiseRevision(transaction, appId);
    return { kind: 'updated' };
  });
}

/** Apps are led by the key: one that is recorded changes only where the request says that it was wrong. */
function isOtherKey(
  { embedded_pubkey: recorded }: ReleasesTable,
  { embeddedPubkey, replaceEmbedded = false }: ReleaseChange,
): boolean {
  if (embeddedPubkey === undefined || recorded === null || replaceEmbedded) return false;
  return recorded !== embeddedPubkey;
}

async function offerChangesOf(
  transaction: Queries,
  release: ReleasesTable,
  { status, embeddedPubkey }: ReleaseChange,
): Promise<OfferChange[]> {
  const changes: OfferChange[] = [];
  if (embeddedPubkey !== undefined && embeddedPubkey !== release.embedded_pubkey)
    changes.push({ kind: 'other_key', version: release.version, embeddedPubkey });
  if (status === undefined || status === release.status) return changes;
  if (status === 'yanked') return [...changes, { kind: 'withdraw', releaseId: release.id }];
  const live = { ...toRelease(release), embeddedPubkey: embeddedPubkey ?? release.embedded_pubkey };
  const artifacts = await listCompleteFiles(transaction, release.id);
  return [...changes, { kind: 'go_live', release: live, artifacts }];
}

async function recordEmbeddedKey(
  transaction: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
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
