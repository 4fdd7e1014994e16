import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { precedenceOf } from '../../protocol/version.ts';

/** The release of equal precedence, which the version is unique by. */
export function findRelease(
  releases: readonly ReleaseResponse[],
  version: string,
): ReleaseResponse | undefined {
  return releases.find((release) => precedenceOf(release.version) === precedenceOf(version));
}

/** A release by its id or version. @throws OtaError `usage` */
export function requireRelease(releases: readonly ReleaseResponse[], idOrVersion: string): ReleaseResponse {
  const version = idOrVersion.replace(/^v(?=\d)/, '');
  const release = releases.find(({ id }) => id === idOrVersion) ?? findRelease(releases, version);
  if (release !== undefined) return release;
  throw new OtaError('usage', `the app has no release ${idOrVersion}`, {
    hint: '`synckit-ota releases list` shows those it has.',
  });
}
