import { type Issue, issuesOf, refused, requireOk, throwIssues, toError } from '../issue.ts';
import type { ReleaseResponse } from '../protocol/messages.ts';
import { type PublicKey, parsePublicKey } from '../protocol/minisign.ts';
import { platformName } from '../protocol/platform.ts';
import { isVersion } from '../protocol/version.ts';
import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import { executePlan } from './execute/execute-plan.ts';
import { type FoundFiles, type Inspection, inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact } from './inspect/local-artifact.ts';
import { inspectAndAsk } from './inspect-and-ask.ts';
import { type Plan, plan, requestIssues } from './plan/plan.ts';
import { liveBefore } from './plan/previous-release.ts';
import { previewRequests } from './plan/request-preview.ts';
import { checkServerCompatibility } from './plan/server-compatibility.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import { unverified, type VerifiedFile } from './server-state/published-file.ts';
import { readCapabilities, readServerState, type ServerState } from './server-state/server-state.ts';
import { verifyRelease } from './verify/verify-release.ts';

export interface PublishRequest extends ReleaseRequest {
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
  const decision = await decide(publisher, request);
  const { inspection, server, leftOut } = decision;
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
  ];
  for (const message of warnings) report({ type: 'warning', message });
  if (request.dryRun) {
    const preview = { ...request, appId: publisher.appId, previousVersion };
    return { ...planned(decision.plan), warnings, requests: previewRequests(decision.plan, preview) };
  }
  const { concurrency } = request;
  const outcome = await executePlan(publisher, decision.plan, {
    request,
    server,
    verify: (release, files) =>
      verifyRelease(publisher, { release, files, slug, publicKey, previousVersion, concurrency }),
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
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly server: ServerState;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Inspects the files, reads the server's state and plans. The issues with the files and those with the server are reported
 * together; where the server cannot be reached, those with the files alone.
 */
async function decide(publisher: Publisher, request: PublishRequest): Promise<Decision> {
  const { publicKey, version } = request;
  const onHashing = (file: string) => publisher.report({ type: 'hashing', file });
  const inspect = { publicKey, version, onHashing };
  const known = [...requestIssues(request), ...(request.issues ?? [])];
  if (!isVersion(version)) {
    const { signal } = publisher;
    const { issues } = await inspectArtifacts(request.artifacts, { ...inspect, signal });
    throw toError([...known, ...issues]);
  }
  const findings = await inspectAndAsk(publisher, request.artifacts, {
    hasIssues: known.length > 0,
    inspect,
    ask: (reader, files) => readServer(reader, request, files),
    refusals: (server, files) => earlyIssues(request, server, files),
  });
  if (findings.kind === 'no_answer') {
    throwIssues([...known, ...findings.issues]);
    throw findings.error;
  }
  if (findings.kind === 'refused_early') {
    const issues = [...known, ...findings.issues];
    reportRefused(publisher, request, { issues, artifacts: findings.files.map(unhashed) });
    throw toError(issues);
  }
  const { inspection, answer: server } = findings;
  const compatible = checkServerCompatibility(inspection.artifacts, server, request);
  const result = plan(request, compatible.artifacts, server);
  const issues = [...known, ...inspection.issues, ...compatible.issues, ...issuesOf(result)];
  const artifacts = request.discovered ? compatible.artifacts : inspection.artifacts;
  reportRefused(publisher, request, { issues, artifacts });
  return {
    inspection,
    plan: requireOk(issues.length > 0 ? refused(...issues) : result),
    server,
    leftOut: [...(request.leftOut ?? []), ...compatible.leftOut],
  };
}

/** The issues that do not depend on what is in the files. */
function earlyIssues(
  request: PublishRequest,
  server: ServerState,
  files: FoundFiles['files'],
): readonly Issue[] {
  const compatible = checkServerCompatibility(files.map(unhashed), server, request);
  // Whether a file is the one that the server has takes its hash.
  const added = compatible.artifacts.filter((artifact) => !server.stored.has(platformName(artifact)));
  return [...compatible.issues, ...issuesOf(plan(request, added, server))];
}

function unhashed(file: FoundFiles['files'][number]): LocalArtifact {
  return { ...file, sha256: '' };
}

/** A dry run shows the files also when it is refused. */
function reportRefused(
  { report }: Publisher,
  { dryRun }: PublishRequest,
  { issues, artifacts }: { readonly issues: readonly Issue[]; readonly artifacts: readonly LocalArtifact[] },
): void {
  if (!dryRun || issues.length === 0 || artifacts.length === 0) return;
  const files = new Set(issues.map(({ file }) => file));
  report({
    type: 'refused',
    artifacts: artifacts.map((artifact) => ({ ...artifact, refused: files.has(artifact.file) })),
  });
}

async function readServer(
  publisher: Publisher,
  request: PublishRequest,
  files: FoundFiles['files'],
): Promise<ServerState> {
  const { version, slug, projectSlugs } = request;
  const capabilities = await readCapabilities(publisher);
  const { artifacts: platforms } = checkServerCompatibility(files.map(unhashed), capabilities, request);
  // Only a server that does not say the app's slug is asked under this one.
  const asked = slug ?? (projectSlugs?.value.length === 1 ? projectSlugs.value[0] : undefined);
  return readServerState(publisher, { ...capabilities, version, slug: asked, platforms });
}
