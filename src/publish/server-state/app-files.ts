import { STABLE } from '../../protocol/channel.ts';
import type { DeletedFileResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { publicKeyIdOf, signingKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, parsePlatform, platformName } from '../../protocol/platform.ts';
import {
  type ClosableFile,
  closeKinds,
  placeOf,
  type RecordedKinds,
} from '../../protocol/routing/default-kinds.ts';
import { type AppFiles, type KnownFile, withLiveFiles } from '../../protocol/routing/stranded-versions.ts';
import { isVersion, precedenceOf } from '../../protocol/version.ts';
import { findRelease } from './find-release.ts';
import { listedName, lostNames, type ServerState } from './server-state.ts';

/** A file that is offered once its release is live. */
export interface SignedFile extends ClosableFile {
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
export function appFilesOf(server: Pick<ServerState, 'releases' | 'deleted'>): AppFiles {
  const before: AppFiles = { live: [], known: (server.deleted ?? []).flatMap(toKnownFile) };
  return server.releases.reduce((files, release) => {
    const { status = 'published', version } = release;
    if (status === 'draft' || !isVersion(version)) return files;
    const closed = closeKinds(signedFilesOf(release), recordedKindsOf(version, server));
    const { live, known } = withRelease(files, release, closed);
    if (status !== 'published') return { live: files.live, known };
    return { live: live.filter((file) => !isLostFile(file, release)), known };
  }, before);
}

/** Extension `lost-files`: it is not offered. */
function isLostFile(file: Platform & { readonly version: string }, release: ReleaseResponse): boolean {
  return file.version === release.version && lostNames(release).includes(platformName(file));
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
      ...(file.only_by_bundle_type && { defaultKinds: null }),
    },
  ];
}

/**
 * Extension `close`: the kinds of bundle that are the default of each platform of a version that is or was live. Empty for
 * one that was not. Pure.
 */
export function recordedKindsOf(
  version: string,
  { releases, deleted = [] }: Pick<ServerState, 'releases' | 'deleted'>,
): RecordedKinds {
  const live = findRelease(releases, version);
  const ofRelease = live === undefined || live.status === 'draft' ? [] : (live.artifacts ?? []);
  const wasLive = deleted.filter(
    (file) => file.version === precedenceOf(version) && file.sha256 !== undefined,
  );
  const files = [...ofRelease, ...wasLive].flatMap((file) => {
    const platform = file.only_by_bundle_type ? undefined : parsePlatform(listedName(file));
    return platform === undefined ? [] : [platform];
  });
  return new Map(closeKinds(files, new Map()).map((file) => [placeOf(file), file.defaultKinds ?? []]));
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
    files: files.map(({ target, arch, bundleType, defaultKinds, signature }) => ({
      target,
      arch,
      ...(bundleType !== undefined && { bundleType }),
      ...(defaultKinds !== undefined && { defaultKinds }),
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
