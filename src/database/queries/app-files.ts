import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { platformOf } from '../../protocol/platform.ts';
import { acceptedKeys } from '../../protocol/routing/accepted-keys.ts';
import type { ClosableFile } from '../../protocol/routing/default-kinds.ts';
import type { ChannelVersion, RoutedFile } from '../../protocol/routing/route-platforms.ts';
import {
  type AppFiles,
  findingStranded,
  type Stranding,
  withLiveFiles,
} from '../../protocol/routing/stranded-versions.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { inSlices } from '../../runtime/in-slices.ts';
import type { PublishedBytesTable, Queries } from '../schema.ts';
import { findApp } from './apps.ts';
import { parseKinds } from './default-kinds.ts';
import type { OfferCandidate } from './offers.ts';
import {
  type ChangedVersions,
  type KnownRow,
  knownLanes,
  type RoutedFiles,
  readAllFiles,
  readRoutedFiles,
} from './routed-files.ts';

/** What an artifact adds to a release that is live. */
export interface LiveArtifact extends ClosableFile {
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
  | { readonly kind: 'withdraw'; readonly releaseId: string; readonly version: string }
  | { readonly kind: 'other_key'; readonly version: string; readonly embeddedPubkey: string };

/** What versions would have no way to the highest release, so nothing was changed. */
export interface WouldStrand {
  readonly kind: 'would_strand';
  readonly strandings: readonly Stranding[];
}

/** The versions that were live, each once. */
export function knownVersions(known: readonly KnownRow[]): ChannelVersion[] {
  const byPrecedence = new Map<string, KnownRow>();
  for (const row of known) {
    const other = byPrecedence.get(row.precedence) ?? row;
    byPrecedence.set(row.precedence, {
      ...row,
      channel: [row.channel, other.channel].sort().at(-1) ?? row.channel,
      signing_key_id:
        [row.signing_key_id, other.signing_key_id].filter((id) => id !== null).sort()[0] ?? null,
      embedded_pubkey:
        [row.embedded_pubkey, other.embedded_pubkey]
          .filter((key) => key !== null)
          .sort()
          .at(-1) ?? null,
    });
  }
  return [...byPrecedence.values()].map(toChannelVersion);
}

/** The keys that uploads of an app with a public key may be signed with: its own first. */
export async function acceptedKeysOf(
  db: Queries,
  { appId, pubkey }: { readonly appId: string; readonly pubkey: string },
): Promise<string[]> {
  const handovers = (await knownLanes(db, appId)).map((lane) => ({
    signingKeyId: lane.signing_key_id,
    embeddedPubkey: lane.embedded_pubkey,
  }));
  return acceptedKeys(pubkey, handovers);
}

/** The same where only the app's id is known; empty for an app without a key. */
export async function keysAcceptedBy(db: Queries, appId: string): Promise<string[]> {
  const pubkey = (await findApp(db, appId))?.pubkey ?? null;
  return pubkey === null ? [] : acceptedKeysOf(db, { appId, pubkey });
}

/** The versions that changes would strand together. Belongs into the transaction that makes them. */
export async function strandedByChange(
  db: Queries,
  appId: string,
  ...changes: readonly OfferChange[]
): Promise<readonly Stranding[]> {
  if (changes.length === 0) return [];
  const deciding = await readRoutedFiles(db, appId, changedVersions(changes));
  const strandings = await strandedIn(deciding, changes);
  if (strandings.length === 0 || deciding.isAll) return strandings;
  return strandedIn(await readAllFiles(db, appId), changes); // the refusal names each version
}

/** The versions that changes are about. Pure. */
export function changedVersions(changes: readonly OfferChange[]): ChangedVersions {
  const releases = changes.flatMap((change) => (change.kind === 'go_live' ? [change.release] : []));
  return {
    versions: changes.map((change) => (change.kind === 'go_live' ? change.release.version : change.version)),
    requires: releases.map(({ requires }) => requires).filter((requires) => requires !== null),
  };
}

/** The versions that changes would strand, among those of the files. */
export function strandedIn(
  { live, known }: Pick<RoutedFiles, 'live' | 'known'>,
  changes: readonly OfferChange[],
): Promise<readonly Stranding[]> {
  const files = known.map((row) => ({
    ...toChannelVersion(row),
    ...platformOf(row),
    defaultKinds: parseKinds(row.default_kinds),
  }));
  const before: StoredAppFiles = { live, known: files };
  return inSlices(findingStranded(before, changes.reduce(afterChange, before)));
}

function afterChange(files: StoredAppFiles, change: OfferChange): StoredAppFiles {
  if (change.kind === 'go_live') return withRelease(files, change);
  return change.kind === 'withdraw' ? without(files, change) : withOtherKey(files, change);
}

interface StoredAppFiles extends AppFiles {
  readonly live: readonly (RoutedFile & Partial<Pick<OfferCandidate, 'releaseId'>>)[];
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
