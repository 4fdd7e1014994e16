import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import type { KeyHandover } from '../../protocol/routing/accepted-keys.ts';
import type { ChannelVersion } from '../../protocol/routing/route-platforms.ts';
import { type AppFiles, type Stranding, strandedVersions } from '../../protocol/routing/stranded-versions.ts';
import type { PublishedBytesTable, Queries } from '../schema.ts';
import { type OfferCandidate, offerCandidates } from './offers.ts';

/** What an artifact adds to a release that is live. */
export interface LiveArtifact extends Platform {
  readonly signingKeyId: string | null;
}

/** What a release says about the way of its apps. */
export interface LiveRelease {
  readonly version: string;
  readonly channel: string;
  readonly embeddedPubkey: string | null;
  readonly requires: string | null;
}

/** A change of what is offered: artifacts that go live with their release, or a release that is withdrawn. */
export type OfferChange =
  | {
      readonly kind: 'go_live';
      readonly release: LiveRelease;
      readonly artifacts: readonly LiveArtifact[];
    }
  | { readonly kind: 'withdraw'; readonly releaseId: string };

/** What versions would have no way to the highest release, so nothing was changed. */
export interface WouldStrand {
  readonly kind: 'would_strand';
  readonly strandings: readonly Stranding[];
}

/** Every version that was ever live, without repetition. */
export async function knownVersions(db: Queries, appId: string): Promise<ChannelVersion[]> {
  const rows = await db
    .selectFrom('published_bytes')
    .select((eb) => [
      'precedence',
      eb.fn.max('channel').as('channel'),
      eb.fn.min('signing_key_id').as('signing_key_id'),
      eb.fn.max('embedded_pubkey').as('embedded_pubkey'),
    ])
    .where('app_id', '=', appId)
    .groupBy('precedence')
    .execute();
  return rows.map(toChannelVersion);
}

/** The keys that versions were signed with and their builds carry, of all that were ever live. */
export async function keyHandovers(db: Queries, appId: string): Promise<KeyHandover[]> {
  const rows = await db
    .selectFrom('published_bytes')
    .select(['signing_key_id', 'embedded_pubkey'])
    .distinct()
    .where('app_id', '=', appId)
    .where('embedded_pubkey', 'is not', null)
    .execute();
  return rows.map((row) => ({ signingKeyId: row.signing_key_id, embeddedPubkey: row.embedded_pubkey }));
}

/** The versions that a change would strand. Belongs into the transaction that makes it. */
export async function strandedByChange(
  db: Queries,
  appId: string,
  change: OfferChange,
): Promise<readonly Stranding[]> {
  const before = await readAppFiles(db, appId);
  return strandedVersions(
    before,
    change.kind === 'go_live' ? withRelease(before, change) : without(before, change),
  );
}

interface StoredAppFiles extends AppFiles {
  readonly live: readonly OfferCandidate[];
}

async function readAppFiles(db: Queries, appId: string): Promise<StoredAppFiles> {
  const rows = await db
    .selectFrom('published_bytes')
    .select(['precedence', 'channel', 'target', 'arch', 'bundle_type', 'signing_key_id', 'embedded_pubkey'])
    .where('app_id', '=', appId)
    .execute();
  const known = rows.map((row) => ({ ...toChannelVersion(row), ...platformOf(row) }));
  return { live: await offerCandidates(db, appId), known };
}

function withRelease(
  { live, known }: AppFiles,
  { release, artifacts }: Extract<OfferChange, { kind: 'go_live' }>,
): AppFiles {
  const { version, channel } = release;
  const requires = release.requires ?? undefined;
  const embeddedKeyId = publicKeyIdOf(release.embeddedPubkey);
  const files = artifacts.map(({ signingKeyId, ...platform }) => ({
    ...platform,
    version,
    channel,
    signingKeyId: signingKeyId ?? undefined,
  }));
  return {
    live: [...live, ...files.map((file) => ({ ...file, requires }))],
    known: [...known, ...files.map((file) => ({ ...file, embeddedKeyId }))],
  };
}

function without(
  { live, known }: StoredAppFiles,
  { releaseId }: Extract<OfferChange, { kind: 'withdraw' }>,
): AppFiles {
  return { live: live.filter((file) => file.releaseId !== releaseId), known };
}

function toChannelVersion({
  precedence,
  channel,
  signing_key_id,
  embedded_pubkey,
}: Pick<
  PublishedBytesTable,
  'precedence' | 'channel' | 'signing_key_id' | 'embedded_pubkey'
>): ChannelVersion {
  return {
    version: precedence,
    channel,
    signingKeyId: signing_key_id ?? undefined,
    embeddedKeyId: publicKeyIdOf(embedded_pubkey),
  };
}
