import { setTimeout as sleep } from 'node:timers/promises';
import type { RetryNotice } from '../../client/retry.ts';
import { finishRelease } from '../../publish/finish-release.ts';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { readConfigFile } from '../options/config-file.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readExpected } from '../options/platform-options.ts';
import { type RemoteOptions, readPublicKey, readSlug } from '../options/remote-options.ts';
import { describe, toDocument, toStepResult } from '../output/publish-report.ts';
import { Reporter } from '../output/publish-reporter.ts';
import type { Context } from '../program.ts';
import { connectForApp } from '../wiring/connect.ts';

interface PublishFinishOptions extends RemoteOptions {
  readonly release?: string;
  readonly expect?: string;
  readonly pubkey?: string;
  readonly slug?: string;
}

/** Extension `draft`: takes a draft live. One that is live already is only verified. */
export async function runPublishFinish(options: PublishFinishOptions, context: Context): Promise<void> {
  const problems = new OptionErrors();
  const config = problems.attempt(() => readConfigFile('.')) ?? {};
  if (!options.release) problems.add('no draft is given: pass --release with its id or version');
  const request = {
    release: options.release ?? '',
    expect: readExpected(options.expect, problems, config.expect),
    publicKey: readPublicKey(options.pubkey ?? config.pubkey, problems),
    slug: readSlug((options.slug ?? config.slug) || undefined, problems),
    concurrency: DEFAULT_CONCURRENCY,
  };
  const { output, signal } = context;
  const reporter = new Reporter(output);
  const onRetry = (notice: RetryNotice) => reporter.report({ type: 'retrying', notice });
  const remote = connectForApp(options, context, problems, onRetry, config);
  try {
    const finished = await finishRelease(
      { ...remote, report: reporter.report, sleep: (ms) => sleep(ms, undefined, { signal }) },
      request,
    );
    reporter.stop();
    const reported = { ...finished, warnings: [] };
    output.document(toDocument(reported));
    output.step?.finish(toStepResult(reported, finished.release.version, remote.client));
    output.result(describe(reported, finished.release.version));
  } finally {
    reporter.stop();
    await remote.transport.close();
  }
}
