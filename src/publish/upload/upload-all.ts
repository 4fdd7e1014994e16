import { hasStatus, OtaError } from '../../errors.ts';
import { compareByPreference } from '../../protocol/platform.ts';
import { placeOf } from '../../protocol/routing/default-kinds.ts';
import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { requireNotDeleted } from '../server-state/withdrawal.ts';
import { uploadArtifact } from './upload-artifact.ts';
import type { UploadContext, UploadGrant } from './upload-grant.ts';

export interface UploadAllOptions {
  /** Concurrent uploads. */
  readonly concurrency: number;
  /** Whether the server takes the release live by itself with the last expected platform. */
  readonly grantsFirst: boolean;
}

export interface UploadedFiles {
  /** With the signatures that are served for them. */
  readonly artifacts: readonly PlannedArtifact[];
  /** Whether the release went live by one of these uploads. Undefined where the server did not say. */
  readonly wentLive: boolean | undefined;
}

/** A failing upload does not stop the others: what they upload need not be sent again. */
export async function uploadAll(
  context: UploadContext,
  artifacts: readonly PlannedArtifact[],
  { concurrency, grantsFirst }: UploadAllOptions,
): Promise<UploadedFiles> {
  const { publisher } = context;
  const request = (artifact: PlannedArtifact) => requestGrant(context, artifact);
  const grants = grantsFirst ? await mapConcurrently(artifacts, request, { concurrency }) : [];
  const failures: unknown[] = [];
  const failedPlaces = new Set<string>();
  const wentLive: (boolean | undefined)[] = [];
  // If the release is live, or another job takes it live now, the first file of a platform is what its apps get from then on.
  const isFirst = artifacts.map((artifact) => grantsFirst || isMainOf(artifacts, artifact));
  const upload = async (artifact: PlannedArtifact, index: number): Promise<PlannedArtifact> => {
    if (artifact.action === 'skip') {
      publisher.report({ type: 'skipped', artifact });
      return artifact;
    }
    try {
      const uploaded = await uploadArtifact(context, artifact, grants[index]);
      wentLive.push(uploaded.wentLive);
      return { ...artifact, servedSignature: uploaded.servedSignature };
    } catch (error) {
      failures.push(error);
      failedPlaces.add(placeOf(artifact));
      return artifact;
    }
  };
  const firsts = await mapConcurrently(artifacts, async (one, i) => (isFirst[i] ? upload(one, i) : one), {
    concurrency,
  });
  const isNext = (one: PlannedArtifact, i: number) => !isFirst[i] && !failedPlaces.has(placeOf(one));
  const stored = await mapConcurrently(firsts, async (one, i) => (isNext(one, i) ? upload(one, i) : one), {
    concurrency,
  });
  throwWorst(failures, publisher);
  const byThisRun = wentLive.includes(true);
  return { artifacts: stored, wentLive: byThisRun || (wentLive.includes(undefined) ? undefined : false) };
}

function isMainOf(artifacts: readonly PlannedArtifact[], artifact: PlannedArtifact): boolean {
  const here = artifacts.filter((other) => placeOf(other) === placeOf(artifact) && !other.onlyByType);
  return artifact === here.toSorted(compareByPreference)[0];
}

/**
 * Requests the grants of all files before the first upload is complete: an expected platform then goes live with all
 * its bundle types, not with the first of them.
 * @returns undefined for a file that another job has already uploaded; the upload resolves that conflict
 */
async function requestGrant(
  { publisher, release }: UploadContext,
  { action, body }: PlannedArtifact,
): Promise<UploadGrant | undefined> {
  if (action === 'skip') return undefined;
  const { client, retry, appId } = publisher;
  const call = () => retry.run(() => client.createArtifact(appId, release.id, body));
  return requireNotDeleted(release.version, call).catch((error) => {
    if (hasStatus(error, 409)) return undefined;
    throw error;
  });
}

/** Throws the failure that a retry does not help against, if any; the others are reported. */
function throwWorst(failures: readonly unknown[], { report }: Publisher): void {
  const needsPerson = (error: unknown) => !(error instanceof OtaError && error.retryable);
  const worst = failures.find(needsPerson) ?? failures[0];
  for (const error of failures) {
    if (error !== worst && error instanceof Error) report({ type: 'warning', message: error.message });
  }
  if (worst !== undefined) throw worst;
}
