import { download } from '../client/download.ts';
import { OtaError } from '../errors.ts';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { findRelease, type ServerView, type StoredArtifact } from './plan.ts';
import type { Publisher } from './publisher.ts';

/** What is about to be published, as far as looking needs it. */
export interface LookRequest {
  readonly version: string;
  readonly slug?: string | undefined;
  readonly platforms: readonly Platform[];
}

/** Finds out what the server is and has. Only reads. */
export async function lookAtServer(publisher: Publisher, request: LookRequest): Promise<ServerView> {
  const { client, retry, appId } = publisher;
  const capabilities = await retry.run(() => client.capabilities());
  const has = (extension: string) => capabilities?.extensions.includes(extension) ?? false;
  const releases = await retry.run(() => client.listReleases(appId));
  const registered = has('app') ? (await retry.run(() => client.getApp(appId))).slug : undefined;
  const release = findRelease(releases, request.version);
  const stored = release
    ? await storedArtifacts(publisher, release, request, registered ?? undefined)
    : new Map();
  // Where a server does not tell the slug, files that it serves under the requested one do.
  const slug =
    registered === undefined && release?.artifacts === undefined && stored.size > 0
      ? request.slug
      : registered;
  return { artifactSignatures: has('artifact-signature'), slug, releases, stored };
}

/** Our server lists a release's artifacts; of any other, what it serves tells. */
async function storedArtifacts(
  publisher: Publisher,
  release: ReleaseAnswer,
  { slug: requestedSlug, platforms }: LookRequest,
  registeredSlug: string | undefined,
): Promise<Map<string, StoredArtifact>> {
  if (release.artifacts !== undefined) return listedArtifacts(release);
  const slug = registeredSlug ?? requestedSlug;
  if (slug === undefined) {
    throw new OtaError(
      'usage',
      `${release.version} exists, and without a slug nobody can tell what it serves`,
      {
        hint: "Pass the app's --slug.",
      },
    );
  }
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
  try {
    return (await retry.run(() => download(transport, { url, signal }))).sha256;
  } catch (error) {
    if (error instanceof OtaError && error.code === 'usage') return undefined; // 404: nothing is served
    throw error;
  }
}
