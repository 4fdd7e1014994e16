import type { PublishReleaseRequest, ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, parsePlatform } from '../../protocol/platform.ts';
import { listedName } from './server-state.ts';

/** A file of a release, uploaded by this run or by another. */
export interface PublishedFile extends Platform {
  /** Undefined where another run uploaded it. */
  readonly file?: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The text of `FILE.sig`. */
  readonly signature?: string;
  /** The signature that an update check has to return for it. */
  readonly servedSignature: string;
  readonly action: 'upload' | 'skip';
  /** Whether it took the place of a file in a draft. */
  readonly replaces?: true;
  /** Whether the server had lost its bytes. */
  readonly repairs?: true;
  /** Extension `close`: only apps that ask for its bundle type get it. */
  readonly onlyByType?: true;
}

/** A file that was fetched as installed apps do, or could not be. */
export interface VerifiedFile extends PublishedFile {
  /** Where installed apps download it; undefined when it was not verified. */
  readonly url?: string;
  readonly verified: boolean;
}

/** Uploads a file again if the server has lost it. @returns whether it did */
export type RepairFile = (file: PublishedFile) => Promise<boolean>;

export function unverified(files: readonly PublishedFile[]): VerifiedFile[] {
  return files.map((file) => ({ ...file, verified: false }));
}

/** All files that our server lists in a release, except for platforms that this version does not know. */
export function listedFiles({ artifacts = [], signature: ofRelease }: ReleaseResponse): PublishedFile[] {
  return artifacts.flatMap((artifact) => {
    const { file_size: size, sha256, signature } = artifact;
    const platform = parsePlatform(listedName(artifact));
    if (platform === undefined) return [];
    const onlyByType = artifact.only_by_bundle_type === true ? ({ onlyByType: true } as const) : {};
    const servedSignature = signature ?? ofRelease ?? '';
    return [{ ...platform, size, sha256, servedSignature, action: 'skip', ...onlyByType }];
  });
}

/** Extension `draft`: the files that a release must hold to go live, by their hashes. */
export function requiredFiles(files: readonly PublishedFile[]): PublishReleaseRequest {
  return files.map(({ target, arch, bundleType, sha256 }) => ({
    target,
    arch,
    ...(bundleType !== undefined && { bundle_type: bundleType }),
    sha256,
  }));
}
