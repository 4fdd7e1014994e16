import { STABLE } from '../../protocol/channel.ts';
import type { DeletedFileResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { publicKeyIdOf, signingKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, parsePlatform, platformName } from '../../protocol/platform.ts';
import { type AppFiles, type KnownFile, withLiveFiles } from '../../protocol/routing/stranded-versions.ts';
import { isVersion } from '../../protocol/version.ts';
import { listedName, type ServerState } from './server-state.ts';

/** A file that is offered once its release is live. */
export interface SignedFile extends Platform {
  readonly signature: string;
}

/** A release, in the fields that decide what apps are offered. */
export interface RoutedReleaseFields {
  readonly version: string;
  readonly channel?: string | undefined;
  readonly requires?: string | null | undefined;
  readonly embedded_pubkey?: string | null | undefined;
}

/** Extension `key-routing`: what decides the offers of an app, from its releases and what it had before. Pure. */
export function appFilesOf({ releases, deleted = [] }: Pick<ServerState, 'releases' | 'deleted'>): AppFiles {
  const before: AppFiles = { live: [], known: deleted.flatMap(toKnownFile) };
  return releases.reduce((files, release) => {
    const { status = 'published', version } = release;
    if (status === 'draft' || !isVersion(version)) return files;
    const added = withRelease(files, release, signedFilesOf(release));
    return status === 'published' ? added : { live: files.live, known: added.known };
  }, before);
}

/** Empty where this version does not know the platform. */
function toKnownFile(file: DeletedFileResponse): KnownFile[] {
  const { version, channel = STABLE, signing_key_id, embedded_pubkey } = file;
  const platform = parsePlatform(listedName(file));
  if (platform === undefined || !isVersion(version)) return [];
  return [
    {
      ...platform,
      version,
      channel,
      signingKeyId: signing_key_id ?? undefined,
      embeddedKeyId: publicKeyIdOf(embedded_pubkey ?? ''),
    },
  ];
}

/** The same, once a release with these files is live too. Pure. */
export function withRelease(
  appFiles: AppFiles,
  { version, channel = STABLE, requires, embedded_pubkey }: RoutedReleaseFields,
  files: readonly SignedFile[],
): AppFiles {
  return withLiveFiles(appFiles, {
    version,
    channel,
    requires: requires ?? undefined,
    embeddedKeyId: publicKeyIdOf(embedded_pubkey),
    files: files.map(({ target, arch, bundleType, signature }) => ({
      target,
      arch,
      ...(bundleType !== undefined && { bundleType }),
      signingKeyId: signingKeyIdOf(signature),
    })),
  });
}

/** The files that a release lists, except for platforms that this version does not know. */
export function signedFilesOf({ artifacts = [], signature: ofRelease }: ReleaseResponse): SignedFile[] {
  return artifacts.flatMap((artifact) => {
    const platform = parsePlatform(listedName(artifact));
    return platform === undefined ? [] : [{ ...platform, signature: artifact.signature ?? ofRelease ?? '' }];
  });
}

/** Both, without repetition of a platform. */
export function mergedFiles(
  files: readonly SignedFile[],
  others: readonly SignedFile[],
): readonly SignedFile[] {
  return [...new Map([...others, ...files].map((file) => [platformName(file), file])).values()];
}
