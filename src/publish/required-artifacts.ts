import type { PublishReleaseBody } from '../protocol/messages.ts';
import type { Platform } from '../protocol/platform.ts';

/** What must be in a release when it goes live, by the bytes that were signed: extension `draft`. */
export function requiredOf(
  artifacts: readonly (Platform & { readonly sha256: string })[],
): PublishReleaseBody {
  return artifacts.map(({ target, arch, bundleType, sha256 }) => ({
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    sha256,
  }));
}
