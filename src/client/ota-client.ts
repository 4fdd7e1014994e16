import type { Static, TSchema } from 'typebox';
import type { OtaError } from '../errors.ts';
import type { SigstoreBundle } from '../protocol/attestation/sigstore-bundle.ts';
import type { Envelope } from '../protocol/manifest/envelope.ts';
import {
  type AppQuery,
  AppResponse,
  AttestationsResponse,
  CapabilitiesResponse,
  type CompleteUploadRequest,
  CompleteUploadResponse,
  type CreateArtifactRequest,
  CreateArtifactResponse,
  type CreateReleaseRequest,
  ExchangeIdentityResponse,
  type ExplainQuery,
  ExplainResponse,
  LatestJsonResponse,
  type ListReleasesQuery,
  ManifestResponse,
  type PromoteReleaseRequest,
  type PublishReleaseRequest,
  ReleaseListResponse,
  ReleaseResponse,
  type SimulateRequest,
  SimulateResponse,
  type StatsQuery,
  StatsResponse,
  type UpdateReleaseRequest,
  UpdateResponse,
} from '../protocol/messages.ts';
import type { Platform } from '../protocol/platform.ts';
import { ProblemBody } from '../protocol/problem.ts';
import { type ALL_COHORTS, COHORT_HEADER, MANUAL_HEADER } from '../protocol/rollout/cohort.ts';
import {
  API_ROOT,
  downloadPath,
  pathOf,
  type RouteName,
  type RouteParameters,
  routes,
  withoutEndSlashes,
} from '../protocol/routes.ts';
import type { Clock } from '../protocol/time.ts';
import { isAmbiguous, isBlocking, type Peer, type ServerKind } from './refusal/peer.ts';
import { responseError } from './refusal/response-error.ts';
import {
  decodeIfMatching,
  decodeResponse,
  isPage,
  pageError,
  type ReceivedResponse,
  type ResponseLimit,
  receive,
} from './response.ts';
import type { Transport } from './transport/transport.ts';

/** How long a server may take to respond, in milliseconds. */
const CALL_TIMEOUT_MS = 60_000;

export interface OtaClientOptions {
  /** The server's base URL; the API's root is appended, a path prefix kept. */
  readonly server: URL;
  /** Sent to this server only: never along a redirect, never to a presigned URL. Asked for with each request. */
  readonly token?: string | (() => Promise<string>) | undefined;
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export interface InstalledApp extends Platform {
  readonly slug: string;
  readonly currentVersion: string;
  /** Extension `channel`; stable when absent. */
  readonly channel?: string | undefined;
  /** Extension `rollout`: 0 to 99; `all`: what every cohort may have. */
  readonly cohort?: number | typeof ALL_COHORTS | undefined;
  /** Extension `rollout`: whether a user asks for the update. */
  readonly isManual?: boolean | undefined;
  /** Extension `policy`: whether it takes lower versions. */
  readonly takesLower?: boolean | undefined;
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

export interface ReleasePage {
  readonly releases: readonly ReleaseResponse[];
  /** What the next page is `after`; undefined on the last one. */
  readonly next?: string;
  /** How large the response was, in characters. */
  readonly length: number;
}

export interface ServedManifest {
  /** An in-toto bundle; empty when there is none. */
  readonly bundle: string;
  /** Whether the server says that the version was never published. */
  readonly isUnpublished: boolean;
}

/** Of a list of all releases. */
const LIST: ResponseLimit = {
  maxBytes: 256 * 1024 * 1024,
  tooLarge: 'Delete releases that are no longer needed, or use a server with the extension paging.',
};

/** Of the statements about a release. */
const BUNDLE: ResponseLimit = { maxBytes: 8 * 1024 * 1024 };

interface Call<Name extends RouteName> {
  readonly route: Name;
  readonly parameters: RouteParameters<Name>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The API: one method and one request for each endpoint. Callers decide what is retried (`Retry`). */
export class OtaClient {
  readonly #base: string;
  readonly #token: OtaClientOptions['token'];
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  #serverKind: ServerKind = 'unknown';
  #wasAsked = false;
  #extensions: ReadonlySet<string> = new Set();
  #clockLeadMs = 0;
  #dependsOnRollouts = false;

  constructor({ server, token, transport, signal, clock }: OtaClientOptions) {
    const path = withoutEndSlashes(server.pathname);
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

  /** What is known so far of how the server refuses. */
  get serverKind(): ServerKind {
    return this.#serverKind;
  }

  /** The extensions of our server; undefined for a base server, which implements api.md only. */
  async capabilities(): Promise<CapabilitiesResponse | undefined> {
    const call = { route: 'capabilities', parameters: {} } as const;
    const response = await this.#send(call);
    if (response.status === 429 || response.status >= 500) throw this.#toError(response, call.route);
    this.#wasAsked = true;
    // A base server may answer an unknown path with anything, even with a page and 200.
    const found = response.status === 200 ? decodeIfMatching(CapabilitiesResponse, response.text) : undefined;
    if (found !== undefined) this.#serverKind = 'problems';
    else if (this.#serverKind === 'unknown' && isBlocking(response)) this.#serverKind = 'blocked';
    this.#extensions = new Set(found?.extensions);
    // A cache says how old its answer is (RFC 9111, "Age").
    const sent = Date.parse(response.header('date') ?? '') + Number(response.header('age') ?? 0) * 1000;
    if (found !== undefined && Number.isFinite(sent)) this.#clockLeadMs = sent - this.#clock().getTime();
    return found;
  }

  /** The names of the extensions that `capabilities` found; none before it was asked, and for a base server. */
  get extensions(): ReadonlySet<string> {
    return this.#extensions;
  }

  /** Whether the token is a stored one, which somebody has to replace before it expires. */
  get hasStoredToken(): boolean {
    return typeof this.#token === 'string';
  }

  /** Extension `rollout`: whether the answer to the last update check may be another one for other apps. */
  get dependsOnRollouts(): boolean {
    return this.#dependsOnRollouts;
  }

  /** How far the server's clock is ahead of this machine's, in milliseconds, as `capabilities` found it; 0 before. */
  get clockLeadMs(): number {
    return this.#clockLeadMs;
  }

  /** Extension `app`; with `include: 'state'` also `publish-state`. */
  async getApp(appId: string, query: AppQuery = {}): Promise<AppResponse> {
    const call = { route: 'getApp', parameters: { app_id: appId }, query } as const;
    return this.#call(AppResponse, call, query.include === 'releases' ? LIST : undefined);
  }

  /** Extension `stats`. */
  async stats(appId: string, query: StatsQuery): Promise<StatsResponse> {
    return this.#call(StatsResponse, { route: 'stats', parameters: { app_id: appId }, query }, LIST);
  }

  /** Extension `explain`. */
  async explain(appId: string, query: ExplainQuery): Promise<ExplainResponse> {
    return this.#call(ExplainResponse, { route: 'explain', parameters: { app_id: appId }, query }, LIST);
  }

  /** Extension `simulate`. */
  async simulate(appId: string, body: SimulateRequest): Promise<SimulateResponse> {
    return this.#call(SimulateResponse, { route: 'simulate', parameters: { app_id: appId }, body }, LIST);
  }

  /** Extension `trusted-publishing`. */
  async exchangeIdentity(appId: string, identityToken: string): Promise<ExchangeIdentityResponse> {
    const call = { route: 'exchangeIdentity', parameters: { app_id: appId } } as const;
    return this.#call(ExchangeIdentityResponse, { ...call, body: { identity_token: identityToken } });
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
    const response = await this.#call(ReleaseListResponse, call, LIST);
    return Array.isArray(response) ? response : response.releases;
  }

  /** Extension `paging`: some of the releases, highest version first, or the one with an id or version. */
  async listReleasePage(appId: string, query: ListReleasesQuery): Promise<ReleasePage> {
    const call = { route: 'listReleases', parameters: { app_id: appId }, query } as const;
    const response = await this.#sendForSuccess(call);
    const decoded = this.#decode(ReleaseListResponse, response);
    const [, next = ''] = /<([^<>]*)>\s{0,9};\s{0,9}rel="?next"?/.exec(response.header('link') ?? '') ?? [];
    const after = URL.canParse(next, this.#base) ? new URL(next, this.#base).searchParams.get('after') : null;
    return {
      releases: Array.isArray(decoded) ? decoded : decoded.releases,
      length: response.text.length,
      ...(after !== null && { next: after }),
    };
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

  /** Extension `promote`: moves a live release to another channel. */
  async promoteRelease(
    appId: string,
    releaseId: string,
    promotion: PromoteReleaseRequest,
  ): Promise<ReleaseResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ReleaseResponse, { route: 'promoteRelease', parameters, body: promotion });
  }

  /** Extension `manifest`: adds a signed statement about files of a release. */
  async putManifest(appId: string, releaseId: string, envelope: Envelope): Promise<ManifestResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ManifestResponse, { route: 'putManifest', parameters, body: envelope });
  }

  /** Extension `manifest`: the statements of a release, also of a draft, as an in-toto bundle; empty when there is none. */
  async readManifest(appId: string, releaseId: string): Promise<string> {
    const parameters = { app_id: appId, release_id: releaseId };
    return (await this.#bundle({ route: 'readManifest', parameters })).bundle;
  }

  /** The same of a live release, without a token. Empty also for a server that does not know manifests. */
  manifest(slug: string, version: string): Promise<ServedManifest> {
    return this.#bundle({ route: 'manifest', parameters: { slug, version } });
  }

  /** Extension `attestation`: adds what a CI job's identity has signed about files of a release. */
  async putAttestation(appId: string, releaseId: string, bundle: SigstoreBundle): Promise<ManifestResponse> {
    const parameters = { app_id: appId, release_id: releaseId };
    return this.#call(ManifestResponse, { route: 'putAttestation', parameters, body: bundle });
  }

  /** Extension `attestation`: what was signed about a release, also about a draft; undefined when there is nothing. */
  readAttestations(appId: string, releaseId: string): Promise<AttestationsResponse | undefined> {
    return this.#attestations({
      route: 'readAttestation',
      parameters: { app_id: appId, release_id: releaseId },
    });
  }

  /** The same of a live release, without a token. Undefined also for a server that does not know attestations. */
  attestations(slug: string, version: string): Promise<AttestationsResponse | undefined> {
    return this.#attestations({ route: 'attestation', parameters: { slug, version } });
  }

  async #attestations<Name extends RouteName>(call: Call<Name>): Promise<AttestationsResponse | undefined> {
    const response = await this.#send(call, BUNDLE);
    if ([400, 404, 405].includes(response.status)) return undefined;
    if (response.status !== 200) throw await this.#refusal(response, call.route);
    return this.#decode(AttestationsResponse, response);
  }

  async #bundle<Name extends RouteName>(call: Call<Name>): Promise<ServedManifest> {
    const response = await this.#send(call, BUNDLE);
    if (response.status === 200) return { bundle: response.text, isUnpublished: false };
    if (![400, 404, 405].includes(response.status)) throw await this.#refusal(response, call.route);
    const { errors = [] } = decodeIfMatching(ProblemBody, response.text) ?? {};
    return { bundle: '', isUnpublished: errors.some(({ field }) => field === 'version') };
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
    const { slug, target, arch, bundleType, currentVersion, channel, cohort, isManual, takesLower } = app;
    const response = await this.#send({
      route: 'check',
      parameters: { slug, target, arch, current_version: currentVersion },
      query: {
        ...{ channel, bundle_type: bundleType, cohort: cohort?.toString() },
        downgrade: takesLower ? '1' : undefined,
      },
      ...(isManual && { headers: { [MANUAL_HEADER]: '1' } }),
    });
    this.#dependsOnRollouts = response.header('vary')?.toLowerCase().includes(COHORT_HEADER) ?? false;
    if (response.status === 204) return undefined;
    if (response.status !== 200) throw await this.#refusal(response, 'check');
    return this.#decode(UpdateResponse, response);
  }

  /** Extension `latest-json`. Undefined where there is none, also for a server that does not know it. */
  async latestJson(slug: string, channel: string): Promise<LatestJsonResponse | undefined> {
    const response = await this.#send({ route: 'latestJson', parameters: { slug }, query: { channel } });
    if ([400, 404, 405].includes(response.status)) return undefined;
    if (response.status !== 200) throw await this.#refusal(response, 'latestJson');
    return this.#decode(LatestJsonResponse, response);
  }

  /** api.md, "Download Endpoint": where a release's file for a platform is served. */
  downloadUrl(slug: string, releaseId: string, platform: Platform): URL {
    return new URL(this.#base + downloadPath(slug, releaseId, platform));
  }

  /** The endpoint to put into an app's updater configuration, with the updater's placeholders. */
  checkUrl(slug: string): string {
    return `${this.#base}${API_ROOT}/${slug}/{{target}}/{{arch}}/{{current_version}}`;
  }

  async #call<T extends TSchema, Name extends RouteName>(
    schema: T,
    call: Call<Name>,
    limit?: ResponseLimit,
  ): Promise<Static<T>> {
    return this.#decode(schema, await this.#sendForSuccess(call, limit));
  }

  /** For calls without a documented response body: any is fine, except a page, which is not from the API. */
  async #callWithoutResult<Name extends RouteName>(call: Call<Name>): Promise<void> {
    const response = await this.#sendForSuccess(call);
    if (isPage(response.text)) throw pageError(response);
  }

  async #sendForSuccess<Name extends RouteName>(
    call: Call<Name>,
    limit?: ResponseLimit,
  ): Promise<ReceivedResponse> {
    const response = await this.#send(call, limit);
    if (response.status < 200 || response.status > 299) throw await this.#refusal(response, call.route);
    return response;
  }

  async #send<Name extends RouteName>(call: Call<Name>, limit?: ResponseLimit): Promise<ReceivedResponse> {
    const { method, access } = routes[call.route];
    const { body } = call;
    const url = this.#url(call);
    const given = access === 'public' ? undefined : this.#token;
    const token = typeof given === 'function' ? await given() : given;
    const response = await this.#transport.send({
      method,
      url,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      idleTimeoutMs: CALL_TIMEOUT_MS,
      signal: this.#signal,
    });
    return receive(response, url, limit);
  }

  #url<Name extends RouteName>({ route, parameters, query = {} }: Call<Name>): URL {
    const url = new URL(this.#base + pathOf(route, parameters));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  #decode<T extends TSchema>(schema: T, response: ReceivedResponse): Static<T> {
    const decoded = decodeResponse(schema, response);
    if (this.#serverKind !== 'problems') this.#serverKind = 'api';
    return decoded;
  }

  /** The error for a refusal. Who refused may depend on what kind of server it is, which is then found out first. */
  async #refusal(response: ReceivedResponse, route: RouteName): Promise<OtaError> {
    const isUnknown = this.#serverKind === 'unknown' && !this.#wasAsked;
    if (isUnknown && isAmbiguous(response, this.#peerOf(route))) {
      this.#wasAsked = true;
      await this.capabilities().catch(() => undefined);
    }
    return this.#toError(response, route);
  }

  #toError(response: ReceivedResponse, route: RouteName): OtaError {
    return responseError(response, this.#peerOf(route), this.#clock());
  }

  #peerOf(route: RouteName): Peer {
    const access = routes[route].access === 'public' ? 'public' : 'token';
    return { place: 'server', server: this.#serverKind, access };
  }
}
