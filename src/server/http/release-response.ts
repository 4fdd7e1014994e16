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

/** With the fields of the extensions `draft`, `expect`, `channel` and `yank`. */
export function toExtendedResponse(release: Release): ReleaseResponse {
  const { status, channel, expect } = release;
  return { ...toResponse(release), status, channel, ...(expect !== null && { expect: [...expect] }) };
}

/** api.md, "List Releases", with the extensions' fields and the complete artifacts. */
export function toListed({
  artifacts,
  ...release
}: Release & { readonly artifacts: readonly CompleteArtifact[] }): ReleaseResponse {
  return {
    ...toExtendedResponse(release),
    artifacts: artifacts.map(({ fileSize, bundleType = null, ...artifact }) => ({
      ...artifact,
      bundle_type: bundleType,
      file_size: fileSize,
    })),
  };
}
