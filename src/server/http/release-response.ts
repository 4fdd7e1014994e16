import type { CompleteArtifact, Release } from '../../database/queries/releases.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
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

/** With the fields of the extensions `draft`, `expect`, `channel`, `yank` and `key-routing`. */
export function toExtendedResponse(release: Release): ReleaseResponse {
  const { status, channel, expect, signingKeyId, embeddedPubkey, requires } = release;
  return {
    ...toResponse(release),
    status,
    channel,
    ...(expect !== null && { expect: [...expect] }),
    ...(signingKeyId !== null && { signing_key_id: signingKeyId }),
    ...(embeddedPubkey !== null && { embedded_pubkey: embeddedPubkey }),
    ...(requires !== null && { requires }),
  };
}

/** api.md, "List Releases", with the extensions' fields and the complete artifacts. */
export function toListed({
  artifacts,
  ...release
}: Release & { readonly artifacts: readonly CompleteArtifact[] }): ReleaseResponse {
  const [signingKeyId = null, ...others] = new Set(artifacts.map((artifact) => artifact.signingKeyId));
  return {
    ...toExtendedResponse({
      ...release,
      signingKeyId: release.signingKeyId ?? (others.length === 0 ? signingKeyId : null),
    }),
    artifacts: artifacts.map(({ fileSize, bundleType = null, signingKeyId: _, run, ...artifact }) => ({
      ...artifact,
      bundle_type: bundleType,
      file_size: fileSize,
      ...(release.status === 'draft' && run),
    })),
  };
}
