import { throwIssues } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { PublicKey } from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { joinRelease } from '../plan/existing-release.ts';
import type { Plan } from '../plan/plan.ts';
import type { Visibility } from '../plan/visibility.ts';
import type { Publisher } from '../publisher.ts';
import type { ReleaseRequest } from '../release-request.ts';
import { listedFiles, type PublishedFile } from '../server-state/published-file.ts';
import type { ServerState } from '../server-state/server-state.ts';
import { uploadAll } from '../upload/upload-all.ts';
import { unverified, type Verified, verifyRelease } from '../verify/verify-release.ts';
import { ensureRelease } from './ensure-release.ts';
import { goLive } from './go-live.ts';
import { rollBack } from './rollback.ts';

export interface ExecuteOptions {
  readonly request: ReleaseRequest & {
    /** Uploads and downloads at once. */
    readonly concurrency: number;
    /** Take back what this run created if it does not end well. */
    readonly rollbackOnFailure?: boolean;
  };
  readonly server: Pick<ServerState, 'extensions'>;
  /** The app's key, to check what is served by. */
  readonly publicKey: PublicKey | undefined;
  /** The version that apps update from. */
  readonly previousVersion: string | undefined;
}

/** It was there before, another job was quicker, or the answer to its creation was lost. */
const NOT_KNOWN_AS_OWN = 'this run is not known to have created it';

/** What became of the plan. */
export interface Outcome {
  /** What this run did. `draft`: it left one, which another job may have taken live since. */
  readonly status: 'published' | 'draft' | 'unchanged';
  readonly release: ReleaseResponse;
  readonly artifacts: readonly Verified<PublishedFile>[];
}

/** Does what was planned: everything is prepared by now, and each step can be repeated by another run. */
export async function executePlan(
  publisher: Publisher,
  plan: Plan,
  options: ExecuteOptions,
): Promise<Outcome> {
  const { client, retry, report, appId } = publisher;
  const { newSlug, slug, release: planned, artifacts } = plan;
  if (newSlug !== undefined) {
    await retry.run(() => client.setSlug(appId, newSlug));
    report({ type: 'slug_set', slug: newSlug });
  }
  const { release, created } =
    'existing' in planned
      ? { release: planned.existing, created: false }
      : await ensureRelease(publisher, planned.create);
  report({ type: created ? 'release_created' : 'release_found', release });
  try {
    const outcome = await fillAndGoLive(publisher, plan, release, created, options);
    const changed =
      newSlug !== undefined || 'create' in planned || artifacts.some(({ action }) => action === 'upload');
    const unchanged = outcome.status === 'published' && !changed && plan.visibility === 'at_once';
    return unchanged ? { ...outcome, status: 'unchanged' } : outcome;
  } catch (error) {
    if (options.request.rollbackOnFailure && !publisher.signal?.aborted) {
      if (created) await rollBack(publisher, { release, artifacts, slug });
      else report({ type: 'warning', message: `${release.version} stays: ${NOT_KNOWN_AS_OWN}` });
    }
    throw error;
  }
}

async function fillAndGoLive(
  publisher: Publisher,
  plan: Plan,
  release: ReleaseResponse,
  created: boolean,
  options: ExecuteOptions,
): Promise<Outcome> {
  const { request, publicKey, previousVersion } = options;
  const { concurrency } = request;
  const adopted = 'create' in plan.release && !created;
  const visibility = adopted ? goLiveOfAdopted(release, plan, options) : plan.visibility;
  const promiseFirst = visibility === 'when_expected';
  const uploading = { concurrency, promiseFirst, slug: plan.slug };
  const uploaded = await uploadAll(publisher, release, plan.artifacts, uploading);
  const { release: current, live } = await goLive(publisher, release, uploaded, visibility);
  const own = uploaded.artifacts;
  if (live === 'not_yet') return { status: 'draft', release: current, artifacts: unverified(own) };
  // The other jobs have ended, and could verify nothing.
  const all = promiseFirst && live === 'by_this_run' ? [...own, ...broughtByOthers(current, own)] : own;
  const verifying = { slug: plan.slug, publicKey, previousVersion, concurrency };
  const artifacts = await verifyRelease(publisher, current, all, verifying);
  return { status: live === 'by_this_run' ? 'published' : 'draft', release: current, artifacts };
}

function broughtByOthers(release: ReleaseResponse, own: readonly Platform[]): PublishedFile[] {
  const names = own.map(platformName);
  return listedFiles(release).filter((file) => !names.includes(platformName(file)));
}

/** Another job may have created the release since it was planned, in another way. */
function goLiveOfAdopted(
  release: ReleaseResponse,
  { artifacts }: Plan,
  { request, server }: ExecuteOptions,
): Visibility {
  const uploads = artifacts.filter(({ action }) => action === 'upload');
  const visibility = joinRelease(release, request, { all: artifacts, uploads }, server);
  if (typeof visibility === 'string') return visibility;
  throwIssues(visibility.issues);
  throw new Error('there is a reason why it must not be joined');
}
