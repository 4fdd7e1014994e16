import { OtaError } from '../errors.ts';
import { type IssueId, throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { missingNames, namesPlatform, parsePlatform } from '../protocol/platform.ts';
import { publishDraft } from './execute/go-live.ts';
import { knownKeys } from './known-keys.ts';
import { askingFor } from './plan/asking-for.ts';
import { strandingIssues } from './plan/stranding.ts';
import type { Publisher } from './publisher.ts';
import { signedFilesOf } from './server-state/app-files.ts';
import { checkPublicUrl } from './server-state/check-public-url.ts';
import { requireRelease } from './server-state/find-release.ts';
import { listedFiles, type PublishedFile, type VerifiedFile } from './server-state/published-file.ts';
import { readCapabilities, readServerState, supports } from './server-state/server-state.ts';
import { requireNotWithdrawn } from './server-state/withdrawal.ts';
import { verifyRelease } from './verify/verify-release.ts';

const PUBLISH_FIRST = 'Publish the missing files into it first';
/** An abandoned upload counts until its URL expires. */
const WAIT = 'Wait for the jobs that upload into it, or for an hour if one of them died';

export interface FinishRequest {
  /** Id or version of a draft. */
  readonly release: string;
  /** Names of platforms that it must have, instead of those that the draft was created to wait for. */
  readonly expect?: readonly string[] | undefined;
  /** Names of platforms that it must have besides, unless `expect` is given. */
  readonly configured?: readonly string[] | undefined;
  /** The app's slug, where the server does not say it. */
  readonly slug?: string | undefined;
  /** To check what is served against; when absent, the keys that the server knows. */
  readonly publicKey?: PublicKey | undefined;
  /** Even if versions have no way to the highest release then. */
  readonly allowStranding?: boolean;
  /** Concurrent downloads. */
  readonly concurrency: number;
}

export interface FinishResult {
  readonly status: 'published' | 'unchanged';
  readonly release: ReleaseResponse;
  /** The app's; undefined when it is unknown. */
  readonly slug: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  readonly warnings: readonly string[];
}

/**
 * Extension `draft`: takes a draft live with all files that it has now, and verifies what installed apps get.
 * @throws OtaError `preflight_refused` when it lacks an expected platform, or the server does not support drafts
 */
export async function finishRelease(publisher: Publisher, request: FinishRequest): Promise<FinishResult> {
  const { client, retry, appId } = publisher;
  const capabilities = await readCapabilities(publisher);
  const { extensions } = capabilities;
  if (!supports({ extensions }, 'draft')) {
    throw new OtaError('preflight_refused', 'this server does not support drafts');
  }
  const releases = await retry.run(() => client.listReleases(appId));
  const named = requireRelease(releases, request.release);
  const found = requireNotWithdrawn(named.version, named);
  const files = listedFiles(found);
  requireComplete(found, files, request);
  const { publicUrl } = capabilities;
  throwIssues(checkPublicUrl({ publicUrl, server: client.server, origins: new Set() }).issues);
  const { version } = found;
  const server = await readServerState(publisher, { ...capabilities, version, platforms: files, releases });
  const wasLive = found.status === 'published';
  const warnings = wasLive ? [] : withoutWarnings(found, files);
  const { expect, allowStranding = false } = request;
  if (!wasLive && !allowStranding)
    throwIssues(strandingIssues({ ...found, files: signedFilesOf(found) }, server));
  for (const message of warnings) publisher.report({ type: 'warning', message });
  const going = { files, expect, allowStranding: allowStranding && supports(server, 'key-routing') };
  const release = wasLive ? found : await publishDraft(publisher, found, going);
  const slug = server.slug ?? request.slug;
  const artifacts = await verifyRelease(publisher, {
    release,
    files,
    slug,
    keys: knownKeys(request, server),
    askAs: askingFor(release, files, server),
    concurrency: request.concurrency,
  });
  return { status: wasLive ? 'unchanged' : 'published', release, slug, artifacts, warnings };
}

/** A draft keeps its own list, whatever the config file says: only the option, given for this draft, is a decision. */
function requireComplete(
  { version, status, expect: ownList = [], uploading = [] }: ReleaseResponse,
  files: readonly PublishedFile[],
  { expect, configured = [] }: FinishRequest,
): void {
  const own = status === 'draft' ? ownList : [];
  const names = expect ?? [...new Set([...own, ...configured])];
  const missing = missingNames(names, files);
  // A list says which uploads it is about; without one, all of them are waited for.
  const awaited = uploading.filter((name) => names.length === 0 || isNamed(name, names));
  const started = awaited.filter((name) => !missing.includes(name));
  const issue = (id: IssueId, message: string, hint: string) =>
    ({ id, code: 'preflight_refused', message: `${version} ${message}`, hint }) as const;
  const withoutThem =
    expect === undefined ? '; to take it live without them, list with --expect what it must have' : '';
  throwIssues([
    ...(files.length === 0 ? [issue('release.no_files', 'has no files yet', `${PUBLISH_FIRST}.`)] : []),
    ...(files.length > 0 && missing.length > 0
      ? [issue('release.incomplete', `lacks ${missing.join(', ')}`, `${PUBLISH_FIRST}${withoutThem}.`)]
      : []),
    ...(files.length > 0 && started.length > 0
      ? [issue('release.uploading', `is still receiving ${started.join(', ')}`, `${WAIT}${withoutThem}.`)]
      : []),
  ]);
}

function isNamed(name: string, names: readonly string[]): boolean {
  const platform = parsePlatform(name);
  return platform !== undefined && names.some((candidate) => namesPlatform(candidate, platform));
}

/** What a draft waited for and goes live without, by the decision of a person. */
function withoutWarnings(
  { version, expect = [] }: ReleaseResponse,
  files: readonly PublishedFile[],
): string[] {
  const missing = missingNames(expect, files);
  if (missing.length === 0) return [];
  return [`${version} goes live without ${missing.join(', ')}, which it was to wait for`];
}
