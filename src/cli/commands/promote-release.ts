import { promoteRelease } from '../../publish/promote-release.ts';
import { readConfigFileInto } from '../config/config-file.ts';
import type { Context } from '../context.ts';
import { readManifestSigner } from '../options/manifest-key.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readChannel, readRollout } from '../options/release-options.ts';
import { describeRollout } from '../rollout-in-words.ts';
import { withPublisher } from '../wiring/with-publisher.ts';
import type { ReleasesPromoteOptions } from './releases-command.ts';

/** Extension `promote`. */
export async function runReleasesPromote(
  options: ReleasesPromoteOptions,
  context: Context,
  idOrVersion: string,
): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const config = readConfigFileInto(errors, '.');
  const channel = readChannel(options.to, errors, '--to');
  if (channel === undefined && errors.isEmpty) errors.add('no channel given: pass --to, like --to stable');
  const rollout = readRollout({ ...options, share: options.rollout }, errors, '--rollout');
  const { signer, warning } = await readManifestSigner(options, { environment, config }, errors);
  const result = await withPublisher({ options, context, errors, config }, async (publisher) => {
    if (warning !== undefined) output.warning(warning);
    return promoteRelease(publisher, {
      release: idOrVersion,
      channel: channel ?? '',
      rollout,
      signer,
      allowPrerelease: options.allowPrerelease ?? false,
      allowLower: options.allowLower ?? false,
      allowStranding: options.allowStranding ?? false,
      allowOutdatedManifest: options.allowOutdatedManifest ?? false,
    });
  });
  const { release, from, to, manifest } = result;
  output.document(result);
  if (manifest.signed > 0) output.note(`manifest of ${release.version} signed again`);
  const state = describeRollout(release);
  const where = from === to ? `is in ${to} already` : `moved from ${from} to ${to}`;
  output.result(`${release.version} ${where}${state === undefined ? '' : `: ${state}`}.`);
  if (manifest.outdated === 0) return;
  output.warning(
    `the manifest of ${release.version} names the channel ${from}, and \`check\` reports that: run the same command again with the key that it is signed with (--manifest-key)`,
  );
}
