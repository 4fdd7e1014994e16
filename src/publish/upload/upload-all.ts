import pMap from 'p-map';
import { BufferPool } from '../../client/transfer/buffer-pool.ts';
import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { whileThere } from '../server-state/withdrawal.ts';
import { uploadArtifact } from './upload-artifact.ts';
import type { UploadGrant } from './upload-grant.ts';

export interface UploadOptions {
  /** Uploads at once. */
  readonly concurrency: number;
  /** Whether the server takes the release live by itself with the last platform it waits for. */
  readonly promiseFirst: boolean;
  /** The app's slug; undefined when nobody knows. */
  readonly slug: string | undefined;
}

export interface Uploaded {
  /** With the signatures that are served for them. */
  readonly artifacts: readonly PlannedArtifact[];
  /** Whether the release went live by one of these uploads. Undefined where nobody told. */
  readonly wentLive: boolean | undefined;
}

/**
 * One upload that fails does not stop the others: what they bring need not be sent again.
 */
export async function uploadAll(
  publisher: Publisher,
  release: ReleaseResponse,
  artifacts: readonly PlannedArtifact[],
  { concurrency, promiseFirst, slug }: UploadOptions,
): Promise<Uploaded> {
  const promised = promiseFirst ? await promiseAll(publisher, release, artifacts, concurrency) : [];
  const buffers = new BufferPool();
  const failures: unknown[] = [];
  const wentLive: (boolean | undefined)[] = [];
  const upload = async (artifact: PlannedArtifact, index: number): Promise<PlannedArtifact> => {
    if (artifact.action === 'skip') {
      publisher.report({ type: 'skipped', artifact });
      return artifact;
    }
    try {
      const options = { promised: promised[index], slug, buffers };
      const sent = await uploadArtifact(publisher, release, artifact, options);
      wentLive.push(sent.wentLive);
      return { ...artifact, servedSignature: sent.servedSignature };
    } catch (error) {
      failures.push(error);
      return artifact;
    }
  };
  const stored = await pMap(artifacts, upload, { concurrency });
  throwWorst(failures, publisher);
  const byOne = wentLive.includes(true);
  return { artifacts: stored, wentLive: byOne || (wentLive.includes(undefined) ? undefined : false) };
}

/**
 * Announces every upload before the first is complete: a platform that is expected then goes live with all its kinds
 * of bundle, not with the first of them. One that another upload was quicker with is settled when it is its turn.
 * @returns what was promised for each
 */
async function promiseAll(
  { client, retry, appId }: Publisher,
  release: ReleaseResponse,
  artifacts: readonly PlannedArtifact[],
  concurrency: number,
): Promise<(UploadGrant | undefined)[]> {
  const promise = async ({ action, body }: PlannedArtifact): Promise<UploadGrant | undefined> => {
    if (action === 'skip') return undefined;
    const announce = () =>
      retry
        .run(() => client.createArtifact(appId, release.id, body))
        .catch((error) => {
          if (error instanceof OtaError && error.code === 'conflict') return undefined;
          throw error;
        });
    return whileThere(release.version, announce);
  };
  return pMap(artifacts, promise, { concurrency });
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
