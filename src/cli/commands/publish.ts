import { setTimeout as sleep } from 'node:timers/promises';
import { displayUrl } from '../../client/transport.ts';
import { platformName } from '../../protocol/platform.ts';
import { presenceFaults } from '../../publish/local-artifact.ts';
import { type PublishedArtifact, type PublishResult, publish } from '../../publish/publish.ts';
import { readArtifacts } from '../artifact-options.ts';
import { readConfigFile } from '../config-file.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { formatBytes, formatTable } from '../format.ts';
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
  const request = {
    version: readVersion(settings.version, problems),
    notes: readNotes(settings, problems),
    slug: readSlug(settings.slug || undefined, problems),
    artifacts: readArtifacts(settings.artifact ?? [], problems),
    publicKey: readPublicKey(settings.pubkey, problems),
    allowPrerelease: settings.allowPrerelease ?? false,
    concurrency: readInteger('--concurrency', settings.concurrency, { min: 1, max: 64 }, problems),
    dryRun: settings.dryRun ?? false,
  };
  if (!settings.artifact?.length) {
    problems.add('nothing to publish: pass --artifact TARGET-ARCH=FILE for each platform');
  }
  problems.addFaults(await presenceFaults(request.artifacts));
  const { output, signal } = context;
  const reporter = new Reporter(output);
  const remote = connectForApp(options, context, problems, (notice) =>
    reporter.report({ type: 'retrying', notice }),
  );
  try {
    const result = await publish(
      { ...remote, report: reporter.report, sleep: (ms) => sleep(ms, undefined, { signal }) },
      request,
    );
    reporter.stop();
    output.document(toDocument(result));
    output.result(describe(result, request.version));
  } finally {
    reporter.stop();
    await remote.transport.close();
  }
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
