import type { TSchema } from 'typebox';
import { SigstoreBundle } from '../attestation/sigstore-bundle.ts';
import { Envelope } from '../manifest/envelope.ts';
import * as messages from '../messages.ts';
import type { ProblemCode } from '../problem.ts';
import { type Route, type RouteName, routes } from '../routes.ts';

/** One way in which a request can go well. */
export interface Answer {
  readonly status: 200 | 201 | 202 | 204 | 206 | 302 | 304;
  readonly is: string;
  /** Of a JSON body. */
  readonly json?: TSchema;
  /** The media type of another body. */
  readonly bytes?: string;
  readonly headers?: readonly HeaderName[];
}

/** What a route takes and answers, besides what `routes` says of it. */
export interface RouteAnswers {
  readonly tag: (typeof TAGS)[number];
  readonly summary: string;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Whether a request may do without its body. */
  readonly bodyIsOptional?: true;
  /** The media type of a body that is a file. */
  readonly upload?: string;
  readonly headers?: readonly RequestHeaderName[];
  readonly answers: readonly Answer[];
  /** Beyond `GENERAL_PROBLEMS`. */
  readonly problems?: readonly ProblemCode[];
}

export const TAGS = [
  'Server',
  'Apps',
  'Releases',
  'Artifacts',
  'Manifests',
  'Attestations',
  'Update check',
] as const;

/** Headers of responses, with what they say. */
export const HEADERS = {
  'Cache-Control': 'How long the response may be kept, and who may keep it.',
  'Content-Disposition': '`attachment`, with the name that the file is saved as.',
  'Content-Range': 'Which bytes of the file these are.',
  'Content-Length': 'Bytes.',
  ETag: 'Names the content: send it back as `If-None-Match`, or when an upload in parts is completed.',
  'Last-Modified': 'When the upload of the file was announced.',
  Link: 'The URL of the next page, with `rel="next"`; absent on the last one.',
  Location: 'Where to go on.',
  'Repr-Digest': 'The SHA-256 of the whole file (RFC 9530).',
  'Retry-After': 'Seconds to wait before trying again.',
  'Synckit-App-Tag': 'The same for every slug, platform and version of one app.',
  'WWW-Authenticate': '`Bearer`',
  Vary: 'The request headers that the response depends on.',
} as const;
export type HeaderName = keyof typeof HEADERS;

export const REQUEST_HEADERS = {
  'If-None-Match': 'The `ETag` of a response that is there already: if it is current, the answer is 304.',
  'If-Match': 'Only if the file has this `ETag`.',
  'If-Range': 'Only then a part; else the whole file.',
  Range: 'The bytes that are wanted: `bytes=1000-`.',
  'X-Ota-Channel': 'The channel, where the query does not name one.',
  'X-Ota-Cohort': 'The cohort of the app, 0 to 99, where the query does not name one.',
  'X-User-Staging-Id': 'What electron-updater sends: a random id of the installation, for rollouts.',
  'X-Ota-Manual': '`1` where a user asks for the update: it goes past a rollout, not past a pause.',
} as const;
export type RequestHeaderName = keyof typeof REQUEST_HEADERS;

const FILE = 'application/octet-stream';
const BUNDLE = 'application/vnd.in-toto.bundle';
const OF_CHECK = ['ETag', 'Cache-Control', 'Vary', 'Synckit-App-Tag'] as const;
const OF_FILE = [
  'Cache-Control',
  'Content-Disposition',
  'Content-Length',
  'ETag',
  'Last-Modified',
  'Repr-Digest',
] as const;

const OF_FEED = ['ETag', 'Cache-Control', 'Vary'] as const;

function feedAnswers(bytes: string): readonly Answer[] {
  return [
    { status: 200, is: 'The feed.', bytes, headers: OF_FEED },
    { status: 304, is: 'The client has the answer already.', headers: OF_FEED },
  ];
}

/** What every route takes and answers (docs/reference/http-api.md). */
export const ROUTE_ANSWERS: Readonly<Record<RouteName, RouteAnswers>> = {
  capabilities: {
    tag: 'Server',
    summary: 'Name the server, its version, its extensions and its limits',
    answers: [{ status: 200, is: 'What the server can do.', json: messages.CapabilitiesResponse }],
  },
  getApp: {
    tag: 'Apps',
    summary: 'Read an app',
    query: messages.AppQuery,
    answers: [{ status: 200, is: 'The app.', json: messages.AppResponse }],
  },
  setSlug: {
    tag: 'Apps',
    summary: 'Register a slug',
    body: messages.SetSlugRequest,
    answers: [{ status: 200, is: 'The slug of the app.', json: messages.SetSlugRequest }],
    problems: ['slug_taken', 'slug_reserved', 'limit_reached'],
  },
  stats: {
    tag: 'Apps',
    summary: 'Read how many installed apps ask for updates, and how far updates come',
    query: messages.StatsQuery,
    answers: [{ status: 200, is: 'The counts, the latest period first.', json: messages.StatsResponse }],
  },
  events: {
    tag: 'Update check',
    summary: 'Report how an update ended',
    query: messages.EventQuery,
    body: messages.EventRequest,
    headers: ['X-Ota-Cohort'],
    answers: [{ status: 204, is: 'It counts, unless this client has reported the same before.' }],
    problems: ['not_found'],
  },
  explain: {
    tag: 'Apps',
    summary: 'Say why an app is offered what it is',
    query: messages.ExplainQuery,
    answers: [
      {
        status: 200,
        is: 'What the app is offered, and the rule that decided about each release.',
        json: messages.ExplainResponse,
      },
    ],
  },
  simulate: {
    tag: 'Apps',
    summary: 'Say who would be offered what if a release was published or changed',
    body: messages.SimulateRequest,
    answers: [
      {
        status: 200,
        is: 'What apps are offered today, and what they would be. Nothing is changed.',
        json: messages.SimulateResponse,
      },
    ],
  },
  exchangeIdentity: {
    tag: 'Apps',
    summary: 'Exchange the identity token of a CI job for a token',
    body: messages.ExchangeIdentityRequest,
    answers: [
      { status: 200, is: 'A token that is valid for some minutes.', json: messages.ExchangeIdentityResponse },
    ],
    problems: ['identity_refused', 'identity_used', 'issuer_unavailable', 'limit_reached'],
  },
  createRelease: {
    tag: 'Releases',
    summary: 'Create a release',
    body: messages.CreateReleaseRequest,
    answers: [{ status: 201, is: 'The release.', json: messages.ReleaseResponse }],
    problems: ['version_taken', 'immutable', 'limit_reached'],
  },
  listReleases: {
    tag: 'Releases',
    summary: 'List releases',
    query: messages.ListReleasesQuery,
    answers: [
      {
        status: 200,
        is: 'The releases, the highest version first.',
        json: messages.ReleaseListResponse,
        headers: ['Link'],
      },
    ],
  },
  updateRelease: {
    tag: 'Releases',
    summary: 'Change, yank or restore a release',
    body: messages.UpdateReleaseRequest,
    answers: [{ status: 200, is: 'The release.', json: messages.ReleaseResponse }],
    problems: ['approval_required', 'immutable', 'not_published', 'would_strand', 'limit_reached'],
  },
  publishRelease: {
    tag: 'Releases',
    summary: 'Take a draft live',
    query: messages.PublishReleaseQuery,
    body: messages.PublishReleaseRequest,
    bodyIsOptional: true,
    answers: [{ status: 200, is: 'The release, which is live.', json: messages.ReleaseResponse }],
    problems: ['approval_required', 'would_strand', 'incomplete', 'limit_reached'],
  },
  promoteRelease: {
    tag: 'Releases',
    summary: 'Move a live release to another channel',
    body: messages.PromoteReleaseRequest,
    answers: [{ status: 200, is: 'The release.', json: messages.ReleaseResponse }],
    problems: [
      'approval_required',
      'not_published',
      'outdated_manifest',
      'content_mismatch',
      'immutable',
      'would_strand',
      'limit_reached',
    ],
  },
  deleteRelease: {
    tag: 'Releases',
    summary: 'Delete a release',
    query: messages.DeleteReleaseQuery,
    answers: [{ status: 204, is: 'It is deleted.' }],
    problems: ['precondition_failed', 'would_strand'],
  },
  createArtifact: {
    tag: 'Artifacts',
    summary: 'Get a URL to upload a file to',
    body: messages.CreateArtifactRequest,
    answers: [{ status: 201, is: 'Where to upload the file.', json: messages.CreateArtifactResponse }],
    problems: [
      'approval_required',
      'immutable',
      'too_large',
      'signature_required',
      'wrong_signing_key',
      'would_strand',
      'limit_reached',
    ],
  },
  upload: {
    tag: 'Artifacts',
    summary: 'Upload a file',
    upload: FILE,
    answers: [{ status: 200, is: 'The file is complete.', json: messages.UploadResponse }],
    problems: [
      'forbidden',
      'not_found',
      'immutable',
      'upload_in_progress',
      'length_required',
      'content_mismatch',
      'limit_reached',
    ],
  },
  uploadPart: {
    tag: 'Artifacts',
    summary: 'Upload a part of a file',
    upload: FILE,
    answers: [{ status: 200, is: 'The part is stored.', headers: ['ETag'] }],
    problems: ['not_found', 'upload_in_progress', 'length_required', 'content_mismatch'],
  },
  completeUpload: {
    tag: 'Artifacts',
    summary: 'Report that an upload is done',
    body: messages.CompleteUploadRequest,
    bodyIsOptional: true,
    answers: [
      { status: 200, is: 'The file is complete.', json: messages.CompleteUploadResponse },
      {
        status: 202,
        is: 'The server still processes the bytes: ask again.',
        json: messages.CompleteUploadResponse,
        headers: ['Retry-After'],
      },
    ],
    problems: ['immutable', 'content_mismatch', 'not_uploaded', 'limit_reached'],
  },
  putManifest: {
    tag: 'Manifests',
    summary: 'Add a signed statement about files of a release',
    body: Envelope,
    answers: [{ status: 200, is: 'The statement is stored.', json: messages.ManifestResponse }],
    problems: ['immutable', 'content_mismatch', 'limit_reached'],
  },
  readManifest: {
    tag: 'Manifests',
    summary: 'Read the signed statements about a release, drafts too',
    answers: [{ status: 200, is: 'An envelope on each line.', bytes: BUNDLE }],
  },
  manifest: {
    tag: 'Manifests',
    summary: 'Read the signed statements about a version that is or was live',
    answers: [{ status: 200, is: 'An envelope on each line.', bytes: BUNDLE }],
    problems: ['not_found'],
  },
  putAttestation: {
    tag: 'Attestations',
    summary: 'Add what the identity of a CI job has signed about files of a release',
    body: SigstoreBundle,
    answers: [{ status: 200, is: 'The bundle is stored.', json: messages.ManifestResponse }],
    problems: ['immutable', 'content_mismatch', 'too_large', 'limit_reached'],
  },
  readAttestation: {
    tag: 'Attestations',
    summary: 'Read who has attested a release, drafts too',
    answers: [{ status: 200, is: 'The bundles.', json: messages.AttestationsResponse }],
  },
  attestation: {
    tag: 'Attestations',
    summary: 'Read who has attested a version that is or was live',
    answers: [{ status: 200, is: 'The bundles.', json: messages.AttestationsResponse }],
    problems: ['not_found'],
  },
  check: {
    tag: 'Update check',
    summary: 'Ask for an update, as an installed app does',
    query: messages.CheckQuery,
    headers: ['X-Ota-Channel', 'X-Ota-Cohort', 'X-Ota-Manual', 'If-None-Match'],
    answers: [
      { status: 200, is: 'There is an update.', json: messages.UpdateResponse, headers: OF_CHECK },
      { status: 204, is: 'There is no update.', headers: ['Cache-Control', 'Vary', 'Synckit-App-Tag'] },
      { status: 304, is: 'The client has the answer already.', headers: OF_CHECK },
    ],
    problems: ['not_found'],
  },
  latest: {
    tag: 'Update check',
    summary: 'Follow a lasting link to the newest file of a platform',
    query: messages.LatestQuery,
    headers: ['X-Ota-Channel'],
    answers: [{ status: 302, is: 'To the download.', headers: ['Location', 'Cache-Control', 'Vary'] }],
    problems: ['not_found'],
  },
  latestJson: {
    tag: 'Update check',
    summary: 'Read one update for every platform, as a static file',
    query: messages.LatestJsonQuery,
    headers: ['X-Ota-Channel', 'If-None-Match'],
    answers: [
      { status: 200, is: 'The release.', json: messages.LatestJsonResponse, headers: OF_CHECK },
      {
        status: 204,
        is: 'There is no update for `current_version`.',
        headers: ['Cache-Control', 'Vary', 'Synckit-App-Tag'],
      },
      { status: 304, is: 'The client has the answer already.', headers: OF_CHECK },
    ],
    problems: ['not_found'],
  },
  electronFeed: {
    tag: 'Update check',
    summary: 'Read a channel file of electron-updater',
    query: messages.ElectronQuery,
    headers: ['X-User-Staging-Id', 'If-None-Match'],
    answers: feedAnswers('text/yaml'),
    problems: ['not_found', 'digest_pending'],
  },
  electronFile: {
    tag: 'Update check',
    summary: 'Follow a link of a channel file of electron-updater',
    answers: [{ status: 302, is: 'To the download.', headers: ['Location'] }],
    problems: ['not_found'],
  },
  sparkleFeed: {
    tag: 'Update check',
    summary: 'Read an appcast of Sparkle',
    query: messages.AppcastQuery,
    headers: ['X-Ota-Channel', 'If-None-Match'],
    answers: feedAnswers('application/rss+xml'),
    problems: ['not_found'],
  },
  winsparkleFeed: {
    tag: 'Update check',
    summary: 'Read an appcast of WinSparkle',
    query: messages.AppcastQuery,
    headers: ['X-Ota-Channel', 'If-None-Match'],
    answers: feedAnswers('application/rss+xml'),
    problems: ['not_found'],
  },
  velopackFeed: {
    tag: 'Update check',
    summary: 'Read a feed of Velopack, or follow a link of it',
    query: messages.VelopackQuery,
    headers: ['If-None-Match'],
    answers: [
      ...feedAnswers('application/json'),
      { status: 302, is: 'To the download of a package.', headers: ['Location'] },
    ],
    problems: ['not_found', 'digest_pending'],
  },
  download: {
    tag: 'Update check',
    summary: 'Download a file of a release',
    query: messages.DownloadQuery,
    answers: [{ status: 302, is: 'To a signed URL of the file.', headers: ['Location'] }],
    problems: ['not_found', 'file_lost'],
  },
  storedFile: {
    tag: 'Update check',
    summary: 'Read a file, or a part of it',
    headers: ['Range', 'If-Range', 'If-Match', 'If-None-Match'],
    answers: [
      { status: 200, is: 'The file.', bytes: FILE, headers: OF_FILE },
      { status: 206, is: 'A part of the file.', bytes: FILE, headers: [...OF_FILE, 'Content-Range'] },
      { status: 304, is: 'The client has the file already.', headers: OF_FILE },
    ],
    problems: ['not_found', 'file_lost', 'precondition_failed', 'range_not_satisfiable'],
  },
};

/** What any route can answer, and what those of a kind can besides. */
export const GENERAL_PROBLEMS = {
  any: [
    'invalid_request',
    'request_timeout',
    'expectation_failed',
    'headers_too_large',
    'too_many_requests',
    'internal',
    'unavailable',
  ],
  token: ['unauthorized', 'forbidden', 'not_found'],
  publishing: ['trusted_only'],
  signedUrl: ['url_refused'],
  body: ['too_large', 'unsupported_media_type'],
  adding: ['insufficient_storage'],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>;

/** Everything that a request to a route can be refused with. */
export function problemsOf(name: RouteName): readonly ProblemCode[] {
  const { method, access }: Route = routes[name];
  const { body, problems = [] } = ROUTE_ANSWERS[name];
  const scopes = [access].flat().filter((one) => one !== 'public' && one !== 'signed-url');
  const publishes = scopes.some((scope) => scope === 'release:upload' || scope === 'release:publish');
  const { any, token, publishing, signedUrl, body: ofBody, adding } = GENERAL_PROBLEMS;
  return [
    ...new Set<ProblemCode>([
      ...any,
      ...(scopes.length > 0 ? token : []),
      ...(publishes ? publishing : []),
      ...(access === 'signed-url' ? signedUrl : []),
      ...(body === undefined ? [] : ofBody),
      ...(method === 'GET' || method === 'DELETE' ? [] : adding),
      ...problems,
    ]),
  ];
}
