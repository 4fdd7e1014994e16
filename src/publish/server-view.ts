import { download } from '../client/download.ts';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { findRelease } from './find-release.ts';
import type { ServerView, StoredArtifact } from './plan.ts';
import type { Publisher } from './publisher.ts';

/** What is about to be published, as far as looking needs it. */
export interface ViewRequest {
  readonly version: string;
  readonly slug?: string | undefined;
  readonly platforms: readonly Platform[];
  /** The app's releases, if they are known already. */
  readonly releases?: readonly ReleaseAnswer[];
}

/**
 * Finds out what the server is and has. Only reads. Where neither the server nor the request tells a slug, what a
 * server serves that does not list it stays unknown, and counts as nothing.
 */
export async function readServerView(publisher: Publisher, request: ViewRequest): Promise<ServerView> {
  const { client, retry, appId } = publisher;
  const capabilities = await retry.run(() => client.capabilities());
  const has = (extension: string) => capabilities?.extensions.includes(extension) ?? false;
  const releases = request.releases ?? (await retry.run(() => client.listReleases(appId)));
  const app = has('app') ? await retry.run(() => client.getApp(appId)) : undefined;
  const registered = app?.slug;
  const view = {
    artifactSignatures: has('artifact-signature'),
    slug: registered,
    pubkey: app?.pubkey ?? undefined,
    releases,
  };
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
async function servedArtifacts(
  publisher: Publisher,
  release: ReleaseAnswer,
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
export function listedArtifacts(release: ReleaseAnswer): Map<string, StoredArtifact> {
  const artifacts = release.artifacts ?? [];
  return new Map(
    artifacts.map(({ target, arch, sha256, signature }) => [
      `${target}-${arch}`,
      { sha256, ...(signature !== null && { signature }) },
    ]),
  );
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
