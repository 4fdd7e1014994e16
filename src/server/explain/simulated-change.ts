import { afterChange, type HeldVersion } from '../../database/queries/held-releases.ts';
import type { ListedRelease } from '../../database/queries/list-releases.ts';
import type { OfferCandidate } from '../../database/queries/offers.ts';
import type { ReleaseStatus } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { SimulateRequest } from '../../protocol/messages.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import { cohortOrder } from '../../protocol/rollout/cohort.ts';
import { heldUntil, type RequestedRollout, type RolledOut } from '../../protocol/rollout/rollout.ts';
import { closeKinds, type RecordedKinds } from '../../protocol/routing/default-kinds.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { Offering } from '../update-check/app-answers.ts';

/** A change that is thought of. */
export interface SimulatedChange extends Omit<SimulateRequest, 'rollout'> {
  readonly rollout?: RequestedRollout | null | undefined;
}

export interface ChangedRelease {
  /** As it is; undefined for one that the app has not. */
  readonly release: ListedRelease | undefined;
  /** What is recorded of its version's files, where it was live before. */
  readonly recorded: RecordedKinds;
  readonly change: SimulatedChange;
}

/** The release as it would be. */
interface AfterChange {
  readonly id: string;
  readonly version: string;
  readonly channel: string;
  readonly requires: string | undefined;
  readonly isLive: boolean;
}

/** What would decide the answers to an app's checks after a change. Pure. */
export function offeringAfter(offering: Offering, changed: ChangedRelease): Offering {
  const { release, change } = changed;
  const after = releaseAfter(changed);
  const files = after.isLive ? filesAfter(after, changed) : [];
  const isOther = ({ version }: { readonly version: string }) =>
    precedenceOf(version) !== precedenceOf(change.version);
  const held = heldAfter(after, changed, offering.now);
  const isMandatory = change.mandatory ?? release?.mandatory ?? false;
  const { policy } = offering;
  const marked = isMandatory && after.isLive ? [{ version: after.version, channel: after.channel }] : [];
  return {
    ...offering,
    live: [...offering.live.filter(({ releaseId }) => releaseId !== after.id), ...files],
    versions: versionsAfter(offering.versions, { files, changed, after }),
    held: [...offering.held.filter(({ id }) => id !== after.id), ...held],
    policy: { ...policy, mandatory: [...policy.mandatory.filter(isOther), ...marked] },
  };
}

/** A live release without a status stays live, and a draft goes live. */
function statusAfter({ release, change }: ChangedRelease): ReleaseStatus | 'deleted' {
  if (change.status !== undefined) return change.status;
  return release?.status === 'yanked' ? 'yanked' : 'published';
}

function releaseAfter(changed: ChangedRelease): AfterChange {
  const { release, change } = changed;
  const { requires = release?.requires ?? null } = change;
  return {
    id: release?.id ?? `simulated ${change.version}`,
    version: release?.version ?? change.version,
    channel: change.channel ?? release?.channel ?? STABLE,
    requires: requires ?? undefined,
    isLive: statusAfter(changed) === 'published',
  };
}

function filesAfter(
  { id, version, channel, requires }: AfterChange,
  { release, change, recorded }: ChangedRelease,
): OfferCandidate[] {
  const own = (release?.artifacts ?? []).filter(({ isLost }) => !isLost);
  const stored = own.map(({ target, arch, bundleType, signingKeyId }) => ({
    ...platformOf({ target, arch, bundle_type: bundleType ?? null }),
    signingKeyId: signingKeyId ?? undefined,
  }));
  const added = (change.artifacts ?? []).map(({ signing_key_id, ...platform }) => ({
    ...platformOf(platform),
    signingKeyId: signing_key_id ?? undefined,
  }));
  const files = new Map([...stored, ...added].map((file) => [platformName(file), file]));
  return closeKinds<Platform & { readonly signingKeyId: string | undefined }>(
    [...files.values()],
    recorded,
  ).map((file) => ({
    ...file,
    artifactId: `${id} ${platformName(file)}`,
    releaseId: id,
    ...{ version, channel, requires },
  }));
}

interface VersionsChange {
  readonly files: readonly OfferCandidate[];
  readonly changed: ChangedRelease;
  readonly after: AfterChange;
}

/** Apps that have a version which was live keep it. One that is moved counts as a version of all channels. */
function versionsAfter(
  versions: Offering['versions'],
  { files, changed: { release, change }, after }: VersionsChange,
): Offering['versions'] {
  const precedence = precedenceOf(after.version);
  const known = versions.find(({ version }) => version === precedence);
  if (known === undefined && files.length === 0) return versions;
  const given = publicKeyIdOf(change.embedded_pubkey ?? release?.embeddedPubkey);
  const isMoved = known !== undefined && change.channel !== undefined && change.channel !== release?.channel;
  const version = {
    version: precedence,
    channel: isMoved ? STABLE : (known?.channel ?? after.channel),
    signingKeyId: known?.signingKeyId ?? files.map(({ signingKeyId }) => signingKeyId).sort()[0],
    embeddedKeyId: given ?? known?.embeddedKeyId,
  };
  return [...versions.filter((one) => one !== known), version];
}

function heldAfter(
  { id, version, isLive }: AfterChange,
  { release, change: { rollout, paused, channel } }: ChangedRelease,
  now: number,
): HeldVersion[] {
  if (!isLive) return [];
  const wasLive = release !== undefined && release.status !== 'draft';
  const before: RolledOut = {
    id,
    rollout: release?.rollout ?? null,
    pausedAt: release?.pausedAt ?? null,
    pubDate: wasLive ? release.pubDate : now,
  };
  const isNewThere = wasLive && channel !== undefined && channel !== release.channel;
  const change = { rollout, paused, isNewThere };
  const rolledOut = afterChange(before, { change, isLive: wasLive, now: new Date(now) });
  return heldUntil(rolledOut) > now ? [{ ...rolledOut, version, order: cohortOrder(id) }] : [];
}
