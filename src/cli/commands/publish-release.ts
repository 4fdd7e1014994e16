import { OtaError } from '../../errors.ts';
import { throwIssues } from '../../issue.ts';
import type { CreateReleaseRequest } from '../../protocol/messages.ts';
import { wrapSignature } from '../../protocol/minisign.ts';
import { ensureRelease } from '../../publish/execute/ensure-release.ts';
import { otherRoutingIssues } from '../../publish/plan/existing-release.ts';
import { requestIssues } from '../../publish/plan/plan.ts';
import { keptNotesWarning } from '../../publish/plan/release-notes.ts';
import { routingOfNew } from '../../publish/plan/routing.ts';
import type { ReleaseRequest } from '../../publish/release-request.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readNotes, readRequires, readVersion } from '../options/release-options.ts';
import { readPublicKey, readTextFile } from '../options/remote-options.ts';
import { type AppRemote, connectForApp } from '../wiring/connect.ts';
import type { PublishReleaseOptions } from './publish-command.ts';

/** Creates a release (api.md, "Create a Release"). One that exists with the same content is printed as it is. */
export async function runPublishRelease(options: PublishReleaseOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const version = readVersion(options.version, errors);
  const notes = readNotes(options, errors)?.text;
  const { signatureFile: file } = options;
  const signature = file && errors.attempt(() => wrapSignature(readTextFile(file, '--signature-file')));
  if (file && signature === '') errors.add(`--signature-file ${file} is empty: sign the bundle first`);
  const embeddedKey = readPublicKey(options.embeddedPubkey, errors, '--embedded-pubkey');
  const requires = readRequires(options.requires);
  const { allowPrerelease = false, allowStranding = false } = options;
  const request = { version, allowPrerelease, embeddedKey, requires, allowStranding };
  errors.addIssues(requestIssues(request));
  const { output } = context;
  const remote = connectForApp(options, context, { errors });
  try {
    const needsRouting = embeddedKey !== undefined || requires !== undefined || allowStranding;
    const { release, created } = await ensureRelease(remote, {
      version,
      ...(notes !== undefined && { notes }),
      ...(signature && { signature }),
      ...(needsRouting && (await routingFieldsFor(remote, request))),
    });
    if (!created) throwIssues(otherRoutingIssues(release, { request, artifacts: [] }));
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

/** @throws OtaError `preflight_refused` when the server does not support them */
async function routingFieldsFor(
  { client, retry }: AppRemote,
  request: ReleaseRequest,
): Promise<Partial<CreateReleaseRequest>> {
  const capabilities = await retry.run(() => client.capabilities());
  if (capabilities?.extensions.includes('key-routing')) return routingOfNew(request, []);
  const message = 'this server does not support --embedded-pubkey, --requires and --allow-stranding';
  throw new OtaError('preflight_refused', message, {
    hint: 'Leave them out, or use a server with the extension key-routing.',
  });
}
