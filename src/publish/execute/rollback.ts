import { hasStatus, OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { DOCUMENTED_ARCHS, platformName, TARGETS } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { lookUpRelease } from '../server-state/find-release.ts';
import {
  listedArtifacts,
  type ServerState,
  type StoredArtifact,
  servedArtifacts,
  supports,
} from '../server-state/server-state.ts';

export interface RollbackRequest {
  /** A release that this run created. */
  readonly release: ReleaseResponse;
  /** The files that this run was to upload into it. */
  readonly artifacts: readonly PlannedArtifact[];
  /** Needed where a server does not list artifacts. */
  readonly slug: string | undefined;
  readonly server: Pick<ServerState, 'extensions'>;
}

type RollbackResult =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'already_gone' }
  | { readonly kind: 'kept'; readonly reason: string };

/**
 * Deletes a release that this run created, unless others have added files to it. A failure is reported and not thrown:
 * the error to show is the one that made the publish fail.
 * @returns whether the release is gone
 */
export async function rollBack(publisher: Publisher, request: RollbackRequest): Promise<boolean> {
  const { report } = publisher;
  const { release } = request;
  const warn = (message: string) => report({ type: 'warning', message: `${release.version} ${message}` });
  try {
    const result = await deleteIfOwn(publisher, request);
    if (result.kind === 'deleted') report({ type: 'rolled_back', release });
    else if (result.kind === 'kept') warn(`was not rolled back: ${result.reason}`);
    return result.kind !== 'kept';
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    warn(`could not be rolled back: ${error.message}`);
    return false;
  }
}

/** The error of a publish that was rolled back: a failed verification must not advise to delete what is gone. */
export function afterRollback(error: unknown): unknown {
  if (!(error instanceof OtaError) || error.code !== 'verification_failed') return error;
  return new OtaError(error.code, error.message, {
    cause: error.cause,
    status: error.status,
    issueIds: error.issueIds,
    hint: 'The release is deleted and no longer offered: check the server, then run the same command again.',
  });
}

async function deleteIfOwn(publisher: Publisher, request: RollbackRequest): Promise<RollbackResult> {
  const { client, retry, appId } = publisher;
  const { id } = request.release;
  const { release: current } = await retry.run(() => lookUpRelease(publisher, id));
  if (current === undefined) return { kind: 'already_gone' };
  const stored = await artifactsOf(publisher, current, request.slug);
  if (stored === undefined) return kept('without --slug it is unknown whether other jobs have added files');
  const own = new Map(request.artifacts.map((artifact) => [platformName(artifact), artifact.sha256]));
  const others = [...stored].filter(([name, { sha256 }]) => own.get(name) !== sha256);
  if (others.length > 0) return kept(`another job uploaded ${others.map(([name]) => name).join(', ')}`);
  // Only our server lists artifacts, and supports this condition.
  const onlyWithArtifacts = current.artifacts === undefined ? undefined : stored.size;
  // All is again as it was before this run, whatever way some versions had in between.
  const allowStranding = supports(request.server, 'key-routing');
  try {
    await retry.run(() => client.deleteRelease(appId, id, { onlyWithArtifacts, allowStranding }));
  } catch (error) {
    if (hasStatus(error, 412)) return kept('another job has added files');
    if (!hasStatus(error, 404)) throw error; // 404: an earlier attempt deleted it, and its response was lost
  }
  return { kind: 'deleted' };
}

function kept(reason: string): RollbackResult {
  return { kind: 'kept', reason };
}

/** The release's artifacts as the server lists them, else as it serves them. Undefined where that is unknown. */
async function artifactsOf(
  publisher: Publisher,
  release: ReleaseResponse,
  slug: string | undefined,
): Promise<ReadonlyMap<string, StoredArtifact> | undefined> {
  if (release.artifacts !== undefined) return listedArtifacts(release);
  if (slug === undefined) return undefined;
  const platforms = TARGETS.flatMap((target) => DOCUMENTED_ARCHS.map((arch) => ({ target, arch })));
  return servedArtifacts(publisher, { slug, releaseId: release.id }, platforms);
}
