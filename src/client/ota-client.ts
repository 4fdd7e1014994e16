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
import { decodeIfMatching, decodeResponse, failureOf, isPage, notTheApi, readText } from './response.ts';
import type { Transport, TransportResponse } from './transport/transport.ts';

/** How long a server may take to answer a call, in milliseconds. */
const CALL_TIMEOUT_MS = 60_000;

export interface OtaClientOptions {
  /** The server's base URL; the API's root is appended, a path prefix kept. */
  readonly server: URL;
  /** Goes to this server only, along no redirect, and to no presigned URL. */
  readonly token?: string | undefined;
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

interface Call<Name extends RouteName> {
  readonly route: Name;
  readonly parameters: RouteParameters<Name>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** The API, one method and one request for each endpoint; whoever calls decides what is tried again (`Retry`). */
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

  /** What our server can do; undefined for a base server, which knows api.md only. */
  async capabilities(): Promise<CapabilitiesResponse | undefined> {
    const call = { route: 'capabilities', parameters: {} } as const;
    const url = this.#url(call);
    const { response, text } = await this.#send(call, url);
    if (response.status === 429 || response.status >= 500) throw this.#failure(response, text, url);
    // A base server may answer an unknown path with anything, also with a page and 200: that is no capability.
    return response.status === 200 ? decodeIfMatching(CapabilitiesResponse, text) : undefined;
  }

  /** Extension `app`. @param include `releases` to get them too, from a server that knows how */
  async getApp(appId: string, include?: AppQuery['include']): Promise<AppResponse> {
    return this.#call(AppResponse, { route: 'getApp', parameters: { app_id: appId }, query: { include } });
  }

  /** api.md, "Register a Slug" */
  async setSlug(appId: string, slug: string): Promise<void> {
    const call = { route: 'setSlug', parameters: { app_id: appId }, body: { slug } } as const;
    await this.#callForNothing(call);
  }

  /** api.md, "Create a Release". After a `network` error it may have been applied; `listReleases` tells. */
  async createRelease(appId: string, body: CreateReleaseRequest): Promise<ReleaseResponse> {
    return this.#call(ReleaseResponse, { route: 'createRelease', parameters: { app_id: appId }, body });
  }

  /** api.md, "Upload Artifacts": asks for a presigned URL. */
  async createArtifact(
    appId: string,
    releaseId: string,
    body: CreateArtifactRequest,
  ): Promise<CreateArtifactResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(CreateArtifactResponse, { route: 'createArtifact', parameters, body });
  }

  /**
   * Extension `complete-upload`: tells that an upload's PUT is done, or (extension `multipart`) all of its parts are.
   * @returns `pending` while the server is still taking the bytes: to be asked again
   */
  async completeUpload(
    appId: string,
    releaseId: string,
    uploadId: string,
    body?: CompleteUploadRequest,
  ): Promise<CompleteUploadResponse> {
    const parameters = { app_id: appId, release_id: releaseId, upload_id: uploadId };
    return this.#call(CompleteUploadResponse, { route: 'completeUpload', parameters, body });
  }

  /** api.md, "List Releases" */
  async listReleases(appId: string): Promise<ReleaseResponse[]> {
    const call = { route: 'listReleases', parameters: { app_id: appId } } as const;
    const answer = await this.#call(ReleaseListResponse, call);
    return Array.isArray(answer) ? answer : answer.releases;
  }

  /** Extension `draft`: takes a draft live. @param required what it must have; a live release stays as it is */
  async publishRelease(
    appId: string,
    releaseId: string,
    required: PublishReleaseRequest,
  ): Promise<ReleaseResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ReleaseResponse, { route: 'publishRelease', parameters, body: required });
  }

  /** Extension `yank`: changes the notes of a release, or whether it is offered. */
  async updateRelease(
    appId: string,
    releaseId: string,
    change: UpdateReleaseRequest,
  ): Promise<ReleaseResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ReleaseResponse, { route: 'updateRelease', parameters, body: change });
  }

  /**
   * api.md, "Delete a Release".
   * @param onlyWithArtifacts extension `conditional-delete`: only while it has so many complete artifacts
   */
  async deleteRelease(appId: string, releaseId: string, onlyWithArtifacts?: number): Promise<void> {
    const call = { route: 'deleteRelease', parameters: { app_id: appId, release_id: releaseId } } as const;
    const query = onlyWithArtifacts === undefined ? {} : { artifacts: String(onlyWithArtifacts) };
    await this.#callForNothing({ ...call, query });
  }

  /**
   * api.md, "Update Check Endpoint". A kind of bundle is asked for by the extension `platforms`.
   * @param channel extension `channel`; stable when left out
   * @returns undefined for "No Update (204)"
   */
  async check(
    slug: string,
    { target, arch, bundleType }: Platform,
    currentVersion: string,
    channel?: string,
  ): Promise<UpdateResponse | undefined> {
    const call = {
      route: 'check',
      parameters: { slug, target, arch, current_version: currentVersion },
      query: { channel, bundle_type: bundleType },
    } as const;
    const url = this.#url(call);
    const { response, text } = await this.#send(call, url);
    if (response.status === 204) return undefined;
    if (response.status !== 200) throw this.#failure(response, text, url);
    return decodeResponse(UpdateResponse, text, url, response.proxy);
  }

  /** api.md, "Download Endpoint": where a release's file for a platform is fetched. */
  downloadUrl(slug: string, releaseId: string, platform: Platform): URL {
    return new URL(this.#base + downloadPath(slug, releaseId, platform));
  }

  /** Where an installed app of the platform asks for updates, for people to read. */
  checkUrl(slug: string): string {
    return `${this.#base}${API_ROOT}/${slug}/{{target}}/{{arch}}/{{current_version}}`;
  }

  async #call<T extends TSchema, Name extends RouteName>(schema: T, call: Call<Name>): Promise<Static<T>> {
    const url = this.#url(call);
    const { text, response } = await this.#sendForSuccess(call, url);
    return decodeResponse(schema, text, url, response.proxy);
  }

  /** For calls whose answer api.md does not show: any is fine, but a page does not come from the API. */
  async #callForNothing<Name extends RouteName>(call: Call<Name>): Promise<void> {
    const url = this.#url(call);
    const { text, response } = await this.#sendForSuccess(call, url);
    if (isPage(text)) throw notTheApi(url, 'an HTML page', response.proxy);
  }

  async #sendForSuccess<Name extends RouteName>(call: Call<Name>, url: URL) {
    const { response, text } = await this.#send(call, url);
    if (response.status < 200 || response.status > 299) throw this.#failure(response, text, url);
    return { response, text };
  }

  async #send<Name extends RouteName>({ route, body }: Call<Name>, url: URL) {
    const { method, access } = routes[route];
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
    return { response, text: await readText(response, url) };
  }

  #url<Name extends RouteName>({ route, parameters, query = {} }: Call<Name>): URL {
    const url = new URL(this.#base + pathOf(route, parameters));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  #failure(response: TransportResponse, text: string, url: URL): OtaError {
    return failureOf(response, text, url, this.#clock());
  }
}
