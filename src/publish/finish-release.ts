import { OtaError } from '../errors.ts';
import { type IssueId, throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { missingNames, namesPlatform, parsePlatform } from '../protocol/platform.ts';
import { publishDraft } from './execute/go-live.ts';
import { liveBefore } from './plan/previous-release.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import { listedFiles, type PublishedFile, type VerifiedFile } from './server-state/published-file.ts';
import { readExtensions, readServerState, supports } from './server-state/server-state.ts';
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
  /** To check what is served against; the server's when absent. */
  readonly publicKey?: PublicKey | undefined;
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
  const extensions = await readExtensions(publisher);
  if (!supports({ extensions }, 'draft')) {
    throw new OtaError('preflight_refused', 'this server does not support drafts');
  }
  const releases = await retry.run(() => client.listReleases(appId));
  const named = requireRelease(releases, request.release);
  const found = requireNotWithdrawn(named.version, named);
  const files = listedFiles(found);
  requireComplete(found, files, request);
  const { version } = found;
  const server = await readServerState(publisher, { version, platforms: files, extensions, releases });
  const wasLive = found.status === 'published';
  const warnings = wasLive ? [] : withoutWarnings(found, files);
  for (const message of warnings) publisher.report({ type: 'warning', message });
  const { expect } = request;
  const release = wasLive ? found : await publishDraft(publisher, found, { files, expect });
  const slug = server.slug ?? request.slug;
  const artifacts = await verifyRelease(publisher, {
    release,
    files,
    slug,
    publicKey: request.publicKey ?? parsePublicKey(server.pubkey ?? ''),
    previousVersion: liveBefore(server.releases, release)?.version,
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
