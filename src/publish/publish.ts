import pMap from 'p-map';
import { OtaError } from '../errors.ts';
import type { ReleaseAnswer } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { ensureRelease } from './ensure-release.ts';
import { type Fault, throwFaults } from './fault.ts';
import { type ArtifactInput, inspectArtifacts } from './local-artifact.ts';
import { type Plan, type PlannedArtifact, plan, type ReleaseRequest, requestFaults } from './plan.ts';
import type { Publisher } from './publisher.ts';
import { readServerView } from './server-view.ts';
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

const NOT_CHECKED = 'signatures were not checked, because no public key is known: pass --pubkey';
const NOT_VERIFIED = 'what is served is not verified, because no slug is known: pass --slug';

/**
 * The whole walk: inspect, look, plan, then slug, release, uploads, and the check that installed apps get what was
 * signed. Every fault is found before the first write. Running it again finishes what an earlier run began.
 */
export async function publish(publisher: Publisher, request: PublishRequest): Promise<PublishResult> {
  const { report } = publisher;
  const inspection = await inspectArtifacts(request.artifacts, {
    publicKey: request.publicKey,
    version: request.version,
    signal: publisher.signal,
    onHashing: (file) => report({ type: 'hashing', file }),
  });
  throwFaults([...requestFaults(request), ...(request.faults ?? []), ...inspection.faults]);

  const { version, slug } = request;
  const server = await readServerView(publisher, { version, slug, platforms: inspection.artifacts });
  const planned = plan(request, inspection.artifacts, server);
  if ('faults' in planned) {
    throwFaults(planned.faults);
    throw new Error('a plan without faults has none to report');
  }
  const publicKey = request.publicKey ?? parsePublicKey(server.pubkey ?? '');
  const unchecked = publicKey === undefined ? [NOT_CHECKED] : [];
  const unverified = planned.plan.slug === undefined ? [NOT_VERIFIED] : [];
  const warnings = [...inspection.warnings, ...unchecked, ...unverified, ...planned.plan.warnings];
  for (const message of warnings) report({ type: 'warning', message });
  if (request.dryRun) {
    const release = 'existing' in planned.plan.release ? planned.plan.release.existing : undefined;
    const artifacts = planned.plan.artifacts.map((artifact) => ({ ...artifact, verified: false }));
    return { status: 'planned', plan: planned.plan, release, artifacts, warnings };
  }
  const outcome = await execute(publisher, planned.plan, { concurrency: request.concurrency, publicKey });
  return { ...outcome, plan: planned.plan, warnings };
}

async function execute(
  publisher: Publisher,
  { newSlug, slug, release: planned, artifacts }: Plan,
  { concurrency, publicKey }: Pick<PublishRequest, 'concurrency' | 'publicKey'>,
): Promise<Pick<PublishResult, 'status' | 'release' | 'artifacts'>> {
  const { client, retry, report, appId } = publisher;
  if (newSlug !== undefined) {
    await retry.run(() => client.setSlug(appId, newSlug));
    report({ type: 'slug_set', slug: newSlug });
  }
  const release = 'existing' in planned ? planned.existing : await ensureRelease(publisher, planned.create);
  report({ type: 'existing' in planned ? 'release_found' : 'release_created', release });

  const stored = await uploadAll(publisher, release, artifacts, concurrency);
  const verified = await verifyAll(publisher, release, stored, slug, publicKey);
  const changed =
    newSlug !== undefined || 'create' in planned || artifacts.some(({ action }) => action === 'upload');
  return { status: changed ? 'published' : 'unchanged', release, artifacts: verified };
}

/**
 * One upload that fails does not stop the others: what they bring need not be sent again.
 * @returns the artifacts with the signatures that are served for them
 */
async function uploadAll(
  publisher: Publisher,
  release: ReleaseAnswer,
  artifacts: readonly PlannedArtifact[],
  concurrency: number,
): Promise<PlannedArtifact[]> {
  const failures: unknown[] = [];
  const upload = async (artifact: PlannedArtifact): Promise<PlannedArtifact> => {
    if (artifact.action === 'skip') {
      publisher.report({ type: 'skipped', artifact });
      return artifact;
    }
    try {
      return { ...artifact, servedSignature: await uploadArtifact(publisher, release.id, artifact) };
    } catch (error) {
      failures.push(error);
      return artifact;
    }
  };
  const stored = await pMap(artifacts, upload, { concurrency });
  throwWorst(failures, publisher);
  return stored;
}

/** Throws the failure that needs a person rather than another try; the others are reported. */
function throwWorst(failures: readonly unknown[], { report }: Publisher): void {
  const needsPerson = (error: unknown) => !(error instanceof OtaError && error.retryable);
  const worst = failures.find(needsPerson) ?? failures[0];
  for (const error of failures) {
    if (error !== worst && error instanceof Error) report({ type: 'warning', message: error.message });
  }
  if (worst !== undefined) throw worst;
}

async function verifyAll(
  publisher: Publisher,
  release: ReleaseAnswer,
  artifacts: readonly PlannedArtifact[],
  slug: string | undefined,
  publicKey: PublicKey | undefined,
): Promise<PublishedArtifact[]> {
  if (slug === undefined) {
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
      publicKey,
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
