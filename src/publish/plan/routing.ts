import type { Issue } from '../../issue.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { CreateReleaseRequest, ReleaseResponse, UpdateReleaseRequest } from '../../protocol/messages.ts';
import { describeKey, formatPublicKey, publicKeyIdOf } from '../../protocol/minisign.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { LocalArtifact } from '../inspect/local-artifact.ts';
import type { ReleaseRequest } from '../release-request.ts';
import type { RoutedReleaseFields } from '../server-state/app-files.ts';
import { type ServerState, supports } from '../server-state/server-state.ts';
import { signingKeyOf } from './signing-key.ts';

// Extension `key-routing`: what a release says of its keys and of the way of its apps.

/** What decides who is offered the release once it is published. Pure. */
export function plannedRouting(
  { version, channel = STABLE, embeddedKey, requires }: ReleaseRequest,
  existing: Pick<ReleaseResponse, 'requires' | 'embedded_pubkey'> | undefined,
): RoutedReleaseFields {
  return {
    version,
    channel,
    requires: requires ?? existing?.requires,
    embedded_pubkey: embeddedKey ? formatPublicKey(embeddedKey) : existing?.embedded_pubkey,
  };
}

/** The fields of a release that is created. Pure. */
export function routingOfNew(
  { embeddedKey, requires, allowStranding }: ReleaseRequest,
  artifacts: readonly LocalArtifact[],
): Partial<CreateReleaseRequest> {
  const signing_key_id = signingKeyOf(artifacts);
  return {
    ...(signing_key_id !== undefined && { signing_key_id }),
    ...(embeddedKey !== undefined && { embedded_pubkey: formatPublicKey(embeddedKey) }),
    ...(requires !== undefined && { requires }),
    ...(allowStranding && { allow_stranding: true }),
  };
}

export interface ExistingRouting {
  readonly request: Pick<ReleaseRequest, 'embeddedKey' | 'allowStranding'>;
  /** Whether files are uploaded that are offered at once, under what the release itself allows. */
  readonly isOffered: boolean;
}

/** What a release that exists was created without: a draft the key that its build carries. Pure. */
export function routingChange(
  { status, embedded_pubkey: known }: ReleaseResponse,
  { request: { embeddedKey, allowStranding }, isOffered }: ExistingRouting,
  server: Pick<ServerState, 'extensions'>,
): UpdateReleaseRequest | undefined {
  if (!supports(server, 'key-routing')) return undefined;
  const isKeyMissing = status === 'draft' && typeof known !== 'string' && embeddedKey !== undefined;
  const change = {
    ...(isKeyMissing && { embedded_pubkey: formatPublicKey(embeddedKey) }),
    ...((isOffered || isKeyMissing) && allowStranding && { allow_stranding: true }),
  };
  return Object.keys(change).length > 0 ? change : undefined;
}

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
