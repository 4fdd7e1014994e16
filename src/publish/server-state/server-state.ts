import { download } from '../../client/transfer/download.ts';
import type { Extension } from '../../protocol/extensions.ts';
import type { ArtifactResponse, ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, parsePlatform, platformName } from '../../protocol/platform.ts';
import type { Publisher } from '../publisher.ts';
import { findRelease } from './find-release.ts';

/** An artifact as the server has it. */
export interface StoredArtifact {
  readonly sha256: string;
  /** Undefined where the server does not say. */
  readonly signature?: string | undefined;
}

/** What the server was found to be and to have. */
export interface ServerState {
  /** What it can do beyond api.md; nothing on a base server. */
  readonly extensions: ReadonlySet<string>;
  /** The app's slug; null when it has none, undefined when the server does not say. */
  readonly slug: string | null | undefined;
  /** The app's public key, where the server has one. */
  readonly pubkey?: string | undefined;
  readonly releases: readonly ReleaseResponse[];
  /** What it stores for the version that is published, by platform name. */
  readonly stored: ReadonlyMap<string, StoredArtifact>;
}

/** What is about to be published, as far as looking needs it. */
export interface ViewRequest {
  readonly version: string;
  readonly slug?: string | undefined;
  readonly platforms: readonly Platform[];
  readonly extensions: ReadonlySet<string>;
  /** The app's releases, if they are known already. */
  readonly releases?: readonly ReleaseResponse[];
}

export function supports({ extensions }: Pick<ServerState, 'extensions'>, extension: Extension): boolean {
  return extensions.has(extension);
}

/** What the server can do beyond api.md; nothing on a base server. */
export async function readExtensions({ client, retry }: Publisher): Promise<ReadonlySet<string>> {
  const capabilities = await retry.run(() => client.capabilities());
  return new Set(capabilities?.extensions);
}

/**
 * Finds out what the server is and has. Only reads. Where neither the server nor the request tells a slug, what a
 * server serves that does not list it stays unknown, and counts as nothing.
 */
export async function readServerState(publisher: Publisher, request: ViewRequest): Promise<ServerState> {
  const { client, retry, appId } = publisher;
  const { extensions } = request;
  const include = request.releases === undefined ? 'releases' : undefined;
  const app = supports(request, 'app') ? await retry.run(() => client.getApp(appId, include)) : undefined;
  const releases = request.releases ?? app?.releases ?? (await retry.run(() => client.listReleases(appId)));
  const registered = app?.slug;
  const view = { extensions, slug: registered, pubkey: app?.pubkey ?? undefined, releases };
  const release = findRelease(releases, request.version);
  if (release === undefined) return { ...view, stored: new Map() };
  if (release.artifacts !== undefined) return { ...view, stored: listedArtifacts(release) };
  const slug = registered ?? request.slug;
  const stored =
    slug === undefined ? new Map() : await servedArtifacts(publisher, release, slug, request.platforms);
  // Where a server does not tell the slug, files that it serves under the requested one do.
  return { ...view, slug: registered === undefined && stored.size > 0 ? slug : registered, stored };
}

/** What a server that lists no artifacts has of a release, told by what it serves; by platform name. */
export async function servedArtifacts(
  publisher: Publisher,
  release: Pick<ReleaseResponse, 'id'>,
  slug: string,
  platforms: readonly Platform[],
): Promise<Map<string, StoredArtifact>> {
  const stored = new Map<string, StoredArtifact>();
  for (const platform of platforms) {
    const sha256 = await servedSha256(publisher, slug, release.id, platform);
    if (sha256 !== undefined) stored.set(platformName(platform), { sha256 });
  }
  return stored;
}

/** The complete artifacts that a release of our server lists, by platform name. */
export function listedArtifacts(release: ReleaseResponse): Map<string, StoredArtifact> {
  const artifacts = release.artifacts ?? [];
  return new Map(
    artifacts.map((artifact) => {
      const { sha256, signature } = artifact;
      return [listedName(artifact), { sha256, ...(signature !== null && { signature }) }];
    }),
  );
}

/** The platforms of what a server stores, as far as this version knows them. */
export function storedPlatforms(stored: ReadonlyMap<string, StoredArtifact>): Platform[] {
  return [...stored.keys()].map(parsePlatform).filter((platform) => platform !== undefined);
}

/** The platform's name of an artifact that our server lists, whether this version knows the platform or not. */
export function listedName({ target, arch, bundle_type }: ArtifactResponse): string {
  return [target, arch, ...(bundle_type ? [bundle_type] : [])].join('-');
}

async function servedSha256(
  { client, transport, retry, signal }: Publisher,
  slug: string,
  releaseId: string,
  platform: Platform,
): Promise<string | undefined> {
  const url = client.downloadUrl(slug, releaseId, platform);
  const served = await retry.run(() => download(transport, { url, signal }));
  return served === 'not_served' ? undefined : served.sha256;
}
