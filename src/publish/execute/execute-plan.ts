import { BufferPool } from '../../client/transfer/buffer-pool.ts';
import { requireOk } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { checkExistingRelease } from '../plan/existing-release.ts';
import type { Plan } from '../plan/plan.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { fillingChange, keptNotesWarning, notesToFill } from '../plan/release-notes.ts';
import { routingChange } from '../plan/routing.ts';
import type { Visibility } from '../plan/visibility.ts';
import type { Publisher } from '../publisher.ts';
import type { ReleaseRequest } from '../release-request.ts';
import {
  listedFiles,
  type PublishedFile,
  type RepairFile,
  unverified,
  type VerifiedFile,
} from '../server-state/published-file.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { requireNotDeleted } from '../server-state/withdrawal.ts';
import { repairIfLost } from '../upload/repair-if-lost.ts';
import { uploadAll } from '../upload/upload-all.ts';
import type { UploadContext } from '../upload/upload-grant.ts';
import { attestRelease } from './attest-release.ts';
import { type EnsuredRelease, ensureRelease } from './ensure-release.ts';
import { goLive } from './go-live.ts';
import { afterRollback, rollBack } from './rollback.ts';
import { canSign, signManifest } from './sign-manifest.ts';

export interface ExecuteOptions {
  readonly request: ReleaseRequest & {
    /** Concurrent uploads. */
    readonly concurrency: number;
  };
  readonly server: Pick<ServerState, 'extensions' | 'approval'>;
  /** Called once a new slug is registered, before the release is created. What it throws ends the run. */
  readonly afterSlug?: () => Promise<void>;
  /** Checks what installed apps get. A failure counts as one of the plan's steps. */
  readonly verify: (
    release: ReleaseResponse,
    files: readonly PublishedFile[],
    repair: RepairFile,
  ) => Promise<VerifiedFile[]>;
}

export interface PlanOutcome {
  /** What this run did. `draft`: it left one, which another job may have taken live since. */
  readonly status: 'published' | 'draft' | 'unchanged';
  readonly release: ReleaseResponse;
  readonly artifacts: readonly VerifiedFile[];
}

/** Carries out a plan. Everything was checked before, and another run can repeat each step. */
export async function executePlan(
  publisher: Publisher,
  plan: Plan,
  options: ExecuteOptions,
): Promise<PlanOutcome> {
  return new Execution(publisher, plan, options).run();
}

class Execution {
  readonly #publisher: Publisher;
  readonly #plan: Plan;
  readonly #options: ExecuteOptions;

  constructor(publisher: Publisher, plan: Plan, options: ExecuteOptions) {
    this.#publisher = publisher;
    this.#plan = plan;
    this.#options = options;
  }

  async run(): Promise<PlanOutcome> {
    const { client, retry, report, appId } = this.#publisher;
    const { newSlug, release: planned, visibility } = this.#plan;
    if (newSlug !== undefined) {
      await retry.run(() => client.setSlug(appId, newSlug));
      report({ type: 'slug_set', slug: newSlug });
      await this.#options.afterSlug?.();
    }
    const ensured =
      planned.kind === 'existing'
        ? { release: planned.existing, created: false }
        : await ensureRelease(this.#publisher, planned.body);
    report({ type: ensured.created ? 'release_created' : 'release_found', release: ensured.release });
    try {
      const release = await this.#withNotes(ensured);
      const outcome = await this.#uploadAndGoLive({ ...ensured, release });
      const changed =
        newSlug !== undefined ||
        planned.kind === 'new' ||
        outcome.artifacts.some(({ action }) => action === 'upload');
      const unchanged = outcome.status === 'published' && !changed && visibility === 'at_once';
      return unchanged ? { ...outcome, status: 'unchanged' } : outcome;
    } catch (error) {
      throw (await this.#rollBack(ensured)) ? afterRollback(error) : error;
    }
  }

  async #uploadAndGoLive({ release, created }: EnsuredRelease): Promise<PlanOutcome> {
    const { slug, artifacts } = this.#plan;
    const { request, server, verify } = this.#options;
    const visibility = this.#visibilityOf(release, created);
    if (!created) await this.#completeRelease(release, visibility);
    await this.#signStatements(release, created);
    const grantsFirst = visibility === 'when_expected';
    const context = { publisher: this.#publisher, release, slug, buffers: new BufferPool() };
    const uploaded = await uploadAll(context, artifacts, { concurrency: request.concurrency, grantsFirst });
    const { kind, release: current } = await goLive(this.#publisher, {
      release,
      uploaded,
      visibility,
      allowStranding: request.allowStranding && supports(server, 'key-routing'),
    });
    const own = uploaded.artifacts;
    if (kind === 'not_live') return { status: 'draft', release: current, artifacts: unverified(own) };
    const byThisRun = kind === 'live_by_this_run';
    // The other jobs ended before the release was live, so they could not verify their files.
    const all = grantsFirst && byThisRun ? [...own, ...uploadedByOthers(current, own)] : own;
    const verified = await verify(current, all, (file) => this.#repair(context, file));
    return { status: byThisRun ? 'published' : 'draft', release: current, artifacts: verified };
  }

  /** Extensions `manifest` and `attestation`. */
  async #signStatements(release: ReleaseResponse, created: boolean): Promise<void> {
    const { slug, artifacts, release: planned } = this.#plan;
    const { request, server } = this.#options;
    const { manifest: signer, attestor, validity, notes, embeddedKey, expect: expects = [] } = request;
    const maySign = canSign(this.#publisher, signer, { slug, server });
    if (slug === undefined) return;
    const own = planned.kind === 'new' && created ? (planned.body.notes ?? null) : notes;
    // Where another job has set other notes, this one does not vouch for them.
    const signed = own === (release.notes ?? null) ? own : undefined;
    const facts = { release, slug, artifacts, notes: signed, embeddedKey, expects };
    if (signer && maySign) await signManifest(this.#publisher, signer, facts);
    if (attestor && validity) await attestRelease(this.#publisher, { attestor, validity }, facts);
  }

  /** Fills the notes of a draft in that has none. Another job may have created it since the plan was made. */
  async #withNotes({ release, created }: EnsuredRelease): Promise<ReleaseResponse> {
    const { client, retry, report, appId } = this.#publisher;
    const { request, server } = this.#options;
    const notes = created ? undefined : notesToFill(release, request, server);
    if (notes === undefined) return release;
    const call = () => retry.run(() => client.updateRelease(appId, release.id, fillingChange(notes)));
    const filled = await requireNotDeleted(release.version, call);
    if (filled.notes === notes) report({ type: 'notes_added', release: filled });
    else report({ type: 'warning', message: keptNotesWarning(release.version) });
    return { ...release, notes: filled.notes ?? null };
  }

  /** Since the plan was made, another job may have created the release in a different way. */
  #visibilityOf(release: ReleaseResponse, created: boolean): Visibility {
    const { visibility, release: planned, artifacts } = this.#plan;
    if (planned.kind === 'existing' || created) return visibility;
    const { request, server } = this.#options;
    const uploads = artifacts.filter(addsFile);
    return requireOk(checkExistingRelease(release, { request, artifacts, uploads }, server));
  }

  /** Another job may have created the release since the plan was made. */
  async #completeRelease(release: ReleaseResponse, visibility: Visibility): Promise<void> {
    const { client, retry, appId } = this.#publisher;
    const { request, server } = this.#options;
    const isOffered = visibility === 'at_once' && this.#plan.artifacts.some(addsFile);
    const change = routingChange(release, { request, isOffered }, server);
    if (change !== undefined) await retry.run(() => client.updateRelease(appId, release.id, change));
  }

  /** Only what this run has skipped: it has no other files. */
  async #repair(context: UploadContext, file: PublishedFile): Promise<boolean> {
    if (!supports(this.#options.server, 'lost-files')) return false;
    const name = platformName(file);
    const skipped = this.#plan.artifacts.find(
      (artifact) => artifact.action === 'skip' && platformName(artifact) === name,
    );
    return skipped !== undefined && (await repairIfLost(context, skipped));
  }

  /** @returns whether the release is gone */
  async #rollBack({ release, created }: EnsuredRelease): Promise<boolean> {
    if (!this.#options.request.rollbackOnFailure || this.#publisher.signal?.aborted) return false;
    const { artifacts, slug } = this.#plan;
    const { server } = this.#options;
    if (created) return rollBack(this.#publisher, { release, artifacts, slug, server });
    // It existed before, another job was faster, or the response to its creation was lost.
    const message = `${release.version} was not rolled back: this run may not have created it`;
    this.#publisher.report({ type: 'warning', message });
    return false;
  }
}

function addsFile({ action, repairs }: PlannedArtifact): boolean {
  return action === 'upload' && !repairs;
}

function uploadedByOthers(release: ReleaseResponse, own: readonly Platform[]): PublishedFile[] {
  const names = own.map(platformName);
  return listedFiles(release).filter((file) => !names.includes(platformName(file)));
}
