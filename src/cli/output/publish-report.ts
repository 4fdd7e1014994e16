import type { OtaClient } from '../../client/ota-client.ts';
import { displayUrl } from '../../client/transport/transport.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { missingNames, type Platform, platformName } from '../../protocol/platform.ts';
import type { PublishResult } from '../../publish/publish.ts';
import type { PublishedFile } from '../../publish/server-state/published-file.ts';
import { listedArtifacts, storedPlatforms } from '../../publish/server-state/server-state.ts';
import type { Verified } from '../../publish/verify/verify-release.ts';
import { formatBytes, formatTable } from '../format.ts';
import type { StepResult } from '../github/step-summary.ts';
import { formatPlan } from './plan-table.ts';

/** A file of a release, and what was done with it. */
export type ReportedArtifact = Verified<PublishedFile>;

/** What is told of a publish, or of taking a draft live. */
export interface Reported {
  readonly status: PublishResult['status'];
  readonly release: ReleaseResponse | undefined;
  /** The app's; undefined when nobody knows it. */
  readonly slug: string | undefined;
  readonly artifacts: readonly ReportedArtifact[];
  readonly warnings: readonly string[];
  /** What would be sent, where it was only planned. */
  readonly requests?: readonly string[];
}

/** Design 3, "JSON of `publish --json`". */
export function toDocument({ status, release, artifacts, warnings }: Reported) {
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
  };
}

/** What a workflow gets to know. */
export function toStepResult(
  { status, release, slug, artifacts }: Reported,
  version: string,
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

/** What apps ask for their channel by. */
function queryOf(release: ReleaseResponse | undefined): string {
  const { channel = STABLE } = release ?? {};
  return channel === STABLE ? '' : `?channel=${channel}`;
}

/** A platform as every JSON document of the command line has it. */
export function platformFields({ target, arch, bundleType = undefined }: Platform) {
  return { target, arch, bundle_type: bundleType ?? null };
}

function actionOf(
  { action }: ReportedArtifact,
  status: PublishResult['status'],
): 'uploaded' | 'skipped' | 'planned' {
  if (action === 'skip') return 'skipped';
  return status === 'planned' ? 'planned' : 'uploaded';
}

/** What people read at the end. */
export function describe(reported: Reported, version: string): string {
  const { status, artifacts, release, requests } = reported;
  if (status === 'planned') {
    const plan = `Would ${release === undefined ? 'create' : 'add to'} ${version}:\n${formatPlan(artifacts)}`;
    const lines = requests?.map((request) => `  ${request}`) ?? [];
    return `${plan}\n\nWould send ${lines.length} requests:\n${lines.join('\n')}`;
  }
  const rows = artifacts.map((artifact) => [
    platformName(artifact),
    formatBytes(artifact.size),
    `sha256:${artifact.sha256.slice(0, 12)}`,
    actionOf(artifact, status),
    artifact.verified && artifact.url
      ? `verified at ${displayUrl(new URL(artifact.url))}`
      : (artifact.file ?? ''),
  ]);
  const headline = {
    published: () => `Published ${version}.`,
    unchanged: () => `${version} is published already; nothing was changed.`,
    draft: () =>
      release?.status === 'draft'
        ? `${version} is a draft, which nobody is offered yet; ${nextStep(release)}.`
        : `${version} is live: another job took it live.`,
  }[status]();
  return `${headline}\n${formatTable(rows)}`;
}

/** What takes a draft live. */
function nextStep(release: ReleaseResponse): string {
  if (release.expect === undefined) return '`synckit-ota publish finish` takes it live';
  const missing = missingNames(release.expect, storedPlatforms(listedArtifacts(release)));
  return missing.length > 0
    ? `it goes live with the last of ${missing.join(', ')}`
    : 'it goes live when every upload that was begun for it is complete';
}
