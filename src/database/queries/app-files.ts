import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import { acceptedKeys } from '../../protocol/routing/accepted-keys.ts';
import type { ChannelVersion, RoutedFile } from '../../protocol/routing/route-platforms.ts';
import {
  type AppFiles,
  type Stranding,
  strandedVersions,
  withLiveFiles,
} from '../../protocol/routing/stranded-versions.ts';
import { precedenceOf } from '../../protocol/version.ts';
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

/**
 * A change of what is offered: artifacts that go live with their release, a release that is withdrawn, or a version with
 * builds that turn out to carry another key than was known.
 */
export type OfferChange =
  | {
      readonly kind: 'go_live';
      readonly release: LiveRelease;
      readonly artifacts: readonly LiveArtifact[];
    }
  | { readonly kind: 'withdraw'; readonly releaseId: string }
  | { readonly kind: 'other_key'; readonly version: string; readonly embeddedPubkey: string };

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

/** The keys that uploads of an app with a public key may be signed with: its own first. */
export async function acceptedKeysOf(
  db: Queries,
  { appId, pubkey }: { readonly appId: string; readonly pubkey: string },
): Promise<string[]> {
  const rows = await db
    .selectFrom('published_bytes')
    .select(['signing_key_id', 'embedded_pubkey'])
    .distinct()
    .where('app_id', '=', appId)
    .where('embedded_pubkey', 'is not', null)
    .execute();
  const handovers = rows.map((row) => ({
    signingKeyId: row.signing_key_id,
    embeddedPubkey: row.embedded_pubkey,
  }));
  return acceptedKeys(pubkey, handovers);
}

/** The versions that changes would strand together. Belongs into the transaction that makes them. */
export async function strandedByChange(
  db: Queries,
  appId: string,
  ...changes: readonly OfferChange[]
): Promise<readonly Stranding[]> {
  if (changes.length === 0) return [];
  const before = await readAppFiles(db, appId);
  return strandedVersions(before, changes.reduce(afterChange, before));
}

function afterChange(files: StoredAppFiles, change: OfferChange): StoredAppFiles {
  if (change.kind === 'go_live') return withRelease(files, change);
  return change.kind === 'withdraw' ? without(files, change) : withOtherKey(files, change);
}

interface StoredAppFiles extends AppFiles {
  readonly live: readonly (RoutedFile & Partial<Pick<OfferCandidate, 'releaseId'>>)[];
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
  files: StoredAppFiles,
  { release, artifacts }: Extract<OfferChange, { kind: 'go_live' }>,
): StoredAppFiles {
  return withLiveFiles(files, {
    version: release.version,
    channel: release.channel,
    requires: release.requires ?? undefined,
    embeddedKeyId: publicKeyIdOf(release.embeddedPubkey),
    files: artifacts.map(({ signingKeyId, ...platform }) => ({
      ...platform,
      signingKeyId: signingKeyId ?? undefined,
    })),
  });
}

function without(
  { live, known }: StoredAppFiles,
  { releaseId }: Extract<OfferChange, { kind: 'withdraw' }>,
): StoredAppFiles {
  return { live: live.filter((file) => file.releaseId !== releaseId), known };
}

function withOtherKey(
  { live, known }: StoredAppFiles,
  { version, embeddedPubkey }: Extract<OfferChange, { kind: 'other_key' }>,
): StoredAppFiles {
  const embeddedKeyId = publicKeyIdOf(embeddedPubkey);
  const isMeant = (file: ChannelVersion) => precedenceOf(file.version) === precedenceOf(version);
  return { live, known: known.map((file) => (isMeant(file) ? { ...file, embeddedKeyId } : file)) };
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
