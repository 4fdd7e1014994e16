import pMap from 'p-map';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import type { PublicKey } from '../protocol/minisign.ts';
import { ensureRelease } from './ensure-release.ts';
import { type Fault, throwFaults } from './fault.ts';
import { type ArtifactInput, inspectArtifacts } from './local-artifact.ts';
import { lookAtServer } from './look.ts';
import { type Plan, type PlannedArtifact, plan, type ReleaseRequest, requestFaults } from './plan.ts';
import type { Publisher } from './publisher.ts';
import { uploadArtifact } from './upload-artifact.ts';
import { verificationError, verifyServed } from './verify.ts';

export interface PublishRequest extends ReleaseRequest {
  readonly artifacts: readonly ArtifactInput[];
  readonly publicKey?: PublicKey | undefined;
  /** What was found wrong before, to be reported with the rest. */
  readonly faults?: readonly Fault[];
  /** Uploads at once. */
  readonly concurrency: number;
  /** Decide everything, change nothing. */
  readonly dryRun: boolean;
}

export interface PublishedArtifact extends PlannedArtifact {
  /** Where installed apps are sent to; undefined when it was not verified. */
  readonly url?: string;
  readonly verified: boolean;
}

export interface PublishResult {
  readonly status: 'published' | 'unchanged' | 'planned';
  readonly plan: Plan;
  /** Undefined when only planned and not there yet. */
  readonly release: ReleaseAnswer | undefined;
  readonly artifacts: readonly PublishedArtifact[];
  readonly warnings: readonly string[];
}

/**
 * The whole walk: inspect, look, plan, then slug, release, uploads, and the check that installed apps get what was
 * signed. Every fault is found before the first write. Running it again finishes what an earlier run began.
 */
export async function publish(publisher: Publisher, request: PublishRequest): Promise<PublishResult> {
  const { report } = publisher;
  const inspection = await inspectArtifacts(request.artifacts, {
    publicKey: request.publicKey,
    version: request.version,
    onHashing: (file) => report({ type: 'hashing', file }),
  });
  throwFaults([...requestFaults(request), ...(request.faults ?? []), ...inspection.faults]);

  const { version, slug } = request;
  const server = await lookAtServer(publisher, { version, slug, platforms: inspection.artifacts });
  const planned = plan(request, inspection.artifacts, server);
  if ('faults' in planned) {
    throwFaults(planned.faults);
    throw new Error('a plan without faults has none to report');
  }
  const warnings = [...inspection.warnings, ...planned.plan.warnings];
  for (const message of warnings) report({ type: 'warning', message });
  if (request.dryRun) {
    const release = 'existing' in planned.plan.release ? planned.plan.release.existing : undefined;
    const artifacts = planned.plan.artifacts.map((artifact) => ({ ...artifact, verified: false }));
    return { status: 'planned', plan: planned.plan, release, artifacts, warnings };
  }
  return { ...(await execute(publisher, planned.plan, request.concurrency)), plan: planned.plan, warnings };
}

async function execute(
  publisher: Publisher,
  { newSlug, slug, release: planned, artifacts }: Plan,
  concurrency: number,
): Promise<Pick<PublishResult, 'status' | 'release' | 'artifacts'>> {
  const { client, retry, report, appId } = publisher;
  if (newSlug !== undefined) {
    await retry.run(() => client.setSlug(appId, newSlug));
    report({ type: 'slug_set', slug: newSlug });
  }
  const release = 'existing' in planned ? planned.existing : await ensureRelease(publisher, planned.create);
  report({ type: 'existing' in planned ? 'release_found' : 'release_created', release });

  await uploadAll(publisher, release, artifacts, concurrency);
  const verified = await verifyAll(publisher, release, artifacts, slug);
  const changed =
    newSlug !== undefined || 'create' in planned || artifacts.some(({ action }) => action === 'upload');
  return { status: changed ? 'published' : 'unchanged', release, artifacts: verified };
}

/** One upload that fails does not stop the others: what they bring need not be sent again. */
async function uploadAll(
  publisher: Publisher,
  release: ReleaseAnswer,
  artifacts: readonly PlannedArtifact[],
  concurrency: number,
): Promise<void> {
  const failures: unknown[] = [];
  const upload = async (artifact: PlannedArtifact) => {
    if (artifact.action === 'skip') return publisher.report({ type: 'skipped', artifact });
    await uploadArtifact(publisher, release.id, artifact).catch((error) => failures.push(error));
  };
  await pMap(artifacts, upload, { concurrency });
  if (failures.length > 0) throw failures[0];
}

async function verifyAll(
  publisher: Publisher,
  release: ReleaseAnswer,
  artifacts: readonly PlannedArtifact[],
  slug: string | undefined,
): Promise<PublishedArtifact[]> {
  if (slug === undefined) {
    publisher.report({ type: 'warning', message: 'what is served was not verified: pass --slug' });
    return artifacts.map((artifact) => ({ ...artifact, verified: false }));
  }
  const failed: { platform: PlannedArtifact; reason: string }[] = [];
  const verified: PublishedArtifact[] = [];
  for (const artifact of artifacts) {
    const verdict = await verifyServed(publisher, {
      ...artifact,
      slug,
      releaseId: release.id,
      version: release.version,
      signature: artifact.servedSignature,
    });
    if (verdict.verified) {
      publisher.report({ type: 'verified', artifact });
      verified.push({ ...artifact, verified: true, url: verdict.url });
    } else {
      failed.push({ platform: artifact, reason: verdict.reason });
    }
  }
  if (failed.length > 0) throw verificationError(failed);
  return verified;
}
