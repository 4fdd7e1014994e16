import { setTimeout as sleep } from 'node:timers/promises';
import type { RetryNotice } from '../../client/retry.ts';
import { displayUrl } from '../../client/transport.ts';
import { platformName } from '../../protocol/platform.ts';
import { presenceFaults } from '../../publish/local-artifact.ts';
import { type PublishedArtifact, type PublishResult, publish } from '../../publish/publish.ts';
import { readArtifacts } from '../artifact-options.ts';
import { readConfigFile } from '../config-file.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { type DiscoveredRelease, discoverRelease, readProjectKey } from '../discovered-release.ts';
import { formatBytes, formatTable } from '../format.ts';
import type { Output } from '../output.ts';
import { Problems } from '../problems.ts';
import type { Context } from '../program.ts';
import { type ReleaseOptions, readNotes, readVersion } from '../release-options.ts';
import { connectForApp } from '../remote.ts';
import { Reporter } from '../reporter.ts';
import { type RemoteOptions, readInteger, readPublicKey, readSlug } from '../settings.ts';

interface PublishOptions extends RemoteOptions, ReleaseOptions {
  readonly project: string;
  readonly slug?: string;
  readonly artifact?: readonly string[];
  readonly pubkey?: string;
  readonly dryRun?: boolean;
  readonly concurrency?: string;
}

export async function runPublish(options: PublishOptions, context: Context): Promise<void> {
  const problems = new Problems();
  const config = problems.attempt(() => readConfigFile(options.project)) ?? {};
  const settings = {
    ...options,
    slug: options.slug ?? config.slug,
    pubkey: options.pubkey ?? config.pubkey,
    concurrency: options.concurrency ?? String(config.concurrency ?? DEFAULT_CONCURRENCY),
  };
  const given = settings.version === undefined ? undefined : readVersion(settings.version, problems);
  const named = settings.artifact?.length ? settings.artifact : undefined;
  const discovered = named ? undefined : await discoverRelease({ ...settings, version: given }, problems);
  const request = {
    version: given ?? discovered?.version ?? (named ? readVersion(undefined, problems) : ''),
    notes: readNotes(withDiscovered(settings, discovered), problems),
    slug: readSlug(settings.slug || discovered?.slug, problems),
    artifacts: named ? readArtifacts(named, problems) : (discovered?.artifacts ?? []),
    publicKey: settings.pubkey
      ? readPublicKey(settings.pubkey, problems)
      : readProjectKey(discovered, problems),
    faults: discovered?.faults ?? [],
    allowPrerelease: settings.allowPrerelease ?? false,
    concurrency: readInteger('--concurrency', settings.concurrency, { min: 1, max: 64 }, problems),
    dryRun: settings.dryRun ?? false,
  };
  problems.addFaults(await presenceFaults(request.artifacts));
  const { output, signal } = context;
  const reporter = new Reporter(output);
  const onRetry = (notice: RetryNotice) => reporter.report({ type: 'retrying', notice });
  const remote = connectForApp(options, context, problems, onRetry, config);
  try {
    const warnings = discovered ? reportDiscovery(discovered, output) : [];
    for (const message of warnings) reporter.report({ type: 'warning', message });
    const result = await publish(
      { ...remote, report: reporter.report, sleep: (ms) => sleep(ms, undefined, { signal }) },
      request,
    );
    reporter.stop();
    output.document(toDocument({ ...result, warnings: [...warnings, ...result.warnings] }));
    output.result(describe(result, request.version));
  } finally {
    reporter.stop();
    await remote.transport.close();
  }
}

/** Notes that are given win over the changelog's. */
function withDiscovered(options: ReleaseOptions, discovered: DiscoveredRelease | undefined): ReleaseOptions {
  const given = options.notes !== undefined || options.notesFile !== undefined;
  return given || discovered?.notes === undefined ? options : { notes: discovered.notes };
}

/** Says what is not published, and why. @returns what somebody should look at */
function reportDiscovery({ leftOut }: DiscoveredRelease, output: Output): string[] {
  for (const { file, reason, usual } of leftOut) if (usual) output.note(`left out: ${file} (${reason})`);
  return leftOut.filter(({ usual }) => !usual).map(({ file, reason }) => `left out: ${file} (${reason})`);
}

/** Design 3, "JSON of `publish --json`". */
function toDocument({ status, release, artifacts, warnings }: PublishResult) {
  return {
    status,
    release: release ?? null,
    artifacts: artifacts.map((artifact) => ({
      target: artifact.target,
      arch: artifact.arch,
      bundle_type: null,
      file: artifact.file,
      size: artifact.size,
      sha256: artifact.sha256,
      action: actionOf(artifact, status),
      url: artifact.url ?? null,
      verified: artifact.verified,
    })),
    warnings,
  };
}

function actionOf(
  { action }: PublishedArtifact,
  status: PublishResult['status'],
): 'uploaded' | 'skipped' | 'planned' {
  if (action === 'skip') return 'skipped';
  return status === 'planned' ? 'planned' : 'uploaded';
}

function describe(result: PublishResult, version: string): string {
  const { status, artifacts, plan } = result;
  const rows = artifacts.map((artifact) => [
    platformName(artifact),
    formatBytes(artifact.size),
    `sha256:${artifact.sha256.slice(0, 12)}`,
    actionOf(artifact, status),
    artifact.verified && artifact.url ? `verified at ${displayUrl(new URL(artifact.url))}` : artifact.file,
  ]);
  const headline = {
    published: `Published ${version}.`,
    unchanged: `${version} is published already; nothing was changed.`,
    planned: 'create' in plan.release ? `Would create ${version} and upload:` : `Would add to ${version}:`,
  }[status];
  return `${headline}\n${formatTable(rows)}`;
}
