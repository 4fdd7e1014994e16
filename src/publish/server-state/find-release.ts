import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { precedenceOf, versionOfTag } from '../../protocol/version.ts';
import type { Publisher } from '../publisher.ts';

/** The release of the same version. Versions are unique by precedence, so build metadata is ignored. */
export function findRelease(
  releases: readonly ReleaseResponse[],
  version: string,
): ReleaseResponse | undefined {
  return releases.find((release) => precedenceOf(release.version) === precedenceOf(version));
}

export interface FoundRelease {
  readonly release: ReleaseResponse | undefined;
  /** All releases of the app, where the server cannot be asked for one. */
  readonly releases?: readonly ReleaseResponse[];
}

/** Looks a release up by its id, its version, or a git tag with that: extension `paging`, else in the list of all. */
export async function lookUpRelease(
  { client, appId }: Pick<Publisher, 'client' | 'appId'>,
  idOrVersion: string,
): Promise<FoundRelease> {
  const version = versionOfTag(idOrVersion) ?? idOrVersion;
  const find = (releases: readonly ReleaseResponse[]) =>
    releases.find(({ id }) => id === idOrVersion) ?? findRelease(releases, version);
  if (!client.extensions.has('paging')) {
    const releases = await client.listReleases(appId);
    return { release: find(releases), releases };
  }
  const { releases } = await client.listReleasePage(appId, { release: version });
  return { release: find(releases) };
}

/** The same for a release that has to be there. @throws OtaError `usage` */
export async function requireRelease(
  publisher: Pick<Publisher, 'client' | 'appId'>,
  idOrVersion: string,
): Promise<FoundRelease & { readonly release: ReleaseResponse }> {
  const { release, ...found } = await lookUpRelease(publisher, idOrVersion);
  if (release !== undefined) return { ...found, release };
  throw new OtaError('usage', `the app has no release ${idOrVersion}`, {
    hint: 'Run `synckit-ota releases list` to see its releases.',
  });
}
