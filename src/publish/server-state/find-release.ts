import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { precedenceOf, versionOfTag } from '../../protocol/version.ts';

/** The release of the same version. Versions are unique by precedence, so build metadata is ignored. */
export function findRelease(
  releases: readonly ReleaseResponse[],
  version: string,
): ReleaseResponse | undefined {
  return releases.find((release) => precedenceOf(release.version) === precedenceOf(version));
}

/** A release by its id, its version, or a git tag with that. @throws OtaError `usage` */
export function requireRelease(releases: readonly ReleaseResponse[], idOrVersion: string): ReleaseResponse {
  const version = versionOfTag(idOrVersion) ?? idOrVersion;
  const release = releases.find(({ id }) => id === idOrVersion) ?? findRelease(releases, version);
  if (release !== undefined) return release;
  throw new OtaError('usage', `the app has no release ${idOrVersion}`, {
    hint: 'Run `synckit-ota releases list` to see its releases.',
  });
}
