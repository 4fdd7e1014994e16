import { setTimeout as sleep } from 'node:timers/promises';
import type { RetryNotice } from '../../client/retry.ts';
import { presenceIssues } from '../../publish/inspect/inspect-artifacts.ts';
import { publish } from '../../publish/publish.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { readConfigFile } from '../options/config-file.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readArtifacts, readExpected } from '../options/platform-options.ts';
import { type ReleaseOptions, readChannel, readNotes, readVersion } from '../options/release-options.ts';
import { type RemoteOptions, readInteger, readPublicKey, readSlug } from '../options/remote-options.ts';
import { describe, toDocument, toStepResult } from '../output/publish-report.ts';
import { Reporter } from '../output/publish-reporter.ts';
import type { Context } from '../program.ts';
import { readConfiguredArtifacts } from '../project/configured-artifacts.ts';
import { type DiscoveredRelease, discoverRelease, readProjectKey } from '../project/project-release.ts';
import { connectForApp } from '../wiring/connect.ts';

interface PublishOptions extends RemoteOptions, ReleaseOptions {
  readonly project: string;
  readonly slug?: string;
  readonly artifact?: readonly string[];
  readonly pubkey?: string;
  readonly channel?: string;
  readonly draft?: boolean;
  readonly expect?: string;
  readonly allowLower?: boolean;
  readonly allowKeyChange?: boolean;
  readonly rollbackOnFailure?: boolean;
  readonly dryRun?: boolean;
  readonly concurrency?: string;
}

export async function runPublish(options: PublishOptions, context: Context): Promise<void> {
  const problems = new OptionErrors();
  const config = problems.attempt(() => readConfigFile(options.project)) ?? {};
  const settings = {
    ...options,
    slug: options.slug ?? config.slug,
    pubkey: options.pubkey ?? config.pubkey,
    channel: options.channel ?? config.channel,
    concurrency: options.concurrency ?? String(config.concurrency ?? DEFAULT_CONCURRENCY),
  };
  const given = settings.version === undefined ? undefined : readVersion(settings.version, problems);
  const named = settings.artifact?.length ? settings.artifact : undefined;
  const patterns = named ? undefined : config.artifacts;
  const discovered =
    named || patterns ? undefined : await discoverRelease({ ...settings, version: given }, problems);
  const version = given ?? discovered?.version ?? (named || patterns ? readVersion(undefined, problems) : '');
  const expect = readExpected(settings.expect, problems, config.expect);
  const configured = patterns && (await readConfiguredArtifacts(patterns, { version, expect }, problems));
  const found = configured ?? discovered;
  const request = {
    version,
    notes: readNotes(withDiscovered(settings, discovered), problems),
    slug: readSlug(settings.slug || discovered?.slug, problems),
    channel: readChannel(settings.channel, problems),
    draft: settings.draft ?? false,
    // A draft that is asked for waits for nothing, whatever the config file expects.
    expect: settings.draft && settings.expect === undefined ? undefined : expect,
    artifacts: named ? readArtifacts(named, problems) : (found?.artifacts ?? []),
    discovered: discovered !== undefined,
    leftOut: found?.leftOut ?? [],
    publicKey: settings.pubkey
      ? readPublicKey(settings.pubkey, problems)
      : readProjectKey(discovered, problems),
    issues: discovered?.issues ?? [],
    allowPrerelease: settings.allowPrerelease ?? false,
    allowLower: settings.allowLower ?? false,
    allowKeyChange: settings.allowKeyChange ?? false,
    rollbackOnFailure: settings.rollbackOnFailure ?? false,
    concurrency: readInteger('--concurrency', settings.concurrency, { min: 1, max: 64 }, problems),
    dryRun: settings.dryRun ?? false,
  };
  if (request.draft && request.expect !== undefined) {
    problems.add('--draft and --expect exclude each other: a draft waits for a request, or for platforms');
  }
  // Where options are wrong too; otherwise it is found with all that is wrong with the files.
  if (problems.any) problems.addIssues(await presenceIssues(request.artifacts));
  const { output, signal } = context;
  const reporter = new Reporter(output);
  const onRetry = (notice: RetryNotice) => reporter.report({ type: 'retrying', notice });
  const remote = connectForApp(options, context, problems, onRetry, config);
  try {
    const result = await publish(
      { ...remote, report: reporter.report, sleep: (ms) => sleep(ms, undefined, { signal }) },
      request,
    );
    reporter.stop();
    output.document(toDocument(result));
    output.step?.finish(toStepResult(result, request.version, remote.client));
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
