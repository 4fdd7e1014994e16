import { download } from '../../client/transfer/download.ts';
import { isChannel } from '../../protocol/channel.ts';
import type { Extension } from '../../protocol/extensions.ts';
import type {
  AppQuery,
  AppResponse,
  ArtifactResponse,
  DeletedFileResponse,
  ReleaseResponse,
  ServerLimits,
} from '../../protocol/messages.ts';
import { type Platform, parsePlatform, platformName } from '../../protocol/platform.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { isVersion, precedenceOf } from '../../protocol/version.ts';
import type { Publisher } from '../publisher.ts';
import { findRelease } from './find-release.ts';

/** An artifact as the server has it. */
export interface StoredArtifact {
  readonly sha256: string;
  /** Undefined where the server does not say. */
  readonly signature?: string | undefined;
  /** Extension `replace-draft-files`: the job that uploaded it. */
  readonly run?: JobRun | undefined;
  /** Extension `lost-files`: the server has not got its bytes any more. */
  readonly lost?: boolean | undefined;
}

/** What a server supports and accepts. */
export interface Capabilities {
  /** Empty for a base server, which implements api.md only. */
  readonly extensions: ReadonlySet<string>;
  /** Undefined where the server does not say. */
  readonly limits?: ServerLimits | undefined;
  /** What the URLs that it hands out start with, where it says so. */
  readonly publicUrl?: string | undefined;
}

/** What a server supports and stores. */
export interface ServerState extends Capabilities {
  /** The app's slug; null when it has none, undefined when the server does not say. */
  readonly slug: string | null | undefined;
  /** The public keys that its files may be signed with; undefined where the server accepts any. */
  readonly acceptedPubkeys?: readonly string[] | undefined;
  /** Extension `bound-signatures`: whether their signatures have to name the version. */
  readonly requiresBoundSignatures?: boolean | undefined;
  /**
   * Without drafts of other versions; of a server with the extension `publish-state` only those that decide how the
   * version is published.
   */
  readonly releases: readonly ReleaseResponse[];
  /** Files that were live and are listed no more, where the server says it: apps may still be on their versions. */
  readonly deleted?: readonly DeletedFileResponse[] | undefined;
  /** What the token may do, where the server says it. */
  readonly scopes?: readonly string[] | undefined;
  /** Extension `approval`: whether somebody else than their uploader has to take releases live. */
  readonly approval?: boolean | undefined;
  /** Whether stored tokens cannot publish, where the server says it. */
  readonly trustedOnly?: boolean | undefined;
  /** When the token expires, where the server says it. */
  readonly tokenExpiresAt?: string | null | undefined;
  /** The SHA-256 that the version once had for a platform, by its name: it can have no other. */
  readonly onceLive?: ReadonlyMap<string, string> | undefined;
  /** Its artifacts of the version that is published, by platform name. */
  readonly stored: ReadonlyMap<string, StoredArtifact>;
}

export interface ServerStateOptions extends Capabilities {
  /** The version and platforms that are to be published. */
  readonly version: string;
  readonly channel?: string | undefined;
  readonly requires?: string | undefined;
  readonly slug?: string | undefined;
  readonly platforms: readonly Platform[];
  /** The app's releases, if they were already read. */
  readonly releases?: readonly ReleaseResponse[] | undefined;
}

export function supports({ extensions }: Pick<ServerState, 'extensions'>, extension: Extension): boolean {
  return extensions.has(extension);
}

/** What the server supports and accepts; nothing is known of a base server. */
export async function readCapabilities({
  client,
  retry,
}: Pick<Publisher, 'client' | 'retry'>): Promise<Capabilities> {
  const capabilities = await retry.run(() => client.capabilities());
  return {
    extensions: new Set(capabilities?.extensions),
    limits: capabilities?.limits ?? undefined,
    publicUrl: capabilities?.public_url,
  };
}

/** The extensions that the server supports; none for a base server. */
export async function readExtensions(
  publisher: Pick<Publisher, 'client' | 'retry'>,
): Promise<ReadonlySet<string>> {
  return (await readCapabilities(publisher)).extensions;
}

/**
 * Reads what the server supports and stores. A server that lists no artifacts is asked for each file; without a slug
 * that is impossible, and nothing counts as stored.
 */
export async function readServerState(
  publisher: Publisher,
  request: ServerStateOptions,
): Promise<ServerState> {
  const { client, retry, appId } = publisher;
  const { extensions, limits, publicUrl } = request;
  // Also where the releases are known: the deleted ones come along with them.
  const app = supports(request, 'app')
    ? await retry.run(() => client.getApp(appId, stateQuery(request)))
    : undefined;
  const listed = request.releases ?? app?.releases ?? (await retry.run(() => client.listReleases(appId)));
  const releases = deciding(listed, request.version);
  const registered = app?.slug;
  const acceptedPubkeys = app?.accepted_pubkeys ?? (app?.pubkey ? [app.pubkey] : undefined);
  const known = {
    slug: registered,
    acceptedPubkeys,
    requiresBoundSignatures: app?.require_bound_signatures,
    scopes: app?.scopes,
    approval: app?.approval,
    trustedOnly: app?.trusted_only,
    tokenExpiresAt: app?.token_expires_at,
  };
  const state = {
    extensions,
    limits,
    publicUrl,
    ...known,
    releases,
    deleted: app?.deleted,
    onceLive: onceLive(app, request.version),
  };
  const release = findRelease(releases, request.version);
  if (release === undefined) return { ...state, stored: new Map() };
  if (release.artifacts !== undefined) return { ...state, stored: listedArtifacts(release) };
  const slug = registered ?? request.slug;
  const stored =
    slug === undefined
      ? new Map()
      : await servedArtifacts(publisher, { slug, releaseId: release.id }, request.platforms);
  // A server that does not say the slug has confirmed the requested one if it serves files under it.
  return { ...state, slug: registered === undefined && stored.size > 0 ? slug : registered, stored };
}

/**
 * Without drafts of other versions and what was yanked before it had a file: no app has them, nor a key that their
 * builds carry, so they decide nothing.
 */
function deciding(releases: readonly ReleaseResponse[], version: string): ReleaseResponse[] {
  const own = precedenceOf(version);
  return releases.filter(({ version: other, status = 'published', ...release }) => {
    const isPublished = status === 'published' || (status === 'yanked' && mayBeInstalled(release));
    return isPublished || precedenceOf(other) === own;
  });
}

/** Whether a release has or may have files, where it is not a draft. */
export function mayBeInstalled({ artifacts }: Pick<ReleaseResponse, 'artifacts'>): boolean {
  return artifacts?.length !== 0;
}

/** Of the releases only those that decide, where the server knows which these are. */
function stateQuery(request: ServerStateOptions): AppQuery {
  const { version, channel, requires } = request;
  if (!supports(request, 'publish-state')) return { include: 'releases' };
  return {
    include: 'state',
    version,
    // What is no channel or version is an issue of its own.
    ...(channel !== undefined && isChannel(channel) && { channel }),
    ...(requires !== undefined && isVersion(requires) && { requires }),
  };
}

function onceLive(app: AppResponse | undefined, version: string): Map<string, string> | undefined {
  if (app?.deleted === undefined) return undefined;
  const files = app.deleted.filter((file) => file.version === precedenceOf(version));
  return new Map(
    files.flatMap((file) => (file.sha256 === undefined ? [] : [[listedName(file), file.sha256]])),
  );
}

/** The artifacts of a release on a server that does not list them, found by downloading them; by platform name. */
export async function servedArtifacts(
  { client, transport, retry, signal }: Publisher,
  { slug, releaseId }: { readonly slug: string; readonly releaseId: string },
  platforms: readonly Platform[],
): Promise<Map<string, StoredArtifact>> {
  const stored = new Map<string, StoredArtifact>();
  for (const platform of platforms) {
    const url = client.downloadUrl(slug, releaseId, platform);
    const served = await retry.run(() => download(transport, { url, server: client.serverKind, signal }));
    if (served.kind === 'downloaded') stored.set(platformName(platform), { sha256: served.sha256 });
  }
  return stored;
}

/** The complete artifacts that a release of our server lists, by platform name. */
export function listedArtifacts(release: ReleaseResponse): Map<string, StoredArtifact> {
  const artifacts = release.artifacts ?? [];
  return new Map(
    artifacts.map((artifact) => {
      const { sha256, signature, lost } = artifact;
      const run = jobRunOf(artifact);
      const stored = { sha256, run, ...(lost && { lost }), ...(signature !== null && { signature }) };
      return [listedName(artifact), stored];
    }),
  );
}

/** Extension `lost-files`: the platforms with files that a server has recorded and lost. */
export function lostNames({ artifacts = [] }: Pick<ReleaseResponse, 'artifacts'>): string[] {
  return artifacts.filter(({ lost }) => lost).map(listedName);
}

/** The platforms of stored artifacts, except for those that this version does not know. */
export function storedPlatforms(stored: ReadonlyMap<string, StoredArtifact>): Platform[] {
  return [...stored.keys()].map(parsePlatform).filter((platform) => platform !== undefined);
}

/** The platform name of a listed artifact, whether or not this version knows the platform. */
export function listedName({
  target,
  arch,
  bundle_type,
}: Pick<ArtifactResponse, 'target' | 'arch' | 'bundle_type'>): string {
  return platformName({ target, arch, ...(bundle_type && { bundleType: bundle_type }) });
}
