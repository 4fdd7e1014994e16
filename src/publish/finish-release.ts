import { OtaError } from '../errors.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { missingNames } from '../protocol/platform.ts';
import { liveBefore } from './plan/previous-release.ts';
import type { Publisher } from './publisher.ts';
import { requireRelease } from './server-state/find-release.ts';
import { listedFiles, type PublishedFile, requiredOf } from './server-state/published-file.ts';
import { readExtensions, readServerState, type ServerState, supports } from './server-state/server-state.ts';
import { requireKept, whileThere } from './server-state/withdrawal.ts';
import { type Verified, verifyRelease } from './verify/verify-release.ts';

export interface FinishRequest {
  /** Id or version of a draft. */
  readonly release: string;
  /** Names of platforms that must be in it. */
  readonly expect?: readonly string[] | undefined;
  /** Where the server does not tell it. */
  readonly slug?: string | undefined;
  /** To check what is served by; the server's when absent. */
  readonly publicKey?: PublicKey | undefined;
  /** Downloads at once. */
  readonly concurrency: number;
}

export interface FinishResult {
  readonly status: 'published' | 'unchanged';
  readonly release: ReleaseResponse;
  /** The app's; undefined when nobody knows it. */
  readonly slug: string | undefined;
  readonly artifacts: readonly Verified<PublishedFile>[];
}

/**
 * Extension `draft`: takes a draft live with everything that is in it now, and sees what installed apps get.
 * @throws OtaError `preflight_refused` when it lacks what is expected, or the server has no drafts
 */
export async function finishRelease(publisher: Publisher, request: FinishRequest): Promise<FinishResult> {
  const { client, retry, report, appId } = publisher;
  const extensions = await readExtensions(publisher);
  if (!supports({ extensions }, 'draft')) {
    throw new OtaError('preflight_refused', 'this server has no drafts, so there is none to take live');
  }
  const releases = await retry.run(() => client.listReleases(appId));
  const named = requireRelease(releases, request.release);
  const found = requireKept(named.version, named);
  const artifacts = listedFiles(found);
  requireComplete(found, artifacts, request.expect);
  const view = { version: found.version, platforms: artifacts, extensions, releases };
  const server = await readServerState(publisher, view);
  const wasLive = found.status === 'published';
  const visibility = () => retry.run(() => client.publishRelease(appId, found.id, requiredOf(artifacts)));
  const release = wasLive ? found : requireKept(found.version, await whileThere(found.version, visibility));
  if (!wasLive) report({ type: 'went_live', release });
  const options = verifyOptions(request, server, release);
  const verified = await verifyRelease(publisher, release, artifacts, options);
  const { slug } = options;
  return { status: wasLive ? 'unchanged' : 'published', release, slug, artifacts: verified };
}

function verifyOptions(request: FinishRequest, server: ServerState, release: ReleaseResponse) {
  return {
    slug: server.slug ?? request.slug,
    publicKey: request.publicKey ?? parsePublicKey(server.pubkey ?? ''),
    previousVersion: liveBefore(server.releases, release)?.version,
    concurrency: request.concurrency,
  };
}

function requireComplete(
  { version }: ReleaseResponse,
  artifacts: readonly PublishedFile[],
  expected: readonly string[] = [],
): void {
  const missing = missingNames(expected, artifacts);
  if (artifacts.length > 0 && missing.length === 0) return;
  const message =
    artifacts.length === 0 ? `${version} has no files yet` : `${version} lacks ${missing.join(', ')}`;
  throw new OtaError('preflight_refused', message, { hint: 'Publish what is missing into it first.' });
}
