import type { CompleteArtifact, Release } from '../../database/queries/releases.ts';
import type { ReleaseAnswer } from '../../protocol/messages.ts';
import { formatTimestamp } from '../../protocol/time.ts';

/** api.md, "Create a Release", response. */
export function toAnswer({ id, version, notes, signature, pubDate, createdAt }: Release): ReleaseAnswer {
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
export function toExtendedAnswer(release: Release): ReleaseAnswer {
  const { status, channel, expect } = release;
  return { ...toAnswer(release), status, channel, ...(expect !== null && { expect: [...expect] }) };
}

/** api.md, "List Releases", with the fields of the extensions and what is complete. */
export function toListed({
  artifacts,
  ...release
}: Release & { readonly artifacts: readonly CompleteArtifact[] }): ReleaseAnswer {
  return {
    ...toExtendedAnswer(release),
    artifacts: artifacts.map(({ fileSize, bundleType = null, ...artifact }) => ({
      ...artifact,
      bundle_type: bundleType,
      file_size: fileSize,
    })),
  };
}
