import type { Static, TSchema } from 'typebox';
import type { OtaError } from '../errors.ts';
import {
  type AppQuery,
  AppResponse,
  CapabilitiesResponse,
  type CompleteUploadRequest,
  CompleteUploadResponse,
  type CreateArtifactRequest,
  CreateArtifactResponse,
  type CreateReleaseRequest,
  type PublishReleaseRequest,
  ReleaseListResponse,
  ReleaseResponse,
  type UpdateReleaseRequest,
  UpdateResponse,
} from '../protocol/messages.ts';
import type { Platform } from '../protocol/platform.ts';
import {
  API_ROOT,
  downloadPath,
  pathOf,
  type RouteName,
  type RouteParameters,
  routes,
} from '../protocol/routes.ts';
import type { Clock } from '../protocol/time.ts';
import {
  decodeIfMatching,
  decodeResponse,
  isPage,
  notTheApi,
  type ReceivedResponse,
  receive,
  responseError,
} from './response.ts';
import type { Transport } from './transport/transport.ts';

/** How long a server may take to respond, in milliseconds. */
const CALL_TIMEOUT_MS = 60_000;

export interface OtaClientOptions {
  /** The server's base URL; the API's root is appended, a path prefix kept. */
  readonly server: URL;
  /** Sent to this server only: never along a redirect, never to a presigned URL. */
  readonly token?: string | undefined;
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export interface InstalledApp extends Platform {
  readonly slug: string;
  readonly currentVersion: string;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
}

export interface PublishReleaseOptions {
  /** What the draft must hold. */
  readonly required: PublishReleaseRequest;
  /** Names of platforms, instead of those that the draft waits for. */
  readonly expect?: readonly string[] | undefined;
  /** Extension `key-routing`: even if versions have no way to the highest release then. */
  readonly allowStranding?: boolean | undefined;
}

export interface DeleteReleaseOptions {
  /** Extension `conditional-delete`: only while it has this many complete artifacts. */
  readonly onlyWithArtifacts?: number | undefined;
  /** Extension `key-routing`: as `PublishReleaseOptions`. */
  readonly allowStranding?: boolean | undefined;
}

interface Call<Name extends RouteName> {
  readonly route: Name;
  readonly parameters: RouteParameters<Name>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** The API: one method and one request for each endpoint. Callers decide what is retried (`Retry`). */
export class OtaClient {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;

  constructor({ server, token, transport, signal, clock }: OtaClientOptions) {
    const path = server.pathname.replace(/\/+$/, '');
    this.#base = server.origin + (path.endsWith(API_ROOT) ? path.slice(0, -API_ROOT.length) : path);
    this.#token = token;
    this.#transport = transport;
    this.#signal = signal;
    this.#clock = clock ?? (() => new Date());
  }

  /** The server's base URL, without the API's root. */
  get server(): URL {
    return new URL(this.#base);
  }

  /** The extensions of our server; undefined for a base server, which implements api.md only. */
  async capabilities(): Promise<CapabilitiesResponse | undefined> {
    const response = await this.#send({ route: 'capabilities', parameters: {} });
    if (response.status === 429 || response.status >= 500) throw this.#error(response);
    // A base server may answer an unknown path with anything, even with a page and 200.
    return response.status === 200 ? decodeIfMatching(CapabilitiesResponse, response.text) : undefined;
  }

  /** Extension `app`. @param include `releases` to get them too, from a server that supports it */
  async getApp(appId: string, include?: AppQuery['include']): Promise<AppResponse> {
    return this.#call(AppResponse, { route: 'getApp', parameters: { app_id: appId }, query: { include } });
  }

  async setSlug(appId: string, slug: string): Promise<void> {
    await this.#callWithoutResult({ route: 'setSlug', parameters: { app_id: appId }, body: { slug } });
  }

  /** api.md, "Create a Release". After a `network` error it may have been applied; `listReleases` shows it. */
  async createRelease(appId: string, body: CreateReleaseRequest): Promise<ReleaseResponse> {
    return this.#call(ReleaseResponse, { route: 'createRelease', parameters: { app_id: appId }, body });
  }

  /** api.md, "Upload Artifacts": requests a presigned URL. */
  async createArtifact(
    appId: string,
    releaseId: string,
    body: CreateArtifactRequest,
  ): Promise<CreateArtifactResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(CreateArtifactResponse, { route: 'createArtifact', parameters, body });
  }

  /** Extension `complete-upload`: the PUT, or all parts, are done. Responds `pending` while the server processes them. */
  async completeUpload(
    appId: string,
    upload: { readonly releaseId: string; readonly uploadId: string },
    body?: CompleteUploadRequest,
  ): Promise<CompleteUploadResponse> {
    const parameters = { app_id: appId, release_id: upload.releaseId, upload_id: upload.uploadId };
    return this.#call(CompleteUploadResponse, { route: 'completeUpload', parameters, body });
  }

  async listReleases(appId: string): Promise<ReleaseResponse[]> {
    const call = { route: 'listReleases', parameters: { app_id: appId } } as const;
    const response = await this.#call(ReleaseListResponse, call);
    return Array.isArray(response) ? response : response.releases;
  }

  /** Extension `draft`: takes a draft live that holds what it must. A live release stays as it is. */
  async publishRelease(
    appId: string,
    releaseId: string,
    { required, expect, allowStranding }: PublishReleaseOptions,
  ): Promise<ReleaseResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    const query = { expect: expect?.join(','), allow_stranding: allowStranding ? 'true' : undefined };
    return this.#call(ReleaseResponse, { route: 'publishRelease', parameters, query, body: required });
  }

  /** Extension `yank`: changes the notes of a release, or yanks or restores it. */
  async updateRelease(
    appId: string,
    releaseId: string,
    change: UpdateReleaseRequest,
  ): Promise<ReleaseResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ReleaseResponse, { route: 'updateRelease', parameters, body: change });
  }

  async deleteRelease(
    appId: string,
    releaseId: string,
    { onlyWithArtifacts, allowStranding }: DeleteReleaseOptions = {},
  ): Promise<void> {
    const call = { route: 'deleteRelease', parameters: { app_id: appId, release_id: releaseId } } as const;
    const query = {
      artifacts: onlyWithArtifacts === undefined ? undefined : String(onlyWithArtifacts),
      allow_stranding: allowStranding ? 'true' : undefined,
    };
    await this.#callWithoutResult({ ...call, query });
  }

  /** api.md, "Update Check Endpoint". Undefined for "No Update (204)". */
  async check(app: InstalledApp): Promise<UpdateResponse | undefined> {
    const { slug, target, arch, bundleType, currentVersion, channel } = app;
    const response = await this.#send({
      route: 'check',
      parameters: { slug, target, arch, current_version: currentVersion },
      query: { channel, bundle_type: bundleType },
    });
    if (response.status === 204) return undefined;
    if (response.status !== 200) throw this.#error(response);
    return decodeResponse(UpdateResponse, response);
  }

  /** api.md, "Download Endpoint": where a release's file for a platform is served. */
  downloadUrl(slug: string, releaseId: string, platform: Platform): URL {
    return new URL(this.#base + downloadPath(slug, releaseId, platform));
  }

  /** The endpoint to put into an app's updater configuration, with the updater's placeholders. */
  checkUrl(slug: string): string {
    return `${this.#base}${API_ROOT}/${slug}/{{target}}/{{arch}}/{{current_version}}`;
  }

  async #call<T extends TSchema, Name extends RouteName>(schema: T, call: Call<Name>): Promise<Static<T>> {
    return decodeResponse(schema, await this.#sendForSuccess(call));
  }

  /** For calls without a documented response body: any is fine, except a page, which is not from the API. */
  async #callWithoutResult<Name extends RouteName>(call: Call<Name>): Promise<void> {
    const response = await this.#sendForSuccess(call);
    if (isPage(response.text)) throw notTheApi(response, 'an HTML page');
  }

  async #sendForSuccess<Name extends RouteName>(call: Call<Name>): Promise<ReceivedResponse> {
    const response = await this.#send(call);
    if (response.status < 200 || response.status > 299) throw this.#error(response);
    return response;
  }

  async #send<Name extends RouteName>(call: Call<Name>): Promise<ReceivedResponse> {
    const { method, access } = routes[call.route];
    const { body } = call;
    const url = this.#url(call);
    const response = await this.#transport.send({
      method,
      url,
      headers: {
        accept: 'application/json',
        ...(access !== 'public' && this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      idleTimeoutMs: CALL_TIMEOUT_MS,
      signal: this.#signal,
    });
    return receive(response, url);
  }

  #url<Name extends RouteName>({ route, parameters, query = {} }: Call<Name>): URL {
    const url = new URL(this.#base + pathOf(route, parameters));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  #error(response: ReceivedResponse): OtaError {
    return responseError(response, this.#clock());
  }
}
