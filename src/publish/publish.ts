import { Retry } from '../client/retry.ts';
import { OtaError } from '../errors.ts';
import { type Issue, issuesOf, refused, requireOk, throwIssues } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { isVersion } from '../protocol/version.ts';
import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import { executePlan } from './execute/execute-plan.ts';
import { type Build, findNextHop } from './find-next-hop.ts';
import { type Inspection, inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput } from './inspect/local-artifact.ts';
import type { NextHop } from './next-hop/check-next-hop.ts';
import { confirmNextHop } from './next-hop/next-hop-issues.ts';
import { chooseSlug } from './plan/choose-slug.ts';
import { type Plan, plan, requestIssues } from './plan/plan.ts';
import { liveBefore } from './plan/previous-release.ts';
import { previewRequests } from './plan/request-preview.ts';
import { type Compatibility, checkServerCompatibility } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import { unverified, type VerifiedFile } from './server-state/published-file.ts';
import { readCapabilities, readServerState, type ServerState } from './server-state/server-state.ts';
import { verifyRelease } from './verify/verify-release.ts';

export interface PublishRequest extends ReleaseRequest, Build {
  readonly artifacts: readonly ArtifactInput[];
  /** Whether the files were discovered in a project: those that the server cannot store are then left out. */
  readonly discovered?: boolean;
  /** Discovered files that are not published. */
  readonly leftOut?: readonly LeftOut[];
  readonly publicKey?: PublicKey | undefined;
  /** Issues that were found before, to be reported with the others. */
  readonly issues?: readonly Issue[];
  /** Concurrent uploads and downloads. */
  readonly concurrency: number;
  /** Decide everything, change nothing. */
  readonly dryRun: boolean;
  /** Delete the release that this run created if it fails. */
  readonly rollbackOnFailure?: boolean;
}

export interface PublishResult {
  readonly status: 'published' | 'draft' | 'unchanged' | 'planned';
  /** Undefined when it was only planned and does not exist yet. */
  readonly release: ReleaseResponse | undefined;
  /** The app's; undefined when it is unknown. */
  readonly slug: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  readonly warnings: readonly string[];
  /** The requests that a publish would send, where it was only planned. */
  readonly requests?: readonly string[];
}

const NOT_CHECKED = 'signatures were not checked, because no public key is known: pass --pubkey';
const NOT_VERIFIED = 'the served files are not verified, because no slug is known: pass --slug';

/**
 * The whole publish: inspect, read the server's state, plan, then set the slug, create the release, upload, go live, and
 * verify that installed apps get what was signed. Every issue is found before the first write. Running it again
 * completes what an earlier run started.
 */
export async function publish(publisher: Publisher, request: PublishRequest): Promise<PublishResult> {
  const { report } = publisher;
  const inspection = await inspectArtifacts(request.artifacts, {
    publicKey: request.publicKey,
    version: request.version,
    signal: publisher.signal,
    onHashing: (file) => report({ type: 'hashing', file }),
  });
  const decision = await decide(publisher, request, inspection);
  const { server, leftOut } = decision;
  const { slug } = decision.plan;
  for (const item of leftOut) report({ type: 'left_out', leftOut: item });
  const previousVersion = liveBefore(server.releases, request)?.version;
  const publicKey = request.publicKey ?? parsePublicKey(server.pubkey ?? '');
  const warnings = [
    ...leftOut.filter(({ usual }) => !usual).map(({ file, reason }) => `left out: ${file} (${reason})`),
    ...inspection.warnings,
    ...(publicKey === undefined ? [NOT_CHECKED] : []),
    ...(slug === undefined ? [NOT_VERIFIED] : []),
    ...decision.plan.warnings,
    ...decision.warnings,
  ];
  for (const message of warnings) report({ type: 'warning', message });
  if (request.dryRun) {
    const preview = { ...request, appId: publisher.appId, previousVersion };
    return { ...planned(decision.plan), warnings, requests: previewRequests(decision.plan, preview) };
  }
  const { concurrency, allowEndpointMismatch = false } = request;
  const { nextHop } = decision;
  const afterSlug = async () => {
    if (nextHop === undefined) return;
    for (const message of await confirmNextHop(publisher, nextHop, allowEndpointMismatch)) {
      warnings.push(message);
      report({ type: 'warning', message });
    }
  };
  const outcome = await executePlan(publisher, decision.plan, {
    request,
    server,
    afterSlug,
    verify: (release, files) =>
      verifyRelease(publisher, {
        release,
        files,
        slug,
        publicKey,
        previousVersion,
        concurrency,
        knowsPublicUrl: server.publicUrl !== undefined,
      }),
  });
  return { ...outcome, slug, warnings };
}

function planned({ release, slug, artifacts }: Plan) {
  return {
    status: 'planned',
    release: release.kind === 'existing' ? release.existing : undefined,
    slug,
    artifacts: unverified(artifacts),
  } as const;
}

interface Decision {
  readonly plan: Plan;
  readonly server: ServerState;
  readonly leftOut: readonly LeftOut[];
  readonly warnings: readonly string[];
  /** To be confirmed once the slug is registered; undefined where it is certain already. */
  readonly nextHop: NextHop | undefined;
}

/**
 * Reads the server's state and plans. The issues with the files and those with the server are reported together; where
 * the server cannot be reached, those with the files alone.
 */
async function decide(
  publisher: Publisher,
  request: PublishRequest,
  inspection: Inspection,
): Promise<Decision> {
  const local = [...requestIssues(request), ...(request.issues ?? []), ...inspection.issues];
  if (!isVersion(request.version)) throwIssues(local);
  // Issues that are already known are not held back by a slow server.
  const reader = local.length > 0 ? { ...publisher, retry: new Retry({ maxAttempts: 1 }) } : publisher;
  const { compatible, server } = await readServer(reader, request, inspection).catch((error) => {
    if (error instanceof OtaError) throwIssues(local);
    throw error;
  });
  const result = plan(request, compatible.artifacts, server);
  const { slug, newSlug } = result.kind === 'ok' ? result.value : slugsOf(request, server);
  const platforms = compatible.artifacts;
  const hop = await findNextHop(reader, {
    request,
    platforms,
    server,
    slug,
    isNewSlug: newSlug !== undefined,
  });
  const issues = [...local, ...compatible.issues, ...issuesOf(result), ...hop.issues];
  if (request.dryRun && issues.length > 0) {
    const files = new Set(issues.map(({ file }) => file));
    const considered = request.discovered ? compatible.artifacts : inspection.artifacts;
    const artifacts = considered.map((artifact) => ({ ...artifact, refused: files.has(artifact.file) }));
    if (artifacts.length > 0) publisher.report({ type: 'refused', artifacts });
  }
  return {
    plan: requireOk(issues.length > 0 ? refused(...issues) : result),
    server,
    leftOut: [...(request.leftOut ?? []), ...compatible.leftOut],
    warnings: hop.warnings,
    nextHop: hop.pending,
  };
}

/** As a plan has them, where something else is refused. */
function slugsOf(request: PublishRequest, server: ServerState): Pick<Plan, 'slug' | 'newSlug'> {
  const chosen = chooseSlug(request, server);
  const slug = chosen.kind === 'ok' ? chosen.value : undefined;
  return { slug: slug ?? server.slug ?? undefined, newSlug: slug === server.slug ? undefined : slug };
}

async function readServer(
  publisher: Publisher,
  { version, slug, projectSlugs, discovered = false }: PublishRequest,
  inspection: Inspection,
): Promise<{ compatible: Compatibility; server: ServerState }> {
  const capabilities = await readCapabilities(publisher);
  const compatible = checkServerCompatibility(inspection.artifacts, capabilities, { discovered });
  const platforms = compatible.artifacts;
  // Only a server that does not say the app's slug is asked under this one.
  const asked = slug ?? (projectSlugs?.value.length === 1 ? projectSlugs.value[0] : undefined);
  const server = await readServerState(publisher, { version, slug: asked, platforms, ...capabilities });
  return { compatible, server };
}
