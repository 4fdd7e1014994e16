import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { STABLE } from '../../protocol/channel.ts';
import { type PauseReason, watchOf } from '../../protocol/health/auto-pause.ts';
import type { JobIdentity, ReleaseProvenance } from '../../protocol/messages.ts';
import type { Platform } from '../../protocol/platform.ts';
import type { MinimumSystem } from '../../protocol/policy/minimum-system.ts';
import { heldUntil, type Rollout } from '../../protocol/rollout/rollout.ts';
import type { JobRun } from '../../protocol/upload/job-run.ts';
import { precedenceOf, versionOrder } from '../../protocol/version.ts';
import { type Attribution, tokenIdOf } from '../attribution.ts';
import type { Queries, ReleaseStatus, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { strandedByChange, type WouldStrand } from './app-files.ts';
import { requireChannel, requireWithinLimits } from './app-limits.ts';
import { raiseRevision, requiresApproval } from './apps.ts';
import { recordAudit } from './audit.ts';
import { bytesOf } from './audited-rows.ts';
import { forgetKinds } from './default-kinds.ts';
import { deleteArtifactsOf } from './delete-artifacts.ts';
import { requireFewRollouts } from './held-releases.ts';

export interface Release {
  readonly id: string;
  readonly appId: string;
  readonly version: string;
  readonly notes: string | null;
  readonly signature: string | null;
  readonly status: ReleaseStatus;
  readonly channel: string;
  /** Extension `key-routing`: as `ReleasesTable`. */
  readonly signingKeyId: string | null;
  readonly embeddedPubkey: string | null;
  readonly requires: string | null;
  readonly allowStranding: boolean;
  /** Names of the platforms that a draft goes live with; null when it waits for a request. */
  readonly expect: readonly string[] | null;
  /** The token that created it, where it was one. */
  readonly tokenId: string | null;
  /** Whether it goes live by a request only. */
  readonly awaitsApproval: boolean;
  /** The job that created it, if that is known. */
  readonly provenance: ReleaseProvenance | null;
  /** Milliseconds since 1970, as is `createdAt`. */
  readonly pubDate: number;
  readonly createdAt: number;
  /** Extension `rollout`, as in `RolledOut`. */
  readonly rollout: Rollout | null;
  readonly pausedAt: number | null;
  /** Why the server has paused it; null where it has not. */
  readonly pauseReason: PauseReason | null;
  /** Whether the server may pause it. */
  readonly isWatched: boolean;
  /** Extension `policy`, as in `ReleasesTable`. */
  readonly mandatory: boolean;
  readonly rolledBack: boolean;
  readonly minimumSystem: MinimumSystem | null;
}

/** An artifact with bytes that were stored and verified, and are served unless they were lost since. */
export interface CompleteArtifact extends Platform {
  /** Bytes. */
  readonly fileSize: number;
  readonly sha256: string;
  readonly signature: string | null;
  readonly signingKeyId: string | null;
  /** Whether its bytes are lost in the storage. */
  readonly isLost: boolean;
  /** Extension `close`: whether apps get it only if they ask for its bundle type. */
  readonly isOnlyByType: boolean;
  /** The job that uploaded it, if it said so. */
  readonly run: JobRun | undefined;
  readonly fileName: string | null;
}

export interface ReleaseKey {
  readonly appId: string;
  readonly releaseId: string;
}

export interface NewRelease {
  readonly appId: string;
  readonly version: string;
  readonly notes: string | null;
  readonly signature: string | null;
  readonly draft?: boolean;
  readonly expect?: readonly string[] | null;
  /** `stable` when left out. */
  readonly channel?: string;
  readonly signingKeyId?: string | null;
  /** As `formatPublicKey` writes it. */
  readonly embeddedPubkey?: string | null;
  readonly requires?: string | null;
  readonly allowStranding?: boolean;
  /** The job that creates it, if it is one. */
  readonly job?: JobIdentity | undefined;
  /** Whether a version that was live and deleted may have builds that carry another key. */
  readonly allowVersionReuse?: boolean;
  readonly rollout?: Rollout | null;
  readonly mandatory?: boolean;
  readonly minimumSystem?: MinimumSystem | null;
}

/**
 * A version that was live and deleted has the same bytes again, so its builds carry the same key: it is taken over where
 * the new release does not say it. Where the app requires approval it is a draft.
 * @returns the release; `version_taken` when the app has a version of equal precedence, `other_key` when it had one with
 *   builds that carry another key
 * @throws Problem `limit_reached`
 */
export async function createRelease(
  db: Kysely<Schema>,
  release: NewRelease,
  by: Attribution,
): Promise<Release | 'version_taken' | 'other_key'> {
  return transact(db, async (transaction) => {
    const { embeddedPubkey: given = null, allowVersionReuse = false } = release;
    const recorded = allowVersionReuse ? null : await recordedKey(transaction, release);
    const awaitsApproval = await requiresApproval(transaction, release.appId);
    const row = toRow({ ...release, embeddedPubkey: given ?? recorded, awaitsApproval }, by);
    if (await isTaken(transaction, row)) return 'version_taken';
    if (recorded !== null && row.embedded_pubkey !== recorded) return 'other_key';
    await requireWithinLimits(transaction, row.app_id, {
      releases: (await wasLive(transaction, row)) ? 0 : 1, // it counts since then
      drafts: row.status === 'draft' ? 1 : 0,
      notes_bytes: Buffer.byteLength((row.notes ?? '') + (row.signature ?? '')),
    });
    await requireChannel(transaction, row.app_id, row.channel);
    if (row.rollout !== null) await requireFewRollouts(transaction, row, by.now);
    await transaction.insertInto('releases').values(row).execute();
    if (allowVersionReuse) await forgetKinds(transaction, row);
    recordAudit(transaction, {
      by,
      action: 'release.created',
      appId: row.app_id,
      details: {
        ...named(row),
        ...{ status: row.status, channel: row.channel, expect: row.expect },
        ...(row.rollout !== null && { rollout: row.rollout }),
      },
      rows: [`release:${row.id}`, ...(allowVersionReuse ? [bytesOf(row)] : [])],
    });
    return toRelease(row);
  });
}

/** The key that the builds of a version carry which was live, if it is known. */
async function recordedKey(
  db: Queries,
  { appId, version }: Pick<NewRelease, 'appId' | 'version'>,
): Promise<string | null> {
  const row = await db
    .selectFrom('published_bytes')
    .select('embedded_pubkey')
    .where('app_id', '=', appId)
    .where('precedence', '=', precedenceOf(version))
    .where('embedded_pubkey', 'is not', null)
    .executeTakeFirst();
  return row?.embedded_pubkey ?? null;
}

/** The app's version of equal precedence, as it was given: perhaps with other build metadata. */
export async function findVersion(
  db: Queries,
  { appId, version }: Pick<NewRelease, 'appId' | 'version'>,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('releases')
    .select('version')
    .where('app_id', '=', appId)
    .where('precedence', '=', precedenceOf(version))
    .executeTakeFirst();
  return row?.version;
}

/** Whether a version of equal precedence is live, or was before it was deleted. */
export async function wasEverLive(
  db: Queries,
  { appId, version }: Pick<Release, 'appId' | 'version'>,
): Promise<boolean> {
  return wasLive(db, { app_id: appId, precedence: precedenceOf(version) });
}

async function wasLive(
  db: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
): Promise<boolean> {
  const row = await db
    .selectFrom('published_bytes')
    .select('app_id')
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .executeTakeFirst();
  return row !== undefined;
}

async function isTaken(
  db: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
): Promise<boolean> {
  const row = await db
    .selectFrom('releases')
    .select('id')
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .executeTakeFirst();
  return row !== undefined;
}

function toRow(
  {
    draft = false,
    expect = null,
    channel = STABLE,
    awaitsApproval,
    ...release
  }: NewRelease & { readonly awaitsApproval: boolean },
  { now, actor }: Attribution,
): ReleasesTable {
  const { appId, version, notes, signature } = release;
  return {
    id: randomUUID(),
    app_id: appId,
    version,
    precedence: precedenceOf(version),
    version_order: versionOrder(version),
    notes,
    signature,
    status: draft || expect !== null || awaitsApproval ? 'draft' : 'published',
    channel,
    signing_key_id: release.signingKeyId ?? null,
    embedded_pubkey: release.embeddedPubkey ?? null,
    requires: release.requires ?? null,
    allow_stranding: release.allowStranding ? 1 : 0,
    expect: expect?.join(' ') ?? null,
    token_id: tokenIdOf(actor),
    editor_ids: null,
    awaits_approval: awaitsApproval ? 1 : 0,
    provenance: release.job === undefined ? null : JSON.stringify(release.job),
    pub_date: now.getTime(),
    created_at: now.getTime(),
    rollout: release.rollout == null ? null : JSON.stringify(release.rollout),
    paused_at: null,
    pause_reason: null,
    watch: null,
    mandatory: release.mandatory ? 1 : 0,
    rolled_back: 0,
    minimum_system: systemColumn(release.minimumSystem ?? null),
    held_until: heldUntil({ rollout: release.rollout ?? null, pausedAt: null, pubDate: now.getTime() }),
  };
}

export function systemColumn(minimum: MinimumSystem | null): string | null {
  return minimum === null || Object.keys(minimum).length === 0 ? null : JSON.stringify(minimum);
}

/**
 * Records that files of a release are not all of the commit that it was created for.
 * @param job that adds a file; undefined: it is added with a stored token
 */
export async function recordContributor(
  db: Kysely<Schema>,
  { id, appId, version, provenance }: Pick<Release, 'id' | 'appId' | 'version' | 'provenance'>,
  { job, by }: { readonly job: JobIdentity | undefined; readonly by: Attribution },
): Promise<void> {
  if (provenance === null || provenance.mixed) return;
  const keys = ['issuer', 'repository_id', 'commit'] as const;
  if (keys.every((key) => job?.[key] === provenance[key])) return;
  const mixed: ReleaseProvenance = { ...provenance, mixed: true };
  await transact(db, async (transaction) => {
    await transaction
      .updateTable('releases')
      .set({ provenance: JSON.stringify(mixed) })
      .where('id', '=', id)
      .execute();
    const details = { ...named({ id, version }), mixed_provenance: true };
    recordAudit(transaction, { by, action: 'release.edited', appId, details, rows: [`release:${id}`] });
  });
}

/** Changes whether a release is offered, with its files. Belongs into each transaction that changes it. */
export async function setReleaseStatus(
  transaction: Transaction<Schema>,
  releaseId: string,
  change: Pick<ReleasesTable, 'status'> & Partial<ReleasesTable>,
): Promise<void> {
  await transaction.updateTable('releases').set(change).where('id', '=', releaseId).execute();
  await transaction
    .updateTable('artifacts')
    .set({ released: change.status === 'published' ? 1 : 0 })
    .where('release_id', '=', releaseId)
    .execute();
}

export async function findRelease(db: Queries, key: ReleaseKey): Promise<Release | undefined> {
  const row = await findReleaseRow(db, key);
  return row && toRelease(row);
}

export async function findReleaseRow(
  db: Queries,
  { appId, releaseId }: ReleaseKey,
): Promise<ReleasesTable | undefined> {
  return db
    .selectFrom('releases')
    .selectAll()
    .where('app_id', '=', appId)
    .where('id', '=', releaseId)
    .executeTakeFirst();
}

/** How the audit log names a release. */
export function named({ id, version }: Pick<ReleasesTable, 'id' | 'version'>) {
  return { version, release_id: id };
}

export interface DeleteOptions {
  readonly by: Attribution;
  /** Deletes it only if it has exactly this number of complete artifacts. */
  readonly onlyWithArtifacts?: number | undefined;
  readonly allowStranding?: boolean;
}

export type DeleteResult =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'not_found' }
  /** It has another number of artifacts than required. */
  | { readonly kind: 'other_artifacts' }
  | WouldStrand;

/**
 * api.md, "Delete a Release": invisible at once, in one transaction. Its artifacts become `deleting`, and their bytes
 * are removed afterwards; its pending uploads are forgotten.
 */
export async function deleteRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { by, onlyWithArtifacts, allowStranding = false }: DeleteOptions,
): Promise<DeleteResult> {
  return transact(db, async (transaction): Promise<DeleteResult> => {
    const release = await findRelease(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    if (onlyWithArtifacts !== undefined) {
      if ((await countComplete(transaction, releaseId)) !== onlyWithArtifacts)
        return { kind: 'other_artifacts' };
    }
    if (!allowStranding && release.status === 'published') {
      const strandings = await strandedByChange(transaction, appId, {
        kind: 'withdraw',
        releaseId,
        version: release.version,
      });
      if (strandings.length > 0) return { kind: 'would_strand', strandings };
    }
    await deleteArtifactsOf(transaction, [releaseId]);
    await transaction.deleteFrom('releases').where('id', '=', releaseId).execute();
    await raiseRevision(transaction, appId);
    const details = { ...named(release), status: release.status, channel: release.channel };
    const rows = [`release:${releaseId}`] as const;
    recordAudit(transaction, { by, action: 'release.deleted', appId, details, rows });
    return { kind: 'deleted' };
  });
}

async function countComplete(db: Queries, releaseId: string): Promise<number> {
  const row = await db
    .selectFrom('artifacts')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('release_id', '=', releaseId)
    .where('status', '=', 'complete')
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

export function toRelease(row: ReleasesTable): Release {
  return {
    id: row.id,
    appId: row.app_id,
    version: row.version,
    notes: row.notes,
    signature: row.signature,
    status: row.status,
    channel: row.channel,
    signingKeyId: row.signing_key_id,
    embeddedPubkey: row.embedded_pubkey,
    requires: row.requires,
    allowStranding: row.allow_stranding !== 0,
    expect: row.expect?.split(' ') ?? null,
    tokenId: row.token_id,
    awaitsApproval: row.awaits_approval !== 0,
    provenance: row.provenance === null ? null : JSON.parse(row.provenance),
    pubDate: row.pub_date,
    createdAt: row.created_at,
    rollout: row.rollout === null ? null : JSON.parse(row.rollout),
    pausedAt: row.paused_at,
    pauseReason: row.pause_reason === null ? null : JSON.parse(row.pause_reason),
    isWatched: watchOf(row.watch).off !== true,
    mandatory: row.mandatory !== 0,
    rolledBack: row.rolled_back !== 0,
    minimumSystem: row.minimum_system === null ? null : JSON.parse(row.minimum_system),
  };
}
