import type { PublishReleaseRequest, ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, parsePlatform } from '../../protocol/platform.ts';
import { listedName } from './server-state.ts';

/** A file that is to be served. */
export interface Servable extends Platform {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** What a check has to answer for it. */
  readonly servedSignature: string;
}

/** A file of a release, whether this run brought it or another one did. */
export interface PublishedFile extends Servable {
  /** Undefined where another run brought it. */
  readonly file?: string;
  /** The text of `FILE.sig`. */
  readonly signature?: string;
  readonly action: 'upload' | 'skip';
}

/** Everything that our server lists in a release, as far as this version knows the platforms. */
export function listedFiles({ artifacts = [], signature: ofRelease }: ReleaseResponse): PublishedFile[] {
  return artifacts.flatMap((artifact) => {
    const { file_size: size, sha256, signature } = artifact;
    const platform = parsePlatform(listedName(artifact));
    if (platform === undefined) return [];
    return [{ ...platform, size, sha256, servedSignature: signature ?? ofRelease ?? '', action: 'skip' }];
  });
}

/** What must be in a release when it goes live, by the bytes that were signed: extension `draft`. */
export function requiredOf(
  artifacts: readonly (Platform & { readonly sha256: string })[],
): PublishReleaseRequest {
  return artifacts.map(({ target, arch, bundleType, sha256 }) => ({
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    sha256,
  }));
}
