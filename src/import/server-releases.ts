import { type AppReader, nameOfFile, readAppReleases } from '../client/app-releases.ts';
import type { OtaClient } from '../client/ota-client.ts';
import { OtaError } from '../errors.ts';
import type { AppResponse, ArtifactResponse, ReleaseResponse } from '../protocol/messages.ts';
import { type Platform, parsePlatform, platformName } from '../protocol/platform.ts';
import { compareVersions } from '../protocol/version.ts';
import type { ImportedFile, ImportedRelease } from './imported-release.ts';

/** What else to do where a server has no list that can be imported. */
export const IMPORT_HINT = 'Import the latest.json of the app instead.';

export interface ServerReleases {
  readonly slug: string;
  /** The live ones, the lowest version first: each is published as it once was. */
  readonly releases: readonly ImportedRelease[];
  /** Versions that are yanked there. */
  readonly yanked: readonly string[];
}

/** What another server of this kind has of an app. @throws OtaError as `readAppReleases` */
export async function readServerReleases(server: AppReader): Promise<ServerReleases> {
  const app = await readAppReleases(server, IMPORT_HINT);
  const { slug, releases = [] } = app;
  if (slug === null)
    throw new OtaError('preflight_refused', 'the app has no slug there, so nothing was live');
  const live = releases.filter(({ status }) => status === 'published');
  return {
    slug,
    releases: live
      .toSorted((a, b) => compareVersions(a.version, b.version))
      .map((release) => toImported(release, { client: server.client, slug })),
    yanked: releases.filter(({ status }) => status === 'yanked').map(({ version }) => version),
  };
}

function toImported(
  release: ReleaseResponse,
  { client, slug }: { readonly client: OtaClient; readonly slug: string },
): ImportedRelease {
  const { id, version, notes, channel, requires, embedded_pubkey, artifacts = [] } = release;
  const files = artifacts
    .filter(({ lost }) => !lost)
    .flatMap((artifact): ImportedFile[] => {
      const platform = platformOfArtifact(artifact);
      if (platform === undefined) return [];
      const { sha256, file_size: size } = artifact;
      return [
        {
          platforms: [platform],
          from: client.downloadUrl(slug, id, platform),
          name: nameOfFile({ slug, version }, artifact, platform),
          signature: artifact.signature ?? release.signature ?? '',
          known: { size, sha256 },
        },
      ];
    });
  return {
    version,
    notes: notes ?? undefined,
    channel,
    requires: requires ?? undefined,
    embeddedPubkey: embedded_pubkey ?? undefined,
    files,
  };
}

function platformOfArtifact({ target, arch, bundle_type }: ArtifactResponse): Platform | undefined {
  return parsePlatform(platformName({ target, arch, bundleType: bundle_type ?? undefined }));
}

/** The versions that are complete at the destination: with these very files, or more. */
export function importedBefore(app: AppResponse, releases: readonly ImportedRelease[]): Set<string> {
  const there = new Map((app.releases ?? []).map((release) => [release.version, release]));
  const isThere = ({ version, files }: ImportedRelease) => {
    const { status, artifacts = [] } = there.get(version) ?? {};
    const names = new Set(
      artifacts.map(
        (one) => `${platformName({ ...one, bundleType: one.bundle_type ?? undefined })} ${one.sha256}`,
      ),
    );
    const isComplete = files.every(({ platforms, known }) =>
      platforms.every((platform) => known && names.has(`${platformName(platform)} ${known.sha256}`)),
    );
    return status !== undefined && status !== 'draft' && isComplete;
  };
  return new Set(releases.filter(isThere).map(({ version }) => version));
}
