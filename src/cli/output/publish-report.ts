import type { OtaClient } from '../../client/ota-client.ts';
import { displayUrl } from '../../client/transport/transport.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse, SimulateResponse } from '../../protocol/messages.ts';
import { missingNames, type Platform, platformName } from '../../protocol/platform.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { PublishResult } from '../../publish/publish.ts';
import type { VerifiedFile } from '../../publish/server-state/published-file.ts';
import { listedArtifacts, storedPlatforms } from '../../publish/server-state/server-state.ts';
import { formatCount, formatNotes, indent } from '../format.ts';
import type { StepResult } from '../github/step-summary.ts';
import { formatPlan } from '../layout/plan-table.ts';
import { describeSimulation } from '../layout/simulation-table.ts';
import { formatTable } from '../layout/table.ts';
import { describeRollout } from '../rollout-in-words.ts';
import { createStyle, type Style } from './colors.ts';
import type { Output } from './output.ts';

/** Lines of the notes that a dry run shows, and characters of each. */
const SHOWN_NOTES = 10;
const SHOWN_WIDTH = 200;

/** The outcome of a publish, or of taking a draft live. */
export interface Reported {
  readonly status: PublishResult['status'];
  readonly version: string;
  readonly release: ReleaseResponse | undefined;
  /** The app's; undefined when unknown. */
  readonly slug: string | undefined;
  readonly artifacts: readonly VerifiedFile[];
  readonly warnings: readonly string[];
  /** What would be sent, and the notes that the release would have, where it was only planned. */
  readonly requests?: readonly string[];
  readonly notes?: string | undefined;
  readonly simulation?: SimulateResponse | undefined;
}

/** Prints the outcome: the JSON document, the workflow step's results, and the text. */
export function reportPublish(reported: Reported & { readonly client: OtaClient }, output: Output): void {
  output.document(toDocument(reported));
  output.step?.finish(toStepResult(reported, reported.client));
  output.result(describe(reported, output.style, output.columns));
}

/** The document of `publish --json`. */
export function toDocument(reported: Omit<Reported, 'version'>) {
  const { status, release, artifacts, warnings, notes, simulation } = reported;
  return {
    status,
    release: release ?? null,
    artifacts: artifacts.map((artifact) => ({
      ...platformFields(artifact),
      file: artifact.file ?? null,
      size: artifact.size,
      sha256: artifact.sha256,
      action: actionOf(artifact, status),
      url: artifact.url ?? null,
      verified: artifact.verified,
    })),
    warnings,
    ...(notes !== undefined && { notes }),
    ...(simulation !== undefined && { simulation }),
  };
}

/** The outcome as a workflow step reports it. */
function toStepResult(
  { status, version, release, slug, artifacts }: Reported,
  client: OtaClient,
): StepResult {
  return {
    status,
    version,
    releaseId: release?.id,
    checkUrl: slug && client.checkUrl(slug) + queryOf(release),
    artifacts: artifacts.map((artifact) => ({ ...artifact, action: actionOf(artifact, status) })),
  };
}

/** The query by which apps ask for their channel. */
function queryOf(release: ReleaseResponse | undefined): string {
  const { channel = STABLE } = release ?? {};
  return channel === STABLE ? '' : `?channel=${channel}`;
}

/** A platform as every JSON document of the command line has it. */
export function platformFields({ target, arch, bundleType = undefined }: Platform) {
  return { target, arch, bundle_type: bundleType ?? null };
}

function actionOf(
  { action }: VerifiedFile,
  status: PublishResult['status'],
): 'uploaded' | 'skipped' | 'planned' {
  if (action === 'skip') return 'skipped';
  return status === 'planned' ? 'planned' : 'uploaded';
}

/** For people: also whether the file takes the place of another, or of bytes that the server had lost. */
function shownAction(artifact: VerifiedFile, status: PublishResult['status']): string {
  const action = actionOf(artifact, status);
  if (artifact.repairs) return `${action} (repairs)`;
  return artifact.replaces ? `${action}, replaces` : action;
}

/** The outcome for people. */
export function describe(
  reported: Reported,
  style: Style = createStyle(false),
  width = Number.POSITIVE_INFINITY,
): string[] {
  const { status, version, artifacts, release, requests = [], notes, simulation } = reported;
  if (status === 'planned') {
    const plan = `Would ${release === undefined ? 'create' : 'add to'} ${version}:`;
    const when = `Once ${version} is live`;
    const send = `Would send ${formatCount(requests.length, 'request')}:`;
    const rows = artifacts.map((artifact) => ({ ...artifact, action: shownAction(artifact, status) }));
    return [
      style('bold', plan),
      ...formatPlan(rows, style, width),
      '',
      ...describeNotes(notes, style),
      '',
      ...(simulation ? [...describeSimulation(simulation, { when, showsAll: false, style, width }), ''] : []),
      style('bold', send),
      ...indent(requests),
    ];
  }
  const rows = artifacts.map((artifact) => [
    platformName(artifact),
    formatBytes(artifact.size),
    `sha256:${artifact.sha256.slice(0, 12)}`,
    shownAction(artifact, status),
    artifact.verified && artifact.url
      ? `${style('green', 'verified')} at ${displayUrl(new URL(artifact.url))}`
      : (artifact.file ?? ''),
  ]);
  return [headline(reported, style), ...formatTable(rows, { width })];
}

/** The beginning of the notes that a release would have. */
function describeNotes(notes: string | undefined, style: Style): string[] {
  if (notes === undefined) return [style('bold', 'Release notes: none')];
  const lines = formatNotes(notes);
  const rest = lines.length - SHOWN_NOTES;
  const more = rest > 0 ? [`  … and ${formatCount(rest, 'more line')}`] : [];
  const shown = lines.slice(0, SHOWN_NOTES).map((line) => line.slice(0, SHOWN_WIDTH).trimEnd());
  return [style('bold', 'Release notes:'), ...shown, ...more];
}

function headline({ status, version, release }: Reported, style: Style): string {
  if (status === 'unchanged') return `${version} is already published; nothing to do.`;
  if (status === 'draft' && release?.status === 'draft') {
    return style('yellow', `${version} is a draft and not offered to anyone yet; ${nextStep(release)}.`);
  }
  const done = status === 'draft' ? `${version} is live: another job finished it.` : `Published ${version}.`;
  const rollout = release && describeRollout(release);
  return style('green', rollout === undefined ? done : `${done} It is ${rollout}.`);
}

/** What takes a draft live. */
function nextStep(release: ReleaseResponse): string {
  if (release.awaits_approval) return awaitedApproval(release);
  if (release.expect === undefined) return '`synckit-ota publish finish` takes it live';
  const missing = missingFiles(release);
  if (missing.length === 0) return 'it goes live when all started uploads finish';
  return `it goes live once ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} uploaded`;
}

/** Extension `approval`. */
function awaitedApproval(release: ReleaseResponse): string {
  const missing = missingFiles(release);
  const first = missing.length > 0 ? `${missing.join(', ')}, then ` : '';
  return `it awaits ${first}approval: \`synckit-ota publish finish --release ${release.version}\`, by somebody with another token`;
}

function missingFiles(release: ReleaseResponse): string[] {
  return missingNames(release.expect ?? [], storedPlatforms(listedArtifacts(release)));
}
