import { ensureRelease } from '../../publish/execute/ensure-release.ts';
import { requestIssues } from '../../publish/plan/plan.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { type ReleaseOptions, readNotes, readVersion } from '../options/release-options.ts';
import { type RemoteOptions, readTextFile } from '../options/remote-options.ts';
import type { Context } from '../program.ts';
import { connectForApp } from '../wiring/connect.ts';

interface PublishReleaseOptions extends RemoteOptions, ReleaseOptions {
  readonly signatureFile?: string;
}

/** api.md, "Create a Release". A release that is there with the same content is printed as it is. */
export async function runPublishRelease(options: PublishReleaseOptions, context: Context): Promise<void> {
  const problems = new OptionErrors();
  const version = readVersion(options.version, problems);
  const notes = readNotes(options, problems);
  const { signatureFile: file } = options;
  const signature = file && problems.attempt(() => readTextFile(file, '--signature-file'))?.trim();
  if (file && signature === '') problems.add(`--signature-file ${file} is empty: sign the bundle first`);
  problems.addIssues(requestIssues({ version, allowPrerelease: options.allowPrerelease ?? false }));
  const { output } = context;
  const remote = connectForApp(options, context, problems);
  try {
    const { release } = await ensureRelease(remote, {
      version,
      ...(notes !== undefined && { notes }),
      ...(signature && { signature }),
    });
    if (notes !== undefined && (release.notes ?? '') !== notes) {
      output.warning(`the notes of ${version} stay as they were first published`);
    }
    output.document(release);
    output.step?.finish({ status: release.status, version: release.version, releaseId: release.id });
    output.result(`Release ${release.version}: ${release.id}`);
  } finally {
    await remote.transport.close();
  }
}
