import { STABLE } from '../../protocol/channel.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { distinctVersions, routePlatforms, stepsIn } from '../../protocol/routing/route-platforms.ts';
import type { AppFiles } from '../../protocol/routing/stranded-versions.ts';
import { stepFor } from '../../protocol/routing/update-steps.ts';
import { compareVersions, LOWEST_VERSION } from '../../protocol/version.ts';

/** The version to ask as, for a platform, to be offered a release; `no_version` when no version is offered it. */
export type AskingVersion =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'no_version' };

export type AskingVersions = (platform: Platform) => AskingVersion;

/** For servers without routing: all platforms update from the same version, by default the lowest possible one. */
export function askAlwaysAs(version: string = LOWEST_VERSION): AskingVersions {
  return () => ({ kind: 'version', version });
}

/**
 * Extension `key-routing`: the highest of the lower versions that are offered a release, by platform.
 * @param files all files of the app, those of the release too
 */
export function askingVersions(
  { live, known }: AppFiles,
  { version, channel = STABLE }: { readonly version: string; readonly channel?: string | undefined },
): AskingVersions {
  const versions = distinctVersions(known);
  const routed = routePlatforms(live, versions);
  const lower = versions
    .filter((one) => [STABLE, channel].includes(one.channel))
    .map((one) => one.version)
    .filter((one) => compareVersions(one, version) < 0)
    .sort((a, b) => compareVersions(b, a));
  return (platform) => {
    const steps = stepsIn(routed, { channel, name: platformName(platform) }) ?? [];
    const isOffered = (offered: { readonly version: string } | undefined) =>
      offered !== undefined && compareVersions(offered.version, version) === 0;
    const known = lower.find((one) => isOffered(stepFor(steps, one)?.release));
    if (known !== undefined) return { kind: 'version', version: known };
    const step = steps.findLast(({ release }) => isOffered(release));
    return step === undefined
      ? { kind: 'no_version' }
      : { kind: 'version', version: step.from ?? LOWEST_VERSION };
  };
}
