import { wrapSignature } from '../../protocol/minisign.ts';
import { ensureRelease } from '../../publish/execute/ensure-release.ts';
import { requestIssues } from '../../publish/plan/plan.ts';
import { keptNotesWarning } from '../../publish/plan/release-notes.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readNotes, readVersion } from '../options/release-options.ts';
import { readTextFile } from '../options/remote-options.ts';
import { connectForApp } from '../wiring/connect.ts';
import type { PublishReleaseOptions } from './publish-command.ts';

/** Creates a release (api.md, "Create a Release"). One that exists with the same content is printed as it is. */
export async function runPublishRelease(options: PublishReleaseOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const version = readVersion(options.version, errors);
  const notes = readNotes(options, errors)?.text;
  const { signatureFile: file } = options;
  const signature = file && errors.attempt(() => wrapSignature(readTextFile(file, '--signature-file')));
  if (file && signature === '') errors.add(`--signature-file ${file} is empty: sign the bundle first`);
  errors.addIssues(requestIssues({ version, allowPrerelease: options.allowPrerelease ?? false }));
  const { output } = context;
  const remote = connectForApp(options, context, { errors });
  try {
    const { release } = await ensureRelease(remote, {
      version,
      ...(notes !== undefined && { notes }),
      ...(signature && { signature }),
    });
    if (notes !== undefined && (release.notes ?? '') !== notes) {
      output.warning(keptNotesWarning(version));
    }
    output.document(release);
    output.step?.finish({ status: release.status, version: release.version, releaseId: release.id });
    output.result(`Release ${release.version}: ${release.id}`);
  } finally {
    await remote.transport.close();
  }
}
