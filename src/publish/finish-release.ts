import { OtaError } from '../errors.ts';
import { throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { missingNames } from '../protocol/platform.ts';
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

export interface FinishRequest {
  /** Id or version of a draft. */
  readonly release: string;
  /** Names of platforms that it must have. */
  readonly expect?: readonly string[] | undefined;
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
  requireComplete(found, files, request.expect);
  const { publicUrl } = capabilities;
  throwIssues(checkPublicUrl({ publicUrl, server: client.server, origins: new Set() }).issues);
  const { version } = found;
  const server = await readServerState(publisher, { version, platforms: files, extensions, releases });
  const wasLive = found.status === 'published';
  const { allowStranding = false } = request;
  if (!wasLive && !allowStranding)
    throwIssues(strandingIssues({ ...found, files: signedFilesOf(found) }, server));
  const going = { files, allowStranding: allowStranding && supports(server, 'key-routing') };
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
  return { status: wasLive ? 'unchanged' : 'published', release, slug, artifacts };
}

function requireComplete(
  { version }: ReleaseResponse,
  files: readonly PublishedFile[],
  expected: readonly string[] = [],
): void {
  const missing = missingNames(expected, files);
  if (files.length > 0 && missing.length === 0) return;
  const message =
    files.length === 0 ? `${version} has no files yet` : `${version} lacks ${missing.join(', ')}`;
  throw new OtaError('preflight_refused', message, { hint: 'Publish the missing files into it first.' });
}
