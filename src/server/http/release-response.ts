import type { CompleteArtifact, Release } from '../../database/queries/releases.ts';
import type { PauseReason } from '../../protocol/health/auto-pause.ts';
import type { PauseReasonResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { rolloutState, shareAt } from '../../protocol/rollout/rollout.ts';
import { formatTimestamp } from '../../protocol/time.ts';

/** api.md, "Create a Release", response. */
export function toResponse({ id, version, notes, signature, pubDate, createdAt }: Release): ReleaseResponse {
  return {
    id,
    version,
    notes,
    signature,
    pub_date: formatTimestamp(pubDate),
    created_at: formatTimestamp(createdAt),
  };
}

/** With the fields of the extensions `draft`, `expect`, `channel`, `yank`, `key-routing`, `trusted-publishing` and `rollout`. */
export function toExtendedResponse(release: Release, now: Date): ReleaseResponse {
  const { status, channel, expect, signingKeyId, embeddedPubkey, requires, provenance } = release;
  return {
    ...toResponse(release),
    status,
    channel,
    ...(expect !== null && { expect: [...expect] }),
    ...(signingKeyId !== null && { signing_key_id: signingKeyId }),
    ...(embeddedPubkey !== null && { embedded_pubkey: embeddedPubkey }),
    ...(requires !== null && { requires }),
    ...(status === 'draft' && release.awaitsApproval && { awaits_approval: true }),
    ...(provenance !== null && { provenance }),
    ...rolloutFields(release, now.getTime()),
    ...(release.mandatory && { mandatory: true }),
    ...(release.minimumSystem !== null && { minimum_system_version: { ...release.minimumSystem } }),
    ...(release.rolledBack && { rolled_back: true }),
  };
}

/** Extension `rollout`. Of a draft, `share` is what it has once it is live. */
function rolloutFields(
  { rollout, pausedAt, pauseReason, isWatched, pubDate }: Release,
  now: number,
): Pick<ReleaseResponse, 'rollout' | 'paused_at' | 'pause_reason' | 'auto_pause'> {
  return {
    ...(rollout !== null && {
      rollout: {
        percent: rollout.percent,
        share: shareAt({ rollout, pubDate }, now),
        state: rolloutState({ rollout, pausedAt: null, pubDate }, now),
        ...(rollout.at !== undefined && { at: formatTimestamp(rollout.at) }),
        ...(rollout.ramp && { from: rollout.ramp.from, over: rollout.ramp.ms / 1000 }),
      },
    }),
    ...(pausedAt !== null && { paused_at: formatTimestamp(pausedAt) }),
    ...(pauseReason !== null && { pause_reason: pauseReasonFields(pauseReason) }),
    ...(!isWatched && { auto_pause: false }),
  };
}

/** Extension `events`. */
export function pauseReasonFields({
  of,
  count,
  before,
  beforeVersion,
  ...reason
}: PauseReason): PauseReasonResponse {
  const { kind, text, platform, hours } = reason;
  return {
    ...{ kind, text, clients: Math.round(of), share: rounded(count / of) },
    ...(before !== undefined && { share_before: rounded(before) }),
    ...(beforeVersion !== undefined && { version_before: beforeVersion }),
    ...(platform !== undefined && { platform }),
    ...(hours !== undefined && { hours }),
  };
}

function rounded(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}

/** api.md, "List Releases", with the extensions' fields and the complete artifacts. */
export function toListed(
  { artifacts, ...release }: Release & { readonly artifacts: readonly CompleteArtifact[] },
  now: Date,
): ReleaseResponse {
  const [signingKeyId = null, ...others] = new Set(artifacts.map((artifact) => artifact.signingKeyId));
  return {
    ...toExtendedResponse(
      {
        ...release,
        signingKeyId: release.signingKeyId ?? (others.length === 0 ? signingKeyId : null),
      },
      now,
    ),
    artifacts: artifacts.map(
      ({
        fileSize,
        fileName,
        bundleType = null,
        signingKeyId: _,
        isLost,
        isOnlyByType,
        run,
        ...artifact
      }) => ({
        ...artifact,
        bundle_type: bundleType,
        file_size: fileSize,
        file_name: fileName,
        ...(isLost && { lost: true }),
        ...(isOnlyByType && { only_by_bundle_type: true }),
        ...(release.status === 'draft' && run),
      }),
    ),
  };
}
