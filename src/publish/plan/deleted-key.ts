import type { Issue } from '../../issue.ts';
import { formatPublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { describeKey } from '../known-keys.ts';
import type { ReleaseRequest } from '../release-request.ts';
import type { ServerState } from '../server-state/server-state.ts';

/** The key that builds of the version carry, where it was live and is deleted; undefined if that is not known. */
export function deletedKeyOf(
  { version }: Pick<ReleaseRequest, 'version'>,
  { deleted = [] }: Pick<ServerState, 'deleted'>,
): string | undefined {
  const files = deleted.filter((file) => file.version === precedenceOf(version) && file.sha256 !== undefined);
  return files.map((file) => file.embedded_pubkey ?? undefined).find((key) => key !== undefined);
}

/** A version that was live has the same bytes again, so its builds carry the same key. */
export function deletedKeyIssues(request: ReleaseRequest, server: Pick<ServerState, 'deleted'>): Issue[] {
  const { version, embeddedKey } = request;
  const recorded = deletedKeyOf(request, server);
  if (embeddedKey === undefined || recorded === undefined || recorded === formatPublicKey(embeddedKey))
    return [];
  const was = publicKeyIdOf(recorded) ?? '';
  const message = `${version} was live before it was deleted, and its build carried key ${was}, not ${describeKey(embeddedKey)}`;
  const hint =
    'Published files never change: publish a new version. If the wrong key was recorded, publish it with that one as ' +
    '--embedded-pubkey and --draft, then correct it with `releases edit`.';
  return [{ id: 'release.other_keys', code: 'conflict', message, hint }];
}
