import { OtaError } from '../errors.ts';
import type { PathParameters } from './messages.ts';
import type { Platform } from './platform.ts';
import type { Scope } from './token.ts';

/** What every path of the API begins with. */
export const API_ROOT = '/api/sync/ota';

/**
 * Who may call a route: anyone, the holder of a signed URL, or the holder of a token with that scope.
 * A route cannot be declared without it.
 */
export type Access = 'public' | 'signed-url' | Scope;

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** In the notation of api.md: `{app_id}`. */
  readonly path: string;
  readonly access: Access;
}

/** Every route, once: the client builds its URLs from this, the server registers it. Headings are api.md's. */
export const routes = {
  /** Ours (design 4): what this server can do. */
  capabilities: { method: 'GET', path: API_ROOT, access: 'public' },
  /** Ours, extension `app`. */
  getApp: { method: 'GET', path: `${API_ROOT}/apps/{app_id}`, access: 'release:read' },
  /** "Register a Slug" */
  setSlug: { method: 'PUT', path: `${API_ROOT}/apps/{app_id}/slug`, access: 'app:admin' },
  /** "Create a Release" */
  createRelease: { method: 'POST', path: `${API_ROOT}/apps/{app_id}/releases`, access: 'release:write' },
  /** "Upload Artifacts" */
  createArtifact: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/artifacts`,
    access: 'release:write',
  },
  /** Ours, extension `complete-upload`. */
  completeUpload: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/artifacts/{upload_id}/complete`,
    access: 'release:write',
  },
  /** "List Releases" */
  listReleases: { method: 'GET', path: `${API_ROOT}/apps/{app_id}/releases`, access: 'release:read' },
  /** Ours, extension `yank`. */
  updateRelease: {
    method: 'PATCH',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}`,
    access: 'release:write',
  },
  /** Ours, extension `draft`. */
  publishRelease: {
    method: 'POST',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}/publish`,
    access: 'release:write',
  },
  /** "Delete a Release" */
  deleteRelease: {
    method: 'DELETE',
    path: `${API_ROOT}/apps/{app_id}/releases/{release_id}`,
    access: 'release:delete',
  },
  /** "Update Check Endpoint" */
  check: {
    method: 'GET',
    path: `${API_ROOT}/{slug}/{target}/{arch}/{current_version}`,
    access: 'public',
  },
  /** "Download Endpoint" */
  download: {
    method: 'GET',
    path: `${API_ROOT}/{slug}/download/{release_id}/{target}/{arch}`,
    access: 'public',
  },
  /** Ours: where a signed upload URL of the disk storage points. */
  upload: { method: 'PUT', path: `${API_ROOT}/uploads/{upload_id}`, access: 'signed-url' },
  /** Ours: where a signed download URL of the disk storage points. */
  storedFile: { method: 'GET', path: `${API_ROOT}/downloads/{storage_key}`, access: 'signed-url' },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** The names of a route's path parameters, read off its path. */
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

/** api.md, "Download Endpoint", with the query of the extension `platforms` where a kind of bundle is meant. */
export function downloadPath(
  slug: string,
  releaseId: string,
  { target, arch, bundleType }: Platform,
): string {
  const path = pathOf('download', { slug, release_id: releaseId, target, arch });
  return bundleType === undefined ? path : `${path}?bundle_type=${bundleType}`;
}
