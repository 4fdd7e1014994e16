import { createHash } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import type { MinimumSystem } from '../../protocol/policy/minimum-system.ts';
import { Problem } from '../../protocol/problem.ts';
import { heldUntil } from '../../protocol/rollout/rollout.ts';
import { closeKinds, type DefaultKinds } from '../../protocol/routing/default-kinds.ts';
import { type Attribution, tokenIdOf } from '../attribution.ts';
import type { AuditAction } from '../audit-actions.ts';
import type { ReleaseStatus, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { type OfferChange, strandedByChange, type WouldStrand } from './app-files.ts';
import { requireFewLanes, requireWithinLimits } from './app-limits.ts';
import { raiseRevision, requiresApproval } from './apps.ts';
import { type AuditEntry, recordAudit } from './audit.ts';
import { bytesOf } from './audited-rows.ts';
import { formatKinds, parseKinds, recordedKinds } from './default-kinds.ts';
import { type RolloutChange, rolledOut, rolloutColumns } from './held-releases.ts';
import { fileLane, knownLane } from './lanes.ts';
import { platformColumns } from './platform-columns.ts';
import {
  type CompleteFile,
  type DraftFiles,
  listCompleteFiles,
  readDraftFiles,
  type UnreadyPlatform,
  unreadyPlatforms,
} from './release-files.ts';
import {
  findReleaseRow,
  named,
  type ReleaseKey,
  setReleaseStatus,
  systemColumn,
  toRelease,
} from './releases.ts';
import { mayGoLive } from './token-rights.ts';
import { type WatchChange, watchColumns } from './watched-releases.ts';

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
  readonly by: Attribution;
}

/** Why a release is not published. `other_bytes`: it has no file for the platform with the required SHA-256. */
export type MissingArtifact =
  | UnreadyPlatform
  | { readonly name: string; readonly reason: 'no_files' | 'other_bytes' };

export type PublishResult =
  | { readonly kind: 'published' }
  | { readonly kind: 'not_found' }
  /** The app requires that somebody else asks for it than who uploaded it. */
  | { readonly kind: 'own_upload' }
  | WouldStrand
  | { readonly kind: 'incomplete'; readonly missing: readonly MissingArtifact[] };

/** Fields that are left out stay. */
export interface ReleaseChange extends RolloutChange, WatchChange {
  readonly by: Attribution;
  readonly notes?: string | null | undefined;
  /** Change the notes only of a draft that has none. */
  readonly onlyIfEmpty?: boolean | undefined;
  readonly status?: 'published' | 'yanked' | undefined;
  /** As `formatPublicKey` writes it. */
  readonly embeddedPubkey?: string | undefined;
  /** Whether that corrects a key that is recorded. */
  readonly replaceEmbedded?: boolean | undefined;
  /** Extension `policy`. */
  readonly mandatory?: boolean | undefined;
  readonly minimumSystem?: MinimumSystem | null | undefined;
  /** Yanked so that apps may go back. */
  readonly rolledBack?: boolean | undefined;
  readonly allowStranding?: boolean | undefined;
  /** The status that it must still have. */
  readonly onlyWhile?: ReleaseStatus | undefined;
}

export type UpdateResult =
  | { readonly kind: 'updated' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'other_status' }
  /** Its status was to change, and it is a draft. */
  | { readonly kind: 'draft' }
  /** Its build is known to carry another key. */
  | { readonly kind: 'other_key' }
  /** The app requires that somebody else offers it to more apps than who uploaded it. */
  | { readonly kind: 'own_upload' }
  | WouldStrand;

type Complete = Platform & Pick<CompleteFile, 'id' | 'sha256' | 'signingKeyId'>;

/**
 * Publishes a draft, for all its platforms in one transaction, unless it lacks something that it must have, or waits
 * for. A release that is published already stays so.
 */
export async function publishRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { required, expect, allowStranding = false, by }: PublishOptions,
): Promise<PublishResult> {
  return transact(db, async (transaction) => {
    const release = await findReleaseRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    const files = await readDraftFiles(transaction, releaseId, by.now);
    const missing = [
      ...lostFiles(release.status === 'draft' ? expect : undefined, files),
      ...missingFiles(required ?? [], files.complete),
      ...(release.status === 'draft' ? unready(expect ?? expectedBy(release), required, files) : []),
    ];
    if (files.complete.length === 0 && missing.length === 0) {
      return { kind: 'incomplete', missing: [{ name: 'any artifact', reason: 'no_files' }] };
    }
    if (missing.length > 0) return { kind: 'incomplete', missing: uniqueByName(missing) };
    if (release.status !== 'draft') return { kind: 'published' };
    if (await isOwnUpload(transaction, { release, complete: files.complete }, by))
      return { kind: 'own_upload' };
    const live = { release: allowed(release, allowStranding), complete: files.complete };
    const result = await goLive(transaction, live, by);
    if (result.kind === 'published') recordAudit(transaction, wentLive(live, by));
    return result;
  });
}

/** Whether an app requires somebody else for what the uploader of a release asks for. */
export async function isOwnUpload(
  transaction: Transaction<Schema>,
  { release, complete }: { readonly release: ReleasesTable; readonly complete: readonly CompleteFile[] },
  { actor }: Attribution,
): Promise<boolean> {
  // Each run of a job has a token of its own.
  const isOwn = actor.kind === 'identity' || makersOf(release, complete).includes(tokenIdOf(actor) ?? '');
  return isOwn && requiresApproval(transaction, release.app_id);
}

/** The tokens that a release was made with: that created it, changed it as a draft, or uploaded a file of it. */
function makersOf(
  { token_id, editor_ids }: ReleasesTable,
  complete: readonly Pick<CompleteFile, 'tokenId'>[],
): (string | null)[] {
  return [token_id, ...(editor_ids?.split(' ') ?? []), ...complete.map(({ tokenId }) => tokenId)];
}

/** @param expect what a draft goes live with, by the decision of a person: without others that are lost */
function lostFiles(expect: PublishOptions['expect'], { lost }: DraftFiles): MissingArtifact[] {
  const missed = lost.filter((file) => expect?.some((name) => namesPlatform(name, file)) ?? true);
  return missed.map((file) => ({ name: platformName(file), reason: 'lost' }));
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
 * that would strand versions stays a draft, and so does one that awaits approval, or that was made with a token which was
 * revoked since or may not publish.
 * @returns what is to be recorded of it; undefined when it did not
 */
export async function publishIfExpectedAreComplete(
  transaction: Transaction<Schema>,
  releaseId: string,
  by: Attribution,
): Promise<AuditEntry | undefined> {
  const release = await transaction
    .selectFrom('releases')
    .selectAll()
    .where('id', '=', releaseId)
    .executeTakeFirst();
  const expected = release?.status === 'draft' ? expectedBy(release) : null;
  if (release === undefined || expected === null || release.awaits_approval !== 0) return undefined;
  const files = await readDraftFiles(transaction, releaseId, by.now);
  if (unreadyPlatforms(expected, files).length > 0) return undefined;
  if (!(await mayGoLive(transaction, makersOf(release, files.complete), release.channel))) return undefined;
  const live = { release, complete: files.complete };
  if ((await goLive(transaction, live, by)).kind !== 'published') return undefined;
  const entry = wentLive(live, by);
  return { ...entry, details: { ...entry.details, by_itself: true, created_by: release.token_id } };
}

export interface ReadyDraftsOptions {
  readonly by: Attribution;
  readonly beforeEach: (releaseId: string) => Promise<void>;
}

/** Publishes the drafts that pending uploads held back until they expired: no further upload would publish them. */
export async function publishReadyDrafts(
  db: Kysely<Schema>,
  { by, beforeEach }: ReadyDraftsOptions,
): Promise<void> {
  const waiting = await db
    .selectFrom('releases')
    .select('id')
    .where('status', '=', sql.lit('draft'))
    .where('expect', 'is not', null)
    .execute();
  for (const { id } of waiting) {
    await beforeEach(id);
    await transact(db, async (transaction) => {
      const entry = await publishIfExpectedAreComplete(transaction, id, by);
      if (entry !== undefined) recordAudit(transaction, entry);
    }).catch((error) => {
      if (!(error instanceof Problem)) throw error; // it stays a draft, and the others have their turn
    });
  }
}

type LiveColumns = Pick<
  ReleasesTable,
  'app_id' | 'precedence' | 'version_order' | 'channel' | 'embedded_pubkey' | 'requires'
>;

/** A file that goes live, and whether it is a default of its platform from then on. */
export type ClosedFile = Complete & { readonly defaultKinds: DefaultKinds | null };

/**
 * Records the bytes that are live from now on: they never change. That was checked when each artifact was completed,
 * and no other release can have the version.
 * @param artifacts one at least
 */
export async function recordPublishedBytes(
  transaction: Transaction<Schema>,
  release: LiveColumns,
  artifacts: readonly ClosedFile[],
): Promise<void> {
  const { app_id, precedence, version_order, channel, embedded_pubkey } = release;
  await transaction
    .insertInto('published_bytes')
    .values(
      artifacts.map(({ sha256, signingKeyId, ...file }) => ({
        app_id,
        precedence,
        version_order,
        lane: knownLane({ ...file, channel, signingKeyId, embeddedPubkey: embedded_pubkey }),
        ...platformColumns(file),
        sha256,
        channel,
        signing_key_id: signingKeyId,
        embedded_pubkey,
        default_kinds: formatKinds(file.defaultKinds),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['app_id', 'precedence', 'target', 'arch', 'bundle_type']).doUpdateSet((eb) => ({
        sha256: eb.ref('excluded.sha256'),
        lane: eb.ref('excluded.lane'),
        channel: eb.ref('excluded.channel'),
        signing_key_id: eb.ref('excluded.signing_key_id'),
        embedded_pubkey: eb.ref('excluded.embedded_pubkey'),
        default_kinds: eb.ref('excluded.default_kinds'),
      })),
    )
    .execute();
  for (const { id, ...file } of artifacts) {
    const { channel, requires } = release;
    await transaction
      .updateTable('artifacts')
      .set({ default_kinds: formatKinds(file.defaultKinds), lane: fileLane({ ...file, channel, requires }) })
      .where('id', '=', id)
      .execute();
  }
  // Those of platforms that it had before it was deleted too: a version has one key.
  if (embedded_pubkey !== null) await recordEmbeddedKey(transaction, release, embedded_pubkey);
}

/**
 * Extensions `yank` and `key-routing`: changes a release, or nothing of it.
 * @throws Problem `limit_reached` for notes
 */
export async function updateRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  change: ReleaseChange,
): Promise<UpdateResult> {
  const { by, notes, status, embeddedPubkey, allowStranding = false, onlyIfEmpty = false } = change;
  return transact(db, async (transaction): Promise<UpdateResult> => {
    const release = await findReleaseRow(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    if (change.onlyWhile !== undefined && release.status !== change.onlyWhile)
      return { kind: 'other_status' };
    if (release.status === 'draft' && status !== undefined) return { kind: 'draft' };
    if (isOtherKey(release, change)) return { kind: 'other_key' };
    if (release.status !== 'draft' && mayOfferToMore(change)) {
      const complete = await listCompleteFiles(transaction, releaseId);
      if (await isOwnUpload(transaction, { release, complete }, by)) return { kind: 'own_upload' };
    }
    const isForLater = allowStranding && status === undefined && embeddedPubkey === undefined;
    const columns = {
      ...(status !== undefined && { status, rolled_back: status === 'yanked' && change.rolledBack ? 1 : 0 }),
      ...(change.mandatory !== undefined && { mandatory: change.mandatory ? 1 : 0 }),
      ...(change.minimumSystem !== undefined && { minimum_system: systemColumn(change.minimumSystem) }),
      ...(embeddedPubkey !== undefined && { embedded_pubkey: embeddedPubkey }),
      ...(isForLater && { allow_stranding: 1 }), // for files that it gets later
      ...(await rolloutColumns(transaction, release, { change, now: by.now })),
      ...(await watchColumns(transaction, release, change)),
    };
    const isChange = Object.keys(columns).length > 0;
    if (!isChange && notes === undefined) return { kind: 'updated' };
    const offerChanges = allowStranding ? [] : await offerChangesOf(transaction, release, change);
    const strandings = await strandedByChange(transaction, appId, ...offerChanges);
    if (strandings.length > 0) return { kind: 'would_strand', strandings };
    if (notes !== undefined) {
      const added = Buffer.byteLength(notes ?? '') - Buffer.byteLength(release.notes ?? '');
      await requireWithinLimits(transaction, appId, { notes_bytes: added });
      await changeNotes(transaction, releaseId, { notes, onlyIfEmpty });
    }
    const changed = { ...columns, ...editedBy(release, by) };
    if (Object.keys(changed).length > 0) {
      await setReleaseStatus(transaction, releaseId, { status: release.status, ...changed });
    }
    if (embeddedPubkey !== undefined) await recordEmbeddedKey(transaction, release, embeddedPubkey);
    if (isChange && status !== 'yanked') await requireFewLanes(transaction, appId);
    await raiseRevision(transaction, appId);
    const changes = differences(release, await findReleaseRow(transaction, { appId, releaseId }));
    if (Object.keys(changes).length > 0) {
      const details = { ...named(release), ...changes };
      const rows = [`release:${releaseId}`, bytesOf(release)] as const;
      recordAudit(transaction, { by, action: changeAction(release, change), appId, details, rows });
    }
    return { kind: 'updated' };
  });
}

/** Who changes a draft must not be the one who approves it. */
function editedBy(
  { status, token_id, editor_ids }: ReleasesTable,
  { actor }: Attribution,
): Partial<Pick<ReleasesTable, 'editor_ids'>> {
  const id = tokenIdOf(actor);
  const known = editor_ids?.split(' ') ?? [];
  if (status !== 'draft' || id === null || id === token_id || known.includes(id)) return {};
  return { editor_ids: [...known, id].join(' ') };
}

function mayOfferToMore({ rollout, paused }: ReleaseChange): boolean {
  return rollout !== undefined || paused === false;
}

function changeAction(before: ReleasesTable, { status, paused, rollout }: ReleaseChange): AuditAction {
  if (status === undefined || status === before.status) {
    if (paused !== undefined && paused !== (before.paused_at !== null))
      return paused ? 'release.paused' : 'release.resumed';
    return rollout === undefined ? 'release.edited' : 'release.rollout_set';
  }
  return status === 'yanked' ? 'release.yanked' : 'release.restored';
}

/** Each column that a change has changed, before and after. */
function differences(before: ReleasesTable, after: ReleasesTable = before): Record<string, unknown> {
  const columns = new Map<string, unknown>(Object.entries(after));
  const changed = Object.entries(before).filter(([column, value]) => columns.get(column) !== value);
  return Object.fromEntries(
    changed.map(([column, value]) => [column, { before: brief(value), after: brief(columns.get(column)) }]),
  );
}

/** How much of a text the audit log repeats; more of it by its hash. */
const MAX_TEXT = 200;

function brief(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= MAX_TEXT) return value;
  const sha256 = createHash('sha256').update(value).digest('hex');
  return `${value.slice(0, MAX_TEXT)}… (${value.length} characters, SHA-256 ${sha256})`;
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
  transaction: Transaction<Schema>,
  release: ReleasesTable,
  { status, embeddedPubkey }: ReleaseChange,
): Promise<OfferChange[]> {
  const changes: OfferChange[] = [];
  if (embeddedPubkey !== undefined && embeddedPubkey !== release.embedded_pubkey)
    changes.push({ kind: 'other_key', version: release.version, embeddedPubkey });
  if (status === undefined || status === release.status) return changes;
  if (status === 'yanked')
    return [...changes, { kind: 'withdraw', releaseId: release.id, version: release.version }];
  const live = { ...toRelease(release), embeddedPubkey: embeddedPubkey ?? release.embedded_pubkey };
  const artifacts = (await listCompleteFiles(transaction, release.id)).filter(({ isLost }) => !isLost);
  return [...changes, { kind: 'go_live', release: live, artifacts }];
}

async function recordEmbeddedKey(
  transaction: Transaction<Schema>,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
  embedded_pubkey: string,
): Promise<void> {
  const files = await transaction
    .selectFrom('published_bytes')
    .select(['target', 'arch', 'bundle_type', 'channel', 'signing_key_id', 'default_kinds'])
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .execute();
  for (const { channel, signing_key_id: signingKeyId, default_kinds, ...columns } of files) {
    const lane = knownLane({
      ...platformOf(columns),
      defaultKinds: parseKinds(default_kinds),
      channel,
      signingKeyId,
      embeddedPubkey: embedded_pubkey,
    });
    await transaction
      .updateTable('published_bytes')
      .set({ embedded_pubkey, lane })
      .where('app_id', '=', app_id)
      .where('precedence', '=', precedence)
      .where((eb) => eb.and(columns))
      .execute();
  }
}

async function changeNotes(
  transaction: Transaction<Schema>,
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

/** A release with the files that it goes live with. */
interface Live {
  readonly release: ReleasesTable;
  readonly complete: readonly Complete[];
}

function wentLive({ release, complete }: Live, by: Attribution): AuditEntry {
  const files = Object.fromEntries(complete.map((file) => [platformName(file), file.sha256]));
  return {
    by,
    action: 'release.published',
    appId: release.app_id,
    details: { ...named(release), channel: release.channel, files },
    rows: [`release:${release.id}`, bytesOf(release)],
  };
}

async function goLive(
  transaction: Transaction<Schema>,
  { release, complete }: Live,
  { now }: Attribution,
): Promise<{ readonly kind: 'published' } | WouldStrand> {
  const files = closeKinds(complete, await recordedKinds(transaction, release));
  if (release.allow_stranding === 0) {
    const change = { kind: 'go_live', release: toRelease(release), artifacts: files } as const;
    const strandings = await strandedByChange(transaction, release.app_id, change);
    if (strandings.length > 0) return { kind: 'would_strand', strandings };
  }
  await recordPublishedBytes(transaction, release, files);
  const pub_date = now.getTime();
  const held_until = heldUntil({ ...rolledOut(release), pubDate: pub_date });
  await setReleaseStatus(transaction, release.id, { status: 'published', pub_date, held_until });
  await requireFewLanes(transaction, release.app_id);
  await raiseRevision(transaction, release.app_id);
  return { kind: 'published' };
}

function allowed(release: ReleasesTable, allowStranding: boolean): ReleasesTable {
  return allowStranding ? { ...release, allow_stranding: 1 } : release;
}
