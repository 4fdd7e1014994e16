import { OtaError } from '../../errors.ts';
import { throwIssues } from '../../issue.ts';
import { clockIssues } from '../../publish/clock-difference.ts';
import { renewManifest } from '../../publish/renew-manifest.ts';
import { supports } from '../../publish/server-state/server-state.ts';
import { readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { connectForApp } from '../wiring/connect.ts';
import { withRelease } from './releases.ts';
import type { ReleasesSignOptions } from './releases-command.ts';

/** Extension `manifest`. */
export async function runReleasesSign(
  options: ReleasesSignOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, '.');
  const { signer, warning } = await readManifestSigner(options, { environment, config }, errors);
  if (signer === undefined && errors.isEmpty) {
    errors.add(warning ?? 'no key given: pass --manifest-key FILE or set TAURI_SIGNING_PRIVATE_KEY');
  }
  const connection = connectForApp(options, context, { errors, config });
  await withRelease(connection, idOrVersion, async (release, remote) => {
    const { version } = release;
    throwIssues(clockIssues(remote, signer));
    const result = supports(remote.client, 'manifest') && (await renewManifest(remote, { release, signer }));
    if (!result || result.renewed === 0) {
      throw new OtaError('preflight_refused', `${version} has no manifest that was signed with this key`, {
        hint: 'Give the key that it was signed with. A release without a manifest gets one by `publish finish` with the key.',
      });
    }
    const expiresAt = signer?.expiresAt.toISOString().slice(0, 10);
    output.document({ version, renewed: result.renewed, left: result.left, expires_at: expiresAt });
    output.result(`Signed the manifest of ${version} again: it expires on ${expiresAt}.`);
    if (result.left > 0)
      output.warning(`${result.left} parts of it are signed with another key, and stay as they were`);
  });
}
