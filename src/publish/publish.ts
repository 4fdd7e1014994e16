import { Retry } from '../client/retry.ts';
import { OtaError } from '../errors.ts';
import { type Issue, throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { isVersion } from '../protocol/version.ts';
import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import { executePlan } from './execute/execute-plan.ts';
import { type Inspection, inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput } from './inspect/local-artifact.ts';
import { type Plan, plan, requestIssues } from './plan/plan.ts';
import { liveBefore } from './plan/previous-release.ts';
import { previewRequests } from './plan/request-preview.ts';
import { checkServerCompatibility } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import type { PublishedFile } from './server-state/published-file.ts';
import { readExtensions, readServerState, type ServerState } from './server-state/server-state.ts';
import { unverified, type Verified } from './verify/verify-release.ts';

export interface PublishRequest extends ReleaseRequest {
  readonly artifacts: readonly ArtifactInput[];
  /** Whether the files were found in a project, so that one the server has no place for may be left out. */
  readonly discovered?: boolean;
  /** What was found and is not published. */
  readonly leftOut?: readonly LeftOut[];
  readonly publicKey?: PublicKey | undefined;
  /** What was found wrong before, to be reported with the rest. */
  readonly issues?: readonly Issue[];
  /** Uploads at once. */
  readonly concurrency: number;
  /** Decide everything, change nothing. */
  readonly dryRun: boolean;
  /** Take back what this run created if it does not end well. */
  readonly rollbackOnFailure?: boolean;
}

export interface PublishResult {
  readonly status: 'published' | 'draft' | 'unchanged' | 'planned';
  /** Undefined when only planned and not there yet. */
  readonly release: ReleaseResponse | undefined;
  /** The app's; undefined when nobody knows it. */
  readonly slug: string | undefined;
  readonly artifacts: readonly Verified<PublishedFile>[];
  readonly warnings: readonly string[];
  /** What a publish would send, where it was only planned. */
  readonly requests?: readonly string[];
}

const NOT_CHECKED = 'signatures were not checked, because no public key is known: pass --pubkey';
const NOT_VERIFIED = 'what is served is not verified, because no slug is known: pass --slug';

/**
 * The whole walk: inspect, look, plan, then slug, release, uploads, going live, and the check that installed apps get
 * what was signed. Every issue is found before the first write. Running it again finishes what an earlier run began.
 */
export async function publish(publisher: Publisher, request: PublishRequest): Promise<PublishResult> {
  const { report } = publisher;
  const inspection = await inspectArtifacts(request.artifacts, {
    publicKey: request.publicKey,
    version: request.version,
    signal: publisher.signal,
    onHashing: (file) => report({ type: 'hashing', file }),
  });
  const decided = await decide(publisher, request, inspection);
  const { server, leftOut } = decided;
  const { slug } = decided.plan;
  for (const item of leftOut) report({ type: 'left_out', leftOut: item });
  const previousVersion = liveBefore(server.releases, request)?.version;
  const publicKey = request.publicKey ?? parsePublicKey(server.pubkey ?? '');
  const warnings = [
    ...leftOut.filter(({ usual }) => !usual).map(({ file, reason }) => `left out: ${file} (${reason})`),
    ...inspection.warnings,
    ...(publicKey === undefined ? [NOT_CHECKED] : []),
    ...(slug === undefined ? [NOT_VERIFIED] : []),
    ...decided.plan.warnings,
  ];
  for (const message of warnings) report({ type: 'warning', message });
  if (request.dryRun) {
    const release = 'existing' in decided.plan.release ? decided.plan.release.existing : undefined;
    const artifacts = unverified(decided.plan.artifacts);
    const { version, channel } = request;
    const requests = previewRequests(decided.plan, {
      appId: publisher.appId,
      version,
      channel,
      previousVersion,
    });
    return { status: 'planned', release, slug, artifacts, warnings, requests };
  }
  const outcome = await executePlan(publisher, decided.plan, { request, server, publicKey, previousVersion });
  return { ...outcome, slug, warnings };
}

interface Decided {
  readonly plan: Plan;
  readonly server: ServerState;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Looks at the server and plans. What is wrong with the files and what the server is against is told together; where
 * the server cannot be asked, what is wrong with the files alone.
 */
async function decide(
  publisher: Publisher,
  request: PublishRequest,
  inspection: Inspection,
): Promise<Decided> {
  const local = [...requestIssues(request), ...(request.issues ?? []), ...inspection.issues];
  if (!isVersion(request.version)) throwIssues(local);
  // What is wrong already is not kept waiting for a server that is slow to answer.
  const asker = local.length > 0 ? { ...publisher, retry: new Retry({ maxTries: 1 }) } : publisher;
  const look = async () => {
    const extensions = await readExtensions(asker);
    const fitted = checkServerCompatibility(
      inspection.artifacts,
      { extensions },
      { discovered: request.discovered ?? false },
    );
    const { version, slug } = request;
    const platforms = fitted.artifacts;
    return { fitted, server: await readServerState(asker, { version, slug, platforms, extensions }) };
  };
  const { fitted, server } = await look().catch((error) => {
    if (error instanceof OtaError) throwIssues(local);
    throw error;
  });
  const planned = plan(request, fitted.artifacts, server);
  const issues = [...local, ...fitted.issues, ...('issues' in planned ? planned.issues : [])];
  if (request.dryRun && issues.length > 0) {
    const refused = new Set(issues.map(({ file }) => file));
    const considered = request.discovered ? fitted.artifacts : inspection.artifacts;
    const artifacts = considered.map((artifact) => ({
      ...artifact,
      refused: refused.has(artifact.file),
    }));
    publisher.report({ type: 'refused', artifacts });
  }
  throwIssues(issues);
  if (!('plan' in planned)) throw new Error('a plan without issues is one');
  return { plan: planned.plan, server, leftOut: [...(request.leftOut ?? []), ...fitted.leftOut] };
}
