import { type Issue, issuesOf, refused, requireOk, throwIssues, toError } from '../issue.ts';
import type { ReleaseResponse, SimulateResponse } from '../protocol/messages.ts';
import { platformName } from '../protocol/platform.ts';
import { isVersion } from '../protocol/version.ts';
import type { LeftOut } from '../tauri/bundle/choose-bundles.ts';
import { clockIssues, clockWarnings } from './clock-difference.ts';
import { executePlan, type PlanOutcome } from './execute/execute-plan.ts';
import { reviewManifest } from './execute/review-manifest.ts';
import { type Build, findNextHop } from './find-next-hop.ts';
import { type CheckedSignatures, checkSignatures } from './inspect/check-signatures.ts';
import { type FoundFiles, type Inspection, inspectArtifacts } from './inspect/inspect-artifacts.ts';
import type { ArtifactInput, LocalArtifact, ProjectApp } from './inspect/local-artifact.ts';
import { inspectAndAsk } from './inspect-and-ask.ts';
import { knownKeys } from './known-keys.ts';
import type { NextHop } from './next-hop/check-next-hop.ts';
import { confirmNextHop } from './next-hop/next-hop-issues.ts';
import { askingFor } from './plan/asking-for.ts';
import { chooseSlug } from './plan/choose-slug.ts';
import { type Plan, plan, requestIssues } from './plan/plan.ts';
import { previewRequests } from './plan/request-preview.ts';
import { plannedRouting } from './plan/routing.ts';
import { checkServerCompatibility } from './plan/server-compatibility.ts';
import { expiryNotice } from './plan/token-scopes.ts';
import type { Publisher } from './publisher.ts';
import type { ReleaseRequest } from './release-request.ts';
import { reportLeftOut } from './report-left-out.ts';
import { unverified, type VerifiedFile } from './server-state/published-file.ts';
import {
  readCapabilities,
  readServerState,
  type ServerState,
  supports,
} from './server-state/server-state.ts';
import { simulatePlan } from './simulate-plan.ts';
import { verifyAttested } from './verify/verify-attested.ts';
import { verifyRelease } from './verify/verify-release.ts';

export interface PublishRequest extends ReleaseRequest, Build {
  readonly artifacts: readonly ArtifactInput[];
  /** Whether the files were discovered in a project: those that the server cannot store are then left out. */
  readonly discovered?: boolean;
  /** Discovered files that are not published. */
  readonly leftOut?: readonly LeftOut[];
  /** Whether the served files are not downloaded to be verified. */
  readonly skipDownload?: boolean;
  /** Whether named files may contradict their platform and version. */
  readonly allowMismatch?: boolean;
  /** Of the Tauri project that this runs in; undefined where there is none. */
  readonly projectApp?: ProjectApp | undefined;
  /** Issues that were found before, to be reported with the others; and warnings. */
  readonly issues?: readonly Issue[];
  readonly warnings?: readonly string[];
  /** Concurrent uploads and downloads. */
  readonly concurrency: number;
  /** Decide everything, change nothing. */
  readonly dryRun: boolean;
}

export interface PublishResult {
  readonly status: 'published' | 'draft' | 'unchanged' | 'planned';
  /** Undefined when it was only planned and does not exist yet. */
  readonly release: ReleaseResponse | undefined;
  /** The app's; undefined when it is unknown. */
  readonly slug: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  readonly warnings: readonly string[];
  /** The requests that a publish would send, where it was only planned; and the notes that the release would have. */
  readonly requests?: readonly string[];
  readonly notes?: string;
  /** Extension `simulate`: what apps would be offered, where the server says it. */
  readonly simulation?: SimulateResponse;
}

const NOT_VERIFIED = 'the served files are not verified, because no slug is known: pass --slug';

const NOT_DOWNLOADED =
  'the served files are not downloaded (--no-verify-download): only what apps are offered is compared, so that a file that arrived damaged is not noticed here';

/** What else is to be known of this run: the clocks, the token, and what is not verified. */
function circumstances(
  publisher: Publisher,
  { manifest, skipDownload, dryRun }: PublishRequest,
  { tokenExpiresAt }: Pick<ServerState, 'tokenExpiresAt'>,
): string[] {
  const { hasStoredToken, clockLeadMs } = publisher.client;
  const notice = hasStoredToken ? expiryNotice(tokenExpiresAt, Date.now() + clockLeadMs) : undefined;
  return [
    ...clockWarnings(publisher, manifest),
    ...(notice === undefined
      ? []
      : [`${notice}: put another one in its place before that (\`tokens create\`)`]),
    ...(skipDownload && !dryRun ? [NOT_DOWNLOADED] : []),
  ];
}

/**
 * The whole publish: inspect, read the server's state, plan, then set the slug, create the release, upload, go live, and
 * verify that installed apps get what was signed. Every issue is found before the first write. Running it again
 * completes what an earlier run started.
 */
export async function publish(publisher: Publisher, request: PublishRequest): Promise<PublishResult> {
  const { report } = publisher;
  // Before anything can fail: a file that was left out is often the cause.
  const leftOutBefore = reportLeftOut(report, request.leftOut ?? []);
  const decision = await decide(publisher, request);
  const { inspection, server, signatures } = decision;
  const { slug } = decision.plan;
  const leftOut = [...leftOutBefore, ...reportLeftOut(report, decision.leftOut)];
  const others = [
    ...(request.warnings ?? []),
    ...signatures.warnings,
    ...inspection.warnings,
    ...(slug === undefined ? [NOT_VERIFIED] : []),
    ...decision.plan.warnings,
    ...decision.warnings,
    ...circumstances(publisher, request, server),
  ];
  for (const message of others) report({ type: 'warning', message });
  const warnings = [...leftOut, ...others];
  if (request.dryRun) return preview(publisher, request, { ...decision, warnings });
  const { concurrency, skipDownload, allowEndpointMismatch = false } = request;
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
    verify: async (release, files, repair) => {
      const keys = knownKeys(request, server);
      const askAs = askingFor(release, files, server);
      const knowsPublicUrl = server.publicUrl !== undefined;
      const shared = {
        slug,
        keys,
        hashed: inspection.signed,
        askAs,
        concurrency,
        skipDownload,
        knowsPublicUrl,
      };
      const verified = await verifyRelease(publisher, { release, files, repair, ...shared });
      const { attestor } = request;
      if (attestor && slug !== undefined) {
        await verifyAttested(publisher, { attestor, slug, release, files });
      }
      return verified;
    },
  });
  if (reviewsManifest(decision, request))
    warnings.push(...(await reviewLeft(publisher, request, { ...outcome, server })));
  return { ...outcome, slug, warnings };
}

/** What a publish would do. */
async function preview(
  publisher: Publisher,
  request: PublishRequest,
  decision: Decision & { readonly warnings: readonly string[] },
): Promise<PublishResult> {
  const { appId } = publisher;
  const { plan: decided, server, warnings } = decision;
  const { artifacts, release } = decided;
  const existing = release.kind === 'existing' ? release.existing : undefined;
  const askAs = askingFor(plannedRouting(request, existing), artifacts, server);
  const isPaged = supports(server, 'paging');
  const signs = [
    ...(request.manifest && supports(server, 'manifest') ? (['putManifest'] as const) : []),
    ...(request.attestor ? (['putAttestation'] as const) : []),
  ];
  const previewed = {
    ...{ ...request, appId, askAs, isPaged, signs },
    reviewsManifest: reviewsManifest(decision, request),
  };
  const notes = notesAfter(decided);
  const simulation = await simulatePlan(publisher, { request, plan: decided, server });
  return {
    ...planned(decided),
    ...(simulation && { simulation }),
    ...(notes !== undefined && { notes }),
    warnings,
    requests: previewRequests(decided, previewed),
  };
}

function reviewsManifest({ plan: { release }, server }: Decision, { manifest }: PublishRequest): boolean {
  return supports(server, 'manifest') && (release.kind === 'existing' || manifest !== undefined);
}

/** Extension `manifest`: what others have stored of the release may contradict what was published. */
async function reviewLeft(
  { client, retry, appId, report }: Publisher,
  request: PublishRequest,
  { release, artifacts: files, server }: Pick<PlanOutcome, 'release' | 'artifacts'> & { server: ServerState },
): Promise<string[]> {
  const { given, others } = knownKeys(request, server);
  const signer = request.manifest?.pair.publicKey;
  const keys = [signer, given, ...others].filter((key) => key !== undefined);
  const bundle = await retry.run(() => client.readManifest(appId, release.id));
  const { problem } = reviewManifest(bundle, { keys, files, now: new Date() });
  if (problem === undefined) return [];
  const message = `the manifest of ${release.version} ${problem}`;
  report({ type: 'warning', message });
  return [message];
}

function planned({ release, slug, artifacts }: Plan) {
  return {
    status: 'planned',
    release: release.kind === 'existing' ? release.existing : undefined,
    slug,
    artifacts: unverified(artifacts),
  } as const;
}

/** The notes that the release will have. */
function notesAfter({ release, newNotes }: Plan): string | undefined {
  const notes = release.kind === 'existing' ? (newNotes ?? release.existing.notes) : release.body.notes;
  return notes || undefined;
}

interface Decision {
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly server: ServerState;
  /** Files that the server cannot store. */
  readonly leftOut: readonly LeftOut[];
  readonly signatures: CheckedSignatures;
  readonly warnings: readonly string[];
  /** To be confirmed once the slug is registered; undefined where it is certain already. */
  readonly nextHop: NextHop | undefined;
}

/**
 * Inspects the files, reads the server's state and plans. The issues with the files and those with the server are reported
 * together; where the server cannot be reached, those with the files alone.
 */
async function decide(publisher: Publisher, request: PublishRequest): Promise<Decision> {
  const { version, projectApp, discovered, allowMismatch } = request;
  const onHashing = (file: string) => publisher.report({ type: 'hashing', file });
  // Discovery has inspected its files.
  const inspect = { version, projectApp, allowMismatch: discovered || allowMismatch, onHashing };
  const known = [...requestIssues(request), ...(request.issues ?? [])];
  if (!isVersion(version)) {
    const { signal } = publisher;
    const { issues } = await inspectArtifacts(request.artifacts, { ...inspect, signal });
    throw toError([...known, ...issues]);
  }
  const findings = await inspectAndAsk(publisher, request.artifacts, {
    hasIssues: known.length > 0,
    inspect,
    ownIssues: (inspection) => verifySignatures(request, inspection).issues,
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
  return decideWith(publisher, request, { known, inspection, server });
}

/** What is known once the files are hashed and the server has answered. */
interface Known {
  readonly known: readonly Issue[];
  readonly inspection: Inspection;
  readonly server: ServerState;
}

async function decideWith(
  publisher: Publisher,
  request: PublishRequest,
  { known, inspection, server }: Known,
): Promise<Decision> {
  const compatible = checkServerCompatibility(inspection.artifacts, server, request);
  const result = plan(request, compatible.artifacts, server);
  const signatures = verifySignatures(request, inspection, server);
  const { slug, newSlug } = result.kind === 'ok' ? result.value : slugsOf(request, server);
  const platforms = compatible.artifacts;
  const isNewSlug = newSlug !== undefined;
  const hop = await findNextHop(publisher, { request, platforms, server, slug, isNewSlug });
  const issues = [
    ...known,
    ...inspection.issues,
    ...signatures.issues,
    ...compatible.issues,
    ...issuesOf(result),
    ...hop.issues,
    ...clockIssues(publisher, request.manifest),
  ];
  const artifacts = request.discovered ? compatible.artifacts : inspection.artifacts;
  reportRefused(publisher, request, { issues, artifacts });
  return {
    inspection,
    plan: requireOk(issues.length > 0 ? refused(...issues) : result),
    server,
    leftOut: compatible.leftOut,
    signatures,
    warnings: hop.warnings,
    nextHop: hop.pending,
  };
}

/** @param server undefined before it has answered */
function verifySignatures(
  request: PublishRequest,
  inspection: Inspection,
  server?: ServerState,
): CheckedSignatures {
  const { version, projectApp, allowMismatch } = request;
  const keys = knownKeys(request, server);
  const isTauri = projectApp !== undefined;
  const serverNeedsVersion = server?.requiresBoundSignatures;
  return checkSignatures(inspection, { keys, version, isTauri, allowMismatch, serverNeedsVersion });
}

/** As a plan has them, where something else is refused. */
function slugsOf(request: PublishRequest, server: ServerState): Pick<Plan, 'slug' | 'newSlug'> {
  const chosen = chooseSlug(request, server);
  const slug = chosen.kind === 'ok' ? chosen.value : undefined;
  return { slug: slug ?? server.slug ?? undefined, newSlug: slug === server.slug ? undefined : slug };
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
  const { version, channel, requires, slug, projectSlugs } = request;
  const capabilities = await readCapabilities(publisher);
  const { artifacts: platforms } = checkServerCompatibility(files.map(unhashed), capabilities, request);
  // Only a server that does not say the app's slug is asked under this one.
  const asked = slug ?? (projectSlugs?.value.length === 1 ? projectSlugs.value[0] : undefined);
  return readServerState(publisher, { ...capabilities, version, channel, requires, slug: asked, platforms });
}
