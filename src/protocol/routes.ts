import { OtaError } from '../errors.ts';
import type { Scope } from './access/scope.ts';
import type { PathParameters } from './messages.ts';
import type { Platform } from './platform.ts';

/** The prefix of every path of the API. */
export const API_ROOT = '/api/sync/ota';

/**
 * Who may call a route: anyone, the holder of a signed URL, or the holder of a token with that scope, or with one of
 * several. What a request changes may need another one besides, which its handler asks for.
 */
export type Access = 'public' | 'signed-url' | Scope | readonly Scope[];

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string; // with parameters as api.md writes them: `{app_id}`
  readonly access: Access;
}

/** Every route, once: the client builds its URLs from it, the server registers it (docs/reference/http-api.md). */
export const routes = {
  capabilities: { method: 'GET', path: API_ROOT, access: 'public' },
  getApp: { method: 'GET', path: `${API_ROOT}/apps/{app_id}`, access: 'release:read' }, // extension `app`
  setSlug: {
    method: 'PUT',
    path: `${API_ROOT}/apps/{app_id}/slug`,
    access: ['app:admin', 'release:publish'],
  },
  createRelease: { method: 'POST', path: `${API_ROOT}/apps/{app_id}/releases`, access: 'release:upload' },
  createArtifact: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/artifacts`,
    access: 'release:upload',
  },
  /** Extension `complete-upload`. */
  completeUpload: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/artifacts/{upload_id}/complete`,
    access: 'release:upload',
  },
  listReleases: { method: 'GET', path: `${API_ROOT}/apps/{app_id}/releases`, access: 'release:read' },
  /** Extension `yank`. */
  updateRelease: {
    method: 'PATCH',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}`,
    access: ['release:upload', 'release:publish', 'release:yank', 'release:edit'],
  },
  /** Extension `draft`. */
  publishRelease: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/publish`,
    access: 'release:publish',
  },
  /** Extension `promote`. */
  promoteRelease: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/promote`,
    access: 'release:publish',
  },
  deleteRelease: {
    method: 'DELETE',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}`,
    access: 'release:delete',
  },
  /** Extension `manifest`. */
  putManifest: {
    method: 'PUT',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/manifest`,
    access: ['release:upload', 'release:publish', 'release:edit'],
  },
  readManifest: {
    method: 'GET',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/manifest`,
    access: 'release:read',
  },
  manifest: { method: 'GET', path: `${API_ROOT}/{slug}/manifest/{version}`, access: 'public' },
  /** Extension `attestation`. */
  putAttestation: {
    method: 'PUT',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/attestation`,
    access: ['release:upload', 'release:publish'],
  },
  readAttestation: {
    method: 'GET',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/attestation`,
    access: 'release:read',
  },
  attestation: { method: 'GET', path: `${API_ROOT}/{slug}/attestation/{version}`, access: 'public' },
  /** Extension `stats`. */
  stats: { method: 'GET', path: `${API_ROOT}/apps/{app_id}/stats`, access: 'release:read' },
  /** Extension `explain`. */
  explain: { method: 'GET', path: `${API_ROOT}/apps/{app_id}/explain`, access: 'release:read' },
  /** Extension `simulate`: changes nothing. */
  simulate: { method: 'POST', path: `${API_ROOT}/apps/{app_id}/simulate`, access: 'release:read' },
  exchangeIdentity: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/oidc/exchange`, // extension `trusted-publishing`
    access: 'public',
  },
  check: {
    method: 'GET',
    path: `${API_ROOT}/{slug}/{target}/{arch}/{current_version}`,
    access: 'public',
  },
  download: {
    method: 'GET',
    path: `${API_ROOT}/{slug}/download/{release_id}/{target}/{arch}`,
    access: 'public',
  },
  /** Extension `latest`. */
  latest: { method: 'GET', path: `${API_ROOT}/{slug}/latest/{target}/{arch}`, access: 'public' },
  /** Extension `latest-json`. */
  latestJson: { method: 'GET', path: `${API_ROOT}/{slug}/latest.json`, access: 'public' },
  /** Extension `events`. */
  events: { method: 'POST', path: `${API_ROOT}/{slug}/events`, access: 'public' },
  /** Extension `feeds`: for electron-updater, with the files that it asks for beside it. */
  electronFeed: { method: 'GET', path: `${API_ROOT}/{slug}/feeds/electron/{channel_file}`, access: 'public' },
  electronFile: {
    method: 'GET',
    path: `${API_ROOT}/{slug}/feeds/electron/{version}/{arch}/{file_name}`,
    access: 'public',
  },
  sparkleFeed: { method: 'GET', path: `${API_ROOT}/{slug}/feeds/sparkle/{appcast}`, access: 'public' },
  winsparkleFeed: { method: 'GET', path: `${API_ROOT}/{slug}/feeds/winsparkle/{appcast}`, access: 'public' },
  /** The feed, or a package that it names. */
  velopackFeed: { method: 'GET', path: `${API_ROOT}/{slug}/feeds/velopack/{file_name}`, access: 'public' },
  /** Signed URLs of the disk storage. */
  upload: { method: 'PUT', path: `${API_ROOT}/uploads/{upload_id}`, access: 'signed-url' },
  uploadPart: {
    method: 'PUT',
    path: `${API_ROOT}/uploads/{upload_id}/parts/{multipart_id}/{part_number}`, // extension `multipart`
    access: 'signed-url',
  },
  storedFile: {
    method: 'GET',
    path: `${API_ROOT}/downloads/{storage_key}/{file_name}`,
    access: 'signed-url',
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** The names of the parameters in a route's path. */
export type ParameterName<Name extends RouteName> = NamesIn<(typeof routes)[Name]['path']> &
  keyof typeof PathParameters;

/** Values for a route's path parameters, unencoded. */
export type RouteParameters<Name extends RouteName> = Readonly<Record<ParameterName<Name>, string>>;

/**
 * The route's path with the values filled in, each percent-encoded (`+` becomes `%2B`).
 * @throws OtaError `usage` for a value that would change the path's meaning: empty, `.` or `..`
 */
export function pathOf<Name extends RouteName>(name: Name, parameters: RouteParameters<Name>): string {
  const values: Readonly<Record<string, string>> = parameters;
  return routes[name].path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = values[key] ?? '';
    if (/^\.{0,2}$/.test(value)) throw new OtaError('usage', `"${value}" cannot be the ${key} in a URL`);
    return encodeURIComponent(value);
  });
}

/** A URL, path or prefix without slashes at its end, so that a path can follow. */
export function withoutEndSlashes(text: string): string {
  return text.replace(/(?<!\/)\/+$/, '');
}

/** The path of a download; with a bundle type, that of the extension `platforms`. */
export function downloadPath(
  slug: string,
  releaseId: string,
  { target, arch, bundleType }: Platform,
): string {
  const path = pathOf('download', { slug, release_id: releaseId, target, arch });
  return bundleType === undefined ? path : `${path}?bundle_type=${bundleType}`;
}
