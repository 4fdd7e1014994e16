import { setTimeout as sleep } from 'node:timers/promises';
import { platformName } from '../../protocol/platform.ts';
import { presenceIssues } from '../../publish/inspect/inspect-artifacts.ts';
import { publishArtifact } from '../../publish/publish-artifact.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readPlatform } from '../options/platform-options.ts';
import { type RemoteOptions, readPublicKey, readSlug } from '../options/remote-options.ts';
import { platformFields } from '../output/publish-report.ts';
import { Reporter } from '../output/publish-reporter.ts';
import type { Context } from '../program.ts';
import { connectForApp } from '../wiring/connect.ts';

interface PublishArtifactOptions extends RemoteOptions {
  readonly release?: string;
  readonly target?: string;
  readonly arch?: string;
  readonly bundleType?: string;
  readonly pubkey?: string;
  readonly slug?: string;
}

/** api.md, "Upload Artifacts": one file into a release that exists. */
export async function runPublishArtifact(
  options: PublishArtifactOptions,
  context: Context,
  file: string,
): Promise<void> {
  const problems = new OptionErrors();
  if (!options.release) problems.add('no release is given: pass --release with its id or version');
  const platform = readPlatform(options, problems);
  const publicKey = readPublicKey(options.pubkey, problems);
  const slug = readSlug(options.slug || undefined, problems);
  if (platform) problems.addIssues(await presenceIssues([{ ...platform, file }]));
  const { output, signal } = context;
  const reporter = new Reporter(output);
  const remote = connectForApp(options, context, problems, (notice) =>
    reporter.report({ type: 'retrying', notice }),
  );
  if (platform === undefined)
    throw new Error('a platform that is missing is a problem, and those were thrown');
  try {
    const artifact = await publishArtifact(
      { ...remote, report: reporter.report, sleep: (ms) => sleep(ms, undefined, { signal }) },
      { ...platform, file, release: options.release ?? '', slug, publicKey },
    );
    reporter.stop();
    const { size, sha256, action } = artifact;
    const done = action === 'skip' ? 'skipped' : 'uploaded';
    output.document({ ...platformFields(artifact), file, size, sha256, action: done });
    output.step?.finish({
      status: action === 'skip' ? 'unchanged' : 'published',
      artifacts: [{ ...artifact, action: done, verified: false }],
    });
    output.result(`${platformName(artifact)} ${done} (sha256:${sha256})`);
  } finally {
    reporter.stop();
    await remote.transport.close();
  }
}
