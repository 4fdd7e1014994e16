import type { CompleteArtifact } from '../../database/queries/releases.ts';
import { type Platform, platformName, withoutBundleType } from '../../protocol/platform.ts';
import { type Because, because } from './reason.ts';

/** Why a live release in the right channel has no file that an app of a platform could get. */
export function filesRule(artifacts: readonly CompleteArtifact[], platform: Platform): Because {
  const { target, arch, bundleType } = platform;
  const own = artifacts.filter((file) => file.target === target && file.arch === arch);
  const name = platformName(withoutBundleType(platform));
  if (own.length === 0) return because('platform', `It has no file for ${name}.`);
  if (bundleType === undefined) {
    if (own.every(({ isOnlyByType }) => isOnlyByType)) {
      return because('bundle_type', `Its files for ${name} are for apps that ask for their bundle type.`);
    }
  } else if (own.every((file) => file.bundleType !== bundleType)) {
    return because('bundle_type', `It has no ${bundleType} file for ${name}.`);
  }
  return because('file_missing', `A file of it for ${name} is missing on the server.`);
}
