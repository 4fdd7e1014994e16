import type { Kysely, Transaction } from 'kysely';
import { STABLE } from '../../protocol/channel.ts';
import { platformOf } from '../../protocol/platform.ts';
import type { RequestedRollout } from '../../protocol/rollout/rollout.ts';
import type { Attribution } from '../attribution.ts';
import type { ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { strandedByChange, type WouldStrand } from './app-files.ts';
import { requireChannel, requireFewLanes } from './app-limits.ts';
import { raiseRevision } from './apps.ts';
import { recordAudit } from './audit.ts';
import { bytesOf } from './audited-rows.ts';
import { parseKinds } from './default-kinds.ts';
import { rolloutColumns } from './held-releases.ts';
import { fileLane, knownLane } from './lanes.ts';
import { isOwnUpload } from './publish-release.ts';
import { listCompleteFiles } from './release-files.ts';
import { findReleaseRow, named, type ReleaseKey, toRelease } from './releases.ts';
import {
  isManifestOutdated,
  type NewStatement,
  type StoreStatementResult,
  storeStatementIn,
} from './statements.ts';

export interface Promotion {
  readonly by: Attribution;
  /** The channel that it is moved to. */
  readonly channel: string;
  /** The channel that the request was allowed for. */
  readonly onlyFrom: string;
  /** Null for everyone; undefined: as it is. */
  readonly rollout?: RequestedRollout | null | undefined;
  readonly allowStranding: boolean;
  /** Statements that name the new channel. */
  readonly manifest: readonly NewStatement[];
  /** Whether its manifest may name the old channel from then on. */
  readonly allowOutdatedManifest: boolean;
  /** Whether a manifest is signed with a key that the app's files may be signed with. */
  readonly isAccepted: NewStatement['isAccepted'];
}

export type PromotionResult =
  | { readonly kind: 'promoted' }
  | { readonly kind: 'not_found' }
  /** It is a draft, or was yanked. */
  | { readonly kind: 'not_live' }
  /** Another request has moved it. */
  | { readonly kind: 'other_channel' }
  /** The app requires approval by somebody else than who uploaded it. */
  | { readonly kind: 'own_upload' }
  | { readonly kind: 'outdated_manifest' }
  | {
      readonly kind: 'statement_refused';
      readonly reason: Exclude<StoreStatementResult, 'stored' | 'unchanged'>;
    }
  | WouldStrand;

/** Rolls the transaction back. */
class Refused extends Error {
  readonly result: PromotionResult;

  constructor(result: PromotionResult) {
    super(result.kind);
    this.result = result;
  }
}

/**
 * Extension `promote`: moves a live release to another channel, with its manifest, or changes nothing. What each platform
 * is answered with stays as it is; only who is offered it changes.
 * @throws Problem `limit_reached`
 */
export async function promoteRelease(
  db: Kysely<Schema>,
  key: ReleaseKey,
  promotion: Promotion,
): Promise<PromotionResult> {
  try {
    return await transact(db, (transaction) => promoteIn(transaction, key, promotion));
  } catch (error) {
    if (error instanceof Refused) return error.result;
    throw error;
  }
}

async function promoteIn(
  transaction: Transaction<Schema>,
  key: ReleaseKey,
  promotion: Promotion,
): Promise<PromotionResult> {
  const { by, channel, rollout, allowStranding, manifest, isAccepted } = promotion;
  const release = await findReleaseRow(transaction, key);
  if (release === undefined) return { kind: 'not_found' };
  if (release.channel !== promotion.onlyFrom) return { kind: 'other_channel' };
  if (release.status !== 'published') return { kind: 'not_live' };
  const complete = await listCompleteFiles(transaction, release.id);
  if (await isOwnUpload(transaction, { release, complete }, by)) return { kind: 'own_upload' };
  const isMove = channel !== release.channel;
  if (isMove && !allowStranding) {
    const { id: releaseId, version } = release;
    const moved = { ...toRelease(release), channel };
    const artifacts = complete.filter(({ isLost }) => !isLost);
    const strandings = await strandedByChange(
      transaction,
      release.app_id,
      { kind: 'withdraw', releaseId, version },
      { kind: 'go_live', release: moved, artifacts },
    );
    if (strandings.length > 0) return { kind: 'would_strand', strandings };
  }
  if (isMove) await requireChannel(transaction, release.app_id, channel);
  const change = { rollout, isNewThere: isMove };
  const columns = {
    ...(isMove && { channel }),
    ...(await rolloutColumns(transaction, release, { change, now: by.now })),
  };
  if (Object.keys(columns).length > 0) {
    await transaction.updateTable('releases').set(columns).where('id', '=', release.id).execute();
    if (isMove) await moveLanes(transaction, { ...release, channel });
    await requireFewLanes(transaction, release.app_id);
    await raiseRevision(transaction, release.app_id);
    const details = {
      ...named(release),
      channel: { before: release.channel, after: channel },
      ...(rollout !== undefined && { rollout: { before: release.rollout, after: columns.rollout ?? null } }),
    };
    const rows = [`release:${release.id}`, bytesOf(release)] as const;
    recordAudit(transaction, { by, action: 'release.promoted', appId: release.app_id, details, rows });
  }
  for (const statement of manifest) {
    const reason = await storeStatementIn(transaction, statement, by);
    if (reason !== 'stored' && reason !== 'unchanged')
      throw new Refused({ kind: 'statement_refused', reason });
  }
  if (
    !promotion.allowOutdatedManifest &&
    (await isManifestOutdated(transaction, { release, channel, isAccepted }))
  )
    throw new Refused({ kind: 'outdated_manifest' });
  return { kind: 'promoted' };
}

/** What says in which channel its files are, besides the release. */
async function moveLanes(transaction: Transaction<Schema>, release: ReleasesTable): Promise<void> {
  const { id, app_id, precedence, channel, requires } = release;
  const files = await transaction
    .selectFrom('artifacts')
    .select(['id', 'target', 'arch', 'bundle_type', 'signing_key_id', 'status', 'default_kinds'])
    .where('release_id', '=', id)
    .execute();
  for (const file of files) {
    const defaultKinds = file.status === 'complete' ? parseKinds(file.default_kinds) : undefined;
    const lane = fileLane({
      ...platformOf(file),
      signingKeyId: file.signing_key_id,
      channel,
      requires,
      defaultKinds,
    });
    await transaction.updateTable('artifacts').set({ lane }).where('id', '=', file.id).execute();
  }
  const known = await transaction
    .selectFrom('published_bytes')
    .select(['target', 'arch', 'bundle_type', 'signing_key_id', 'embedded_pubkey', 'default_kinds'])
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .execute();
  for (const { signing_key_id, embedded_pubkey, default_kinds, ...columns } of known) {
    const lane = knownLane({
      ...platformOf(columns),
      channel: STABLE, // apps of several channels have it from now on: it counts as a version of all
      signingKeyId: signing_key_id,
      embeddedPubkey: embedded_pubkey,
      defaultKinds: parseKinds(default_kinds),
    });
    await transaction
      .updateTable('published_bytes')
      .set({ channel: STABLE, lane })
      .where('app_id', '=', app_id)
      .where('precedence', '=', precedence)
      .where((eb) => eb.and(columns))
      .execute();
  }
}
