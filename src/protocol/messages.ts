import Type, { type Static } from 'typebox';
import { SigstoreBundle } from './attestation/sigstore-bundle.ts';
import { CHANNEL_PATTERN, CHANNEL_RULE } from './channel.ts';
import { Envelope } from './manifest/envelope.ts';
import {
  ARCHS,
  BUNDLE_TYPES,
  PLATFORM_LIST_PATTERN,
  PLATFORM_NAME_PATTERN,
  PLATFORM_NAME_RULE,
  type Platform,
  TARGET_PATTERN,
  TARGET_RULE,
  TARGETS,
} from './platform.ts';
import { SYSTEM_VERSION_PATTERN, SYSTEM_VERSION_RULE } from './policy/minimum-system.ts';
import { MAX_RAMP_MS, MIN_RAMP_MS } from './rollout/rollout.ts';
import { SLUG_PATTERN, SLUG_RULE } from './slug.ts';
import { TIMESTAMP_PATTERN } from './time.ts';
import { MAX_JOB_LENGTH } from './upload/job-run.ts';
import { MAX_PARTS } from './upload/multipart.ts';
import { MAX_VERSION_LENGTH, VERSION_PATTERN, VERSION_RULE } from './version.ts';

/*
 * Every request, parameter and response of the API, once: the types, the server's validation and the client's decoder.
 * Headings are those of docs/reference/api.md; what goes beyond names its extension (docs/reference/http-api.md).
 * A `description` completes the sentence "<field> must be …" in a problem.
 */

/** Largest JSON body accepted, in bytes. */
export const MAX_JSON_BODY_BYTES = 64 * 1024;
export const MAX_PROMOTE_BODY_BYTES = 320 * 1024; // with all statements that a release may have
export const MAX_PARTS_BODY_BYTES = 128 * 1024; // with `MAX_PARTS` of the longest ETags
export const MAX_SIGNATURE_LENGTH = 8192; // a real `.sig` has about 430 characters
const MAX_PUBLIC_KEY_LENGTH = 1024; // a real one has about 160 characters in Tauri's form
const MAX_FILE_NAME_LENGTH = 255;
const MAX_IDENTITY_TOKEN_LENGTH = 16_384; // GitHub's have about 2,000 characters
const MAX_REQUIRED = 200; // as many files as a release can have
const MAX_STATEMENTS = 64; // as many as a release can have
const MAX_EXPECTED = 32; // more platforms than there are, bundle types aside

/** Any text without NUL and without a lone surrogate: either would break the JSON of every client. */
const WELL_FORMED_TEXT = '^[^\\u0000\\ud800-\\udfff]*$';

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const Version = Type.String({
  maxLength: MAX_VERSION_LENGTH,
  pattern: VERSION_PATTERN,
  description: VERSION_RULE,
});
const Target = Type.Unsafe<Platform['target']>(
  Type.String({ pattern: TARGET_PATTERN, description: TARGET_RULE }),
);
const PlatformName = Type.String({ pattern: PLATFORM_NAME_PATTERN, description: PLATFORM_NAME_RULE });
const Channel = Type.String({ pattern: CHANNEL_PATTERN, description: CHANNEL_RULE });
const Arch = Type.Enum([...ARCHS], { description: `one of ${ARCHS.join(', ')}` });
const BundleTypeName = Type.Enum([...BUNDLE_TYPES], { description: `one of ${BUNDLE_TYPES.join(', ')}` });
const Notes = Type.String({ pattern: WELL_FORMED_TEXT, description: 'text without NUL or lone surrogates' });
const Signature = Type.String({
  minLength: 1,
  maxLength: MAX_SIGNATURE_LENGTH,
  pattern: WELL_FORMED_TEXT,
  description: `text of 1 to ${MAX_SIGNATURE_LENGTH} characters without NUL or lone surrogates`,
});
const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'a SHA-256 as 64 lowercase hexadecimal digits',
});
/** A minisign key id as minisign prints it. */
const KeyId = Type.String({
  pattern: '^[0-9A-F]{16}$',
  description: 'a minisign key id as 16 uppercase hexadecimal digits',
});
const PublicKeyText = Type.String({
  minLength: 1,
  maxLength: MAX_PUBLIC_KEY_LENGTH,
  pattern: WELL_FORMED_TEXT,
  description: 'a minisign public key, as in plugins.updater.pubkey',
});
const AllowStranding = Type.Boolean({ description: 'true or false' });
const AllowStrandingText = Type.Enum(['true', 'false'], { description: 'true or false' });
const YesOrNo = Type.Enum(['1', '0', 'true', 'false'], { description: '1 or 0' });
const FileSize = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'a positive whole number of bytes',
});

const Job = Type.String({
  minLength: 1,
  maxLength: MAX_JOB_LENGTH,
  pattern: WELL_FORMED_TEXT,
  description: `text of 1 to ${MAX_JOB_LENGTH} characters without NUL or lone surrogates`,
});
const Attempt = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'a whole number, 0 or more',
});

const FileName = Type.String({
  minLength: 1,
  maxLength: MAX_FILE_NAME_LENGTH,
  pattern: WELL_FORMED_TEXT,
  description: `text of 1 to ${MAX_FILE_NAME_LENGTH} characters without NUL or lone surrogates`,
});

/** An id or slug to look up. With a NUL it would make PostgreSQL fail. */
const Opaque = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: WELL_FORMED_TEXT,
  description: 'text of 1 to 200 characters without NUL',
});

const PartNumber = Type.String({ pattern: '^[1-9]\\d{0,3}$', description: 'a whole number from 1 on' });

export const PathParameters = {
  app_id: Opaque,
  release_id: Opaque,
  slug: Opaque,
  target: Target,
  arch: Arch,
  current_version: Version,
  upload_id: Opaque,
  multipart_id: Opaque,
  part_number: PartNumber,
  version: Version,
  storage_key: Opaque,
  file_name: Opaque,
  channel_file: Opaque,
  appcast: Opaque,
} as const;

/** Sent by an app that was not bundled, and by an updater that is too old to fill `{{bundle_type}}` in. */
export const UNKNOWN_BUNDLE_TYPES = ['unknown', '{{bundle_type}}'] as const;

export const CheckQuery = Type.Object({
  channel: Type.Optional(Channel), // extension `channel`: offer that channel's releases too
  downgrade: Type.Optional(Type.Unknown()), // extension `policy`: whether the app takes lower versions
  cohort: Type.Optional(Type.Unknown()), // extension `rollout`: `parseCohort` reads it
  /** Extension `platforms`: offer that bundle type or nothing. */
  bundle_type: Type.Optional(
    Type.Enum([...BUNDLE_TYPES, ...UNKNOWN_BUNDLE_TYPES], {
      description: `one of ${BUNDLE_TYPES.join(', ')}, or unknown`,
    }),
  ),
});
export type CheckQuery = Static<typeof CheckQuery>;

export const DownloadQuery = Type.Object({
  /** Extension `platforms`: that bundle type; by default the one preferred for the platform. */
  bundle_type: Type.Optional(BundleTypeName),
});
export type DownloadQuery = Static<typeof DownloadQuery>;

/** Extension `latest`. */
export const LatestQuery = Type.Object({
  channel: Type.Optional(Channel),
  bundle_type: Type.Optional(BundleTypeName),
});
export type LatestQuery = Static<typeof LatestQuery>;

/** Extension `latest-json`. */
export const LatestJsonQuery = Type.Object({
  channel: Type.Optional(Channel),
  current_version: Type.Optional(Version), // of the app that asks, where its updater fills that in
});
export type LatestJsonQuery = Static<typeof LatestJsonQuery>;

/** Extension `feeds`. */
export const ElectronQuery = Type.Object({
  current_version: Type.Optional(Version), // where it is in the URL that the app was built with
});
export type ElectronQuery = Static<typeof ElectronQuery>;

/** Extension `feeds`: without a channel, Sparkle gets those of all channels. */
export const AppcastQuery = Type.Object({ channel: Type.Optional(Channel) });
export type AppcastQuery = Static<typeof AppcastQuery>;

/** Extension `feeds`: as Velopack sends it. */
export const VelopackQuery = Type.Object({
  localVersion: Type.Optional(Type.Unknown()),
  stagingId: Type.Optional(Type.Unknown()),
});
export type VelopackQuery = Static<typeof VelopackQuery>;

/** Extensions `app` and `publish-state`. */
export const AppQuery = Type.Object({
  include: Type.Optional(Type.Enum(['releases', 'state'], { description: 'releases, state, or nothing' })),
  version: Type.Optional(Version), // with `state`: the version that is to be published
  channel: Type.Optional(Channel),
  requires: Type.Optional(Version),
});
export type AppQuery = Static<typeof AppQuery>;

export const MAX_PAGE_SIZE = 500;

export const ListReleasesQuery = Type.Object({
  limit: Type.Optional(
    Type.String({ pattern: '^(?:[1-9]\\d?|[1-4]\\d\\d|500)$', description: `1 to ${MAX_PAGE_SIZE}` }),
  ),
  after: Type.Optional(Version),
  brief: Type.Optional(Type.Enum(['true', 'false'], { description: 'true or false' })),
  release: Type.Optional(Opaque), // its id or version: no others
});
export type ListReleasesQuery = Static<typeof ListReleasesQuery>;

export const DeleteReleaseQuery = Type.Object({
  /** Extension `conditional-delete`: delete only while the release has exactly this many complete artifacts. */
  artifacts: Type.Optional(Type.String({ pattern: '^\\d{1,6}$', description: 'a number of artifacts' })),
  allow_stranding: Type.Optional(AllowStrandingText), // extension `key-routing`
});
export type DeleteReleaseQuery = Static<typeof DeleteReleaseQuery>;

export const SetSlugRequest = Type.Object({
  slug: Type.String({ pattern: SLUG_PATTERN, description: SLUG_RULE }),
});
export type SetSlugRequest = Static<typeof SetSlugRequest>;

/** Extension `policy`: by target. */
const MinimumSystem = Type.Object(
  Object.fromEntries(
    TARGETS.map((target) => [
      target,
      Type.Optional(Type.String({ pattern: SYSTEM_VERSION_PATTERN, description: SYSTEM_VERSION_RULE })),
    ]),
  ) as Record<(typeof TARGETS)[number], Type.TOptional<Type.TString>>,
);

const Percent = Type.Integer({ minimum: 0, maximum: 100, description: 'a whole number from 0 to 100' });
const Timestamp = Type.String({
  maxLength: 40,
  pattern: TIMESTAMP_PATTERN,
  description: 'a time like 2026-12-01T09:00:00Z (RFC 3339)',
});

/** Extension `rollout`: who is offered a release. */
export const RolloutRequest = Type.Object({
  percent: Type.Optional(Percent), // of the 100 cohorts, in the end; all when left out
  at: Type.Optional(Timestamp), // before that no one is offered it
  over: Type.Optional(
    Type.Integer({
      minimum: MIN_RAMP_MS / 1000,
      maximum: MAX_RAMP_MS / 1000,
      description: `a whole number of seconds from ${MIN_RAMP_MS / 1000} to ${MAX_RAMP_MS / 1000}`,
    }),
  ),
});
export type RolloutRequest = Static<typeof RolloutRequest>;

/** "Create a Release". With the extension `artifact-signature` each file has its own signature instead. */
export const CreateReleaseRequest = Type.Object({
  version: Version,
  notes: Type.Optional(Nullable(Notes)),
  signature: Type.Optional(Nullable(Signature)),
  draft: Type.Optional(Type.Boolean({ description: 'true or false' })), // extension `draft`
  /** Extension `expect`: a draft that goes live by itself once these platforms are complete. */
  expect: Type.Optional(
    Type.Array(PlatformName, {
      minItems: 1,
      maxItems: MAX_EXPECTED,
      uniqueItems: true,
      description: `a list of at most ${MAX_EXPECTED} different platforms, each ${PLATFORM_NAME_RULE}`,
    }),
  ),
  channel: Type.Optional(Channel), // extension `channel`
  // Extension `key-routing`: the key that its files are signed with, the key that its build carries, and the lowest
  // version that it is offered to.
  signing_key_id: Type.Optional(Nullable(KeyId)),
  embedded_pubkey: Type.Optional(Nullable(PublicKeyText)),
  requires: Type.Optional(Nullable(Version)),
  /** Extension `key-routing`: let it go live although versions are stranded by that. */
  allow_stranding: Type.Optional(AllowStranding),
  rollout: Type.Optional(Nullable(RolloutRequest)), // extension `rollout`
  // Extension `policy`
  mandatory: Type.Optional(Type.Boolean({ description: 'true or false' })),
  minimum_system_version: Type.Optional(Nullable(MinimumSystem)),
});
export type CreateReleaseRequest = Static<typeof CreateReleaseRequest>;

export const UpdateReleaseRequest = Type.Object({
  notes: Type.Optional(Nullable(Notes)),
  /** Change the notes only of a draft that has none: of several jobs with notes the first one wins. */
  only_if_empty: Type.Optional(Type.Boolean({ description: 'true or false' })),
  status: Type.Optional(Type.Enum(['published', 'yanked'], { description: 'published or yanked' })),
  /** Extension `key-routing`: the key that its build carries. */
  embedded_pubkey: Type.Optional(PublicKeyText),
  /** Extension `key-routing`: also where another one is recorded, which was wrong. */
  replace_embedded_pubkey: Type.Optional(Type.Boolean({ description: 'true or false' })),
  allow_stranding: Type.Optional(AllowStranding), // extension `key-routing`
  // Extension `rollout`: null for everyone; a pause holds it back from all, and changes nothing about its rollout.
  rollout: Type.Optional(Nullable(RolloutRequest)),
  paused: Type.Optional(Type.Boolean({ description: 'true or false' })),
  /** Extension `events`: whether the server may pause it by itself. */
  auto_pause: Type.Optional(Type.Boolean({ description: 'true or false' })),
  // Extension `policy`
  mandatory: Type.Optional(Type.Boolean({ description: 'true or false' })),
  minimum_system_version: Type.Optional(Nullable(MinimumSystem)),
  /** With `status: yanked`: apps that have it may go back to the release before. */
  rolled_back: Type.Optional(Type.Boolean({ description: 'true or false' })),
});
export type UpdateReleaseRequest = Static<typeof UpdateReleaseRequest>;

/** Extension `promote`: moves a live release to another channel. */
export const PromoteReleaseRequest = Type.Object({
  channel: Channel,
  rollout: Type.Optional(Nullable(RolloutRequest)), // extension `rollout`: as it is when left out
  allow_stranding: Type.Optional(AllowStranding), // extension `key-routing`
  /** Extension `manifest`: its statements, signed again with the new channel. */
  manifest: Type.Optional(
    Type.Array(Envelope, {
      maxItems: MAX_STATEMENTS,
      description: `a list of at most ${MAX_STATEMENTS} DSSE envelopes`,
    }),
  ),
  /** Extension `manifest`: also where its manifest names the old channel then. */
  allow_outdated_manifest: Type.Optional(Type.Boolean({ description: 'true or false' })),
});
export type PromoteReleaseRequest = Static<typeof PromoteReleaseRequest>;

export const PublishReleaseQuery = Type.Object({
  /** Extension `key-routing`: change what is offered although versions are stranded by that. */
  allow_stranding: Type.Optional(AllowStrandingText),
  /** Extension `expect`: the platforms that a draft must have instead of those it was created to wait for. */
  expect: Type.Optional(
    Type.String({
      pattern: PLATFORM_LIST_PATTERN,
      description: `a list of platforms, separated by commas, each ${PLATFORM_NAME_RULE}`,
    }),
  ),
});
export type PublishReleaseQuery = Static<typeof PublishReleaseQuery>;

/** Extension `draft`: what the release must have to be published, if given. */
export const PublishReleaseRequest = Type.Union([
  Type.Array(
    Type.Object({
      target: Target,
      arch: Arch,
      bundle_type: Type.Optional(Nullable(BundleTypeName)),
      sha256: Sha256,
    }),
    {
      maxItems: MAX_REQUIRED,
      description: `a list of at most ${MAX_REQUIRED} { target, arch, bundle_type, sha256 }, or nothing`,
    },
  ),
  Type.Null(),
  Type.Undefined(),
]);
export type PublishReleaseRequest = Static<typeof PublishReleaseRequest>;

/** "Upload Artifacts", with the extensions `artifact-signature` and `platforms`. */
export const CreateArtifactRequest = Type.Object({
  target: Target,
  arch: Arch,
  bundle_type: Type.Optional(Nullable(BundleTypeName)),
  file_size: FileSize,
  signature: Type.Optional(Nullable(Signature)),
  sha256: Type.Optional(Nullable(Sha256)),
  /** Extension `multipart`: upload in parts, resuming an earlier upload. */
  multipart: Type.Optional(Type.Boolean({ description: 'true or false' })),
  /** Extension `replace-draft-files`: the job that uploads it, and which of its attempts this is. */
  job: Type.Optional(Job),
  attempt: Type.Optional(Attempt),
  file_name: Type.Optional(Nullable(FileName)), // extension `file-name`: what downloads are saved as
});
export type CreateArtifactRequest = Static<typeof CreateArtifactRequest>;

/** Extension `complete-upload`. With `multipart`: the ETags of all parts, in order. */
export const CompleteUploadRequest = Type.Union([
  Type.Object(
    {
      parts: Type.Optional(
        Type.Array(Type.String({ pattern: '^"?[^"\\s]{1,100}"?$' }), { minItems: 1, maxItems: MAX_PARTS }),
      ),
    },
    { description: `{ parts: a list of 1 to ${MAX_PARTS} ETags }, or nothing` },
  ),
  Type.Null(),
  Type.Undefined(),
]);
export type CompleteUploadRequest = Static<typeof CompleteUploadRequest>;

/** Extension `trusted-publishing`. */
export const ExchangeIdentityRequest = Type.Object({
  identity_token: Type.String({
    minLength: 1,
    maxLength: MAX_IDENTITY_TOKEN_LENGTH,
    pattern: '^[A-Za-z0-9_.-]+$',
    description: `a JSON Web Token of at most ${MAX_IDENTITY_TOKEN_LENGTH} characters`,
  }),
});
export type ExchangeIdentityRequest = Static<typeof ExchangeIdentityRequest>;

/*
 * Responses. These decode what any server sends, so they require only what the client cannot work without, and let
 * unknown fields through.
 */

/** Extension `artifact-signature`: a complete artifact, listed with its release. */
export const ArtifactResponse = Type.Object({
  target: Type.String(),
  arch: Type.String(),
  bundle_type: Type.Optional(Nullable(Type.String())),
  file_size: Type.Integer({ minimum: 0 }),
  sha256: Type.String(),
  signature: Nullable(Type.String()),
  /** Extension `replace-draft-files`: in a draft, the job that uploaded it, if that is known. */
  job: Type.Optional(Type.String()),
  attempt: Type.Optional(Type.Integer()),
  file_name: Type.Optional(Nullable(Type.String())), // extension `file-name`
  lost: Type.Optional(Type.Boolean()), // extension `lost-files`: the server has not got its bytes any more
  only_by_bundle_type: Type.Optional(Type.Boolean()), // extension `close`: others get another file of its platform
});
export type ArtifactResponse = Static<typeof ArtifactResponse>;

/** Extension `trusted-publishing`: a CI job, as the issuer of its identity token describes it. */
export const JobIdentity = Type.Object({
  provider: Type.String(),
  issuer: Type.String(),
  repository: Type.String(),
  repository_id: Type.String(),
  owner_id: Type.String(),
  commit: Type.String(),
  ref: Type.String(),
  workflow: Type.String(),
  environment: Type.Optional(Type.String()),
  event: Type.String(),
  run: Type.String(), // its URL
  run_id: Type.String(),
  run_attempt: Type.Optional(Type.String()),
  actor: Type.String(),
  actor_id: Type.String(),
});
export type JobIdentity = Static<typeof JobIdentity>;

/** The job that created a release; `mixed`: files were added by a job of another commit, or with a stored token. */
export const ReleaseProvenance = Type.Object({
  ...JobIdentity.properties,
  mixed: Type.Optional(Type.Boolean()),
});
export type ReleaseProvenance = Static<typeof ReleaseProvenance>;

/** Extension `rollout`. `state` is `scheduled`, `partial` or `complete`, whether or not the release is paused. */
export const RolloutResponse = Type.Object({
  percent: Type.Number(),
  share: Type.Number(), // of the 100 cohorts, now
  state: Type.String(),
  at: Type.Optional(Type.String()),
  from: Type.Optional(Type.Number()), // where a ramp begins
  over: Type.Optional(Type.Number()), // its seconds
});
export type RolloutResponse = Static<typeof RolloutResponse>;

/** Extension `events`: why the server has paused a release. */
export const PauseReasonResponse = Type.Object({
  kind: Type.String(), // `conversion`, `loops` or `failures`
  text: Type.String(), // one sentence for people
  clients: Type.Number(), // that were assessed
  share: Type.Number(), // 0 to 1: of those, who converted, loop or report
  share_before: Type.Optional(Type.Number()), // of the release before
  version_before: Type.Optional(Type.String()),
  platform: Type.Optional(Type.String()), // absent for all of them
  hours: Type.Optional(Type.Number()), // of a conversion: so long after the download
});
export type PauseReasonResponse = Static<typeof PauseReasonResponse>;

export const ReleaseResponse = Type.Object({
  id: Type.String({ minLength: 1 }),
  version: Type.String({ minLength: 1 }),
  notes: Type.Optional(Nullable(Type.String())),
  signature: Type.Optional(Nullable(Type.String())),
  pub_date: Type.Optional(Nullable(Type.String())),
  created_at: Type.Optional(Nullable(Type.String())),
  artifacts: Type.Optional(Type.Array(ArtifactResponse)),
  status: Type.Optional(Type.String()), // extensions `draft` and `yank`: `draft`, `published` or `yanked`
  channel: Type.Optional(Type.String()), // extension `channel`
  expect: Type.Optional(Type.Array(Type.String())), // extension `expect`: the platforms a draft waits for
  /** Extension `draft`: in a list, the platforms with an upload that has started and not ended. */
  uploading: Type.Optional(Type.Array(Type.String())),
  // Extension `key-routing`
  signing_key_id: Type.Optional(Nullable(Type.String())),
  embedded_pubkey: Type.Optional(Nullable(Type.String())),
  requires: Type.Optional(Nullable(Type.String())),
  awaits_approval: Type.Optional(Type.Boolean()), // extension `approval`: a draft that somebody else has to take live
  provenance: Type.Optional(Nullable(ReleaseProvenance)), // extension `trusted-publishing`
  rollout: Type.Optional(Nullable(RolloutResponse)), // extension `rollout`; absent for everyone
  paused_at: Type.Optional(Nullable(Type.String())),
  pause_reason: Type.Optional(Nullable(PauseReasonResponse)), // extension `events`: absent where no server paused it
  auto_pause: Type.Optional(Type.Boolean()), // extension `events`: false where the server does not pause it by itself
  // Extension `policy`
  mandatory: Type.Optional(Type.Boolean()),
  minimum_system_version: Type.Optional(Nullable(Type.Record(Type.String(), Type.String()))),
  rolled_back: Type.Optional(Type.Boolean()),
});
export type ReleaseResponse = Static<typeof ReleaseResponse>;

/** api.md does not show the response of "List Releases": a bare array, as this server sends, or a wrapped one. */
export const ReleaseListResponse = Type.Union([
  Type.Array(ReleaseResponse),
  Type.Object({ releases: Type.Array(ReleaseResponse) }),
]);
export type ReleaseListResponse = Static<typeof ReleaseListResponse>;

export const CreateArtifactResponse = Type.Object({
  upload_url: Type.String({ minLength: 1 }),
  s3_key: Type.Optional(Type.String()),
  bundle_type: Type.Optional(Type.String()),
  signature: Type.Optional(Type.String()),
  sha256: Type.Optional(Type.String()),
  upload_id: Type.Optional(Type.String({ minLength: 1 })), // extension `complete-upload`
  /** Extension `multipart`. */
  multipart: Type.Optional(
    Type.Object({
      id: Type.String(), // changes when the upload starts over: earlier parts are void then
      part_size: Type.Integer({ minimum: 1 }), // bytes of each part but the last
      /** The next `PART_URLS_AT_ONCE` of the parts that are missing. */
      parts: Type.Array(
        Type.Object({ number: Type.Integer({ minimum: 1 }), url: Type.String({ minLength: 1 }) }),
      ),
      done: Type.Array(Type.Object({ number: Type.Integer({ minimum: 1 }), etag: Type.String() })),
    }),
  ),
});
export type CreateArtifactResponse = Static<typeof CreateArtifactResponse>;

/** A PUT to an upload URL of this server. api.md shows no response to it, so the client does without. */
export const UploadResponse = Type.Object({
  status: Type.String(),
  size: Type.Integer(), // bytes
  sha256: Type.String(),
  went_live: Type.Boolean(), // extension `expect`: whether this upload took the release live
});
export type UploadResponse = Static<typeof UploadResponse>;

/** Extension `complete-upload`: as `UploadResponse`; or `pending`, with 202, while the server processes the bytes. */
export const CompleteUploadResponse = Type.Object({
  status: Type.Enum(['complete', 'pending']),
  size: Type.Optional(Type.Integer()),
  sha256: Type.Optional(Type.String()),
  went_live: Type.Optional(Type.Boolean()), // absent where the upload was complete before the request
});
export type CompleteUploadResponse = Static<typeof CompleteUploadResponse>;

export const DeletedFileResponse = Type.Object({
  version: Type.String(), // without build metadata
  target: Type.String(),
  arch: Type.String(),
  bundle_type: Type.Optional(Nullable(Type.String())),
  sha256: Type.Optional(Type.String()), // absent where the version may have other bytes
  // Extension `key-routing`: installed apps stay on versions that were deleted.
  channel: Type.Optional(Type.String()),
  signing_key_id: Type.Optional(Nullable(Type.String())),
  embedded_pubkey: Type.Optional(Nullable(Type.String())),
  only_by_bundle_type: Type.Optional(Type.Boolean()), // extension `close`
});
export type DeletedFileResponse = Static<typeof DeletedFileResponse>;

/** Extension `app`. */
export const AppResponse = Type.Object({
  id: Type.String(),
  name: Type.String(),
  slug: Nullable(Type.String()),
  pubkey: Nullable(Type.String()),
  /** Extension `key-routing`: the keys that uploads may be signed with, where it has a key; the first is `pubkey`. */
  accepted_pubkeys: Type.Optional(Type.Array(Type.String())),
  require_bound_signatures: Type.Optional(Type.Boolean()), // extension `bound-signatures`, where it has a key
  scopes: Type.Optional(Type.Array(Type.String())), // of the token that asks
  token_expires_at: Type.Optional(Nullable(Type.String())), // of the same; null if never
  approval: Type.Optional(Type.Boolean()), // extension `approval`: whether somebody else has to take releases live
  minimum_version: Type.Optional(Type.String()), // extension `policy`: lower versions have to update
  trusted_only: Type.Optional(Type.Boolean()), // extension `trusted-publishing`: stored tokens cannot publish
  releases: Type.Optional(Type.Array(ReleaseResponse)), // where `AppQuery` includes them
  /** With the releases: what versions that were live, and then deleted, had; they can have nothing else. */
  deleted: Type.Optional(Type.Array(DeletedFileResponse)),
});
export type AppResponse = Static<typeof AppResponse>;

/** Extensions `manifest` and `attestation`: `stored`, or `unchanged` where the very statement was there. */
export const ManifestResponse = Type.Object({
  status: Type.String(),
  platforms: Type.Array(Type.String()),
});
export type ManifestResponse = Static<typeof ManifestResponse>;

/** Of `ReleaseProvenance`, what the certificate of an attestation says too: anybody may read it. */
const AttestedJob = Type.Pick(ReleaseProvenance, ['issuer', 'repository', 'commit', 'ref', 'run', 'mixed']);
export type AttestedJob = Static<typeof AttestedJob>;

/** Extension `attestation`: each bundle is about other platforms. */
export const AttestationsResponse = Type.Object({
  attestations: Type.Array(Type.Object({ bundle: SigstoreBundle })),
  provenance: Type.Optional(Nullable(AttestedJob)), // extension `trusted-publishing`: the job that created the release
});
export type AttestationsResponse = Static<typeof AttestationsResponse>;

export const ExchangeIdentityResponse = Type.Object({
  token: Type.String({ minLength: 1 }),
  expires_in: Type.Number(), // seconds
  expires_at: Type.Optional(Type.String()),
  scopes: Type.Optional(Type.Array(Type.String())),
  job: Type.Optional(JobIdentity),
});
export type ExchangeIdentityResponse = Static<typeof ExchangeIdentityResponse>;

/** How an update ended. */
export const OUTCOMES = ['installed', 'failed', 'crashed'] as const;

/** Extension `events`: what an app says of an update, about no one. */
export const EventRequest = Type.Object({
  version: Version, // that the app was updated to
  from_version: Type.Optional(Version),
  target: Target,
  arch: Arch,
  outcome: Type.Enum([...OUTCOMES], { description: `one of ${OUTCOMES.join(', ')}` }),
  code: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$',
      description: '1 to 32 letters, digits, dots, dashes or underscores',
    }),
  ),
});
export type EventRequest = Static<typeof EventRequest>;

export const EventQuery = Type.Object({ cohort: Type.Optional(Type.String()) });
export type EventQuery = Static<typeof EventQuery>;

/** Extension `stats`. */
export const StatsQuery = Type.Object({
  days: Type.Optional(
    Type.String({ pattern: '^(?:[1-9]\\d?|[123]\\d\\d|400)$', description: 'a whole number from 1 to 400' }),
  ),
  version: Type.Optional(Version), // only what concerns it
});
export type StatsQuery = Static<typeof StatsQuery>;

/** Clients of a platform. */
const PlatformClients = Type.Object({ platform: Type.String(), clients: Type.Number() });

/** Clients in a day, a week or a month: what is about fewer than `hidden_below` is left out. */
export const PeriodStats = Type.Object({
  period: Type.String(), // 2026-11-30; of a week its Monday, 2026-11-30/P7D; of a month 2026-11
  clients: Type.Number(),
  at_most: Type.Optional(Type.Number()), // where a restart may have made some count once only, or twice
  platforms: Type.Array(PlatformClients),
});
export type PeriodStats = Static<typeof PeriodStats>;

/** The versions that apps asked with on a day. */
const VersionClients = Type.Object({
  version: Type.String(),
  platform: Type.String(),
  clients: Type.Number(),
});

export const DayStats = Type.Object({
  ...PeriodStats.properties,
  versions: Type.Array(VersionClients),
});
export type DayStats = Static<typeof DayStats>;

/** How far an update came: null for fewer than `hidden_below`. */
const ReachProperties = {
  offered: Nullable(Type.Number()),
  downloaded: Nullable(Type.Number()),
  converted: Nullable(Type.Number()), // downloaded it, and asked with it afterwards
};

export const PlatformReach = Type.Object({
  platform: Type.String(),
  ...ReachProperties,
  stuck: Type.Optional(Type.String()), // `download`, or `install`: what hardly any of them does
});
export type PlatformReach = Static<typeof PlatformReach>;

/** Extension `events`: what apps say of updates to a release. */
const ReportStats = Type.Object({
  outcome: Type.String(), // `installed`, `failed` or `crashed`
  code: Type.Optional(Type.String()), // absent for all of that outcome
  clients: Type.Number(),
});

export const ReleaseStats = Type.Object({
  version: Type.String(),
  ...ReachProperties,
  // Extension `events`: clients that downloaded it again and again; that report that it failed; null for few
  looping: Type.Optional(Nullable(Type.Number())),
  failed: Type.Optional(Nullable(Type.Number())),
  reports: Type.Optional(Type.Array(ReportStats)), // with those of clients that did not download it
  pause_reason: Type.Optional(PauseReasonResponse),
  platforms: Type.Array(PlatformReach),
});
export type ReleaseStats = Static<typeof ReleaseStats>;

/** Extension `stats`. */
export const StatsResponse = Type.Object({
  hidden_below: Type.Number(),
  days: Type.Array(DayStats),
  weeks: Type.Array(PeriodStats),
  months: Type.Array(PeriodStats),
  releases: Type.Array(ReleaseStats),
});
export type StatsResponse = Static<typeof StatsResponse>;

/** Extension `explain`: an app, as it asks. */
export const ExplainQuery = Type.Object({
  version: Version, // that it has
  target: Target,
  arch: Arch,
  bundle_type: CheckQuery.properties.bundle_type,
  channel: Type.Optional(Channel),
  cohort: Type.Optional(Type.String({ pattern: '^(?:\\d{1,2}|all)$', description: '0 to 99, or all' })),
  manual: Type.Optional(YesOrNo), // a user asks
  downgrade: Type.Optional(YesOrNo), // it takes lower versions
  pubkey: Type.Optional(PublicKeyText), // that its build carries
});
export type ExplainQuery = Static<typeof ExplainQuery>;

/** `rule` is a stable name, `reason` a sentence for people. */
const Because = { rule: Type.String(), reason: Type.String() };

export const ExplainedRelease = Type.Object({
  version: Type.String(),
  channel: Type.String(),
  ...Because,
});
export type ExplainedRelease = Static<typeof ExplainedRelease>;

export const ExplainResponse = Type.Object({
  version: Type.String(),
  platform: Type.String(),
  channel: Type.String(),
  cohort: Nullable(Type.Number()), // that it counts as being in; 100 comes after all others
  key_id: Nullable(Type.String()), // that builds of the version count as carrying; null for any
  update: Nullable(Type.Object({ version: Type.String(), mandatory: Type.Boolean() })),
  /** From the highest one down to the one that is offered. */
  releases: Type.Array(ExplainedRelease),
  omitted: Type.Number(), // of these, before the last one
  notes: Type.Array(Type.Object(Because)),
});
export type ExplainResponse = Static<typeof ExplainResponse>;

/** Extension `simulate`: a release that the app has, with what would change; or one that it has not. */
export const SimulateRequest = Type.Object({
  version: Version,
  status: Type.Optional(
    Type.Enum(['published', 'yanked', 'deleted'], { description: 'published, yanked or deleted' }),
  ),
  channel: Type.Optional(Channel),
  requires: Type.Optional(Nullable(Version)),
  embedded_pubkey: Type.Optional(PublicKeyText),
  rollout: Type.Optional(Nullable(RolloutRequest)),
  paused: Type.Optional(Type.Boolean({ description: 'true or false' })),
  mandatory: Type.Optional(Type.Boolean({ description: 'true or false' })),
  /** Besides those that it has. */
  artifacts: Type.Optional(
    Type.Array(
      Type.Object({
        target: Target,
        arch: Arch,
        bundle_type: Type.Optional(Nullable(BundleTypeName)),
        signing_key_id: Type.Optional(Nullable(KeyId)),
      }),
      {
        maxItems: MAX_REQUIRED,
        description: `a list of at most ${MAX_REQUIRED} { target, arch, bundle_type, signing_key_id }`,
      },
    ),
  ),
});
export type SimulateRequest = Static<typeof SimulateRequest>;

/** What a share of the apps gets: of the 100 cohorts; no update where the version is null. */
export const OfferedShare = Type.Object({
  version: Nullable(Type.String()),
  share: Type.Number(),
  mandatory: Type.Boolean(),
});
export type OfferedShare = Static<typeof OfferedShare>;

const SimulatedAnswers = Type.Object({
  shares: Type.Array(OfferedShare), // the largest first
  /** The version that apps get which do not say their cohort; absent where that depends on their address. */
  without_cohort: Type.Optional(Nullable(Type.String())),
});
export type SimulatedAnswers = Static<typeof SimulatedAnswers>;

export const SimulatedCell = Type.Object({
  version: Type.String(), // that apps have
  platform: Type.String(),
  channel: Type.String(),
  clients: Nullable(Type.Number()), // on one day, as `stats` counts them; null where they are not counted
  changed: Type.Boolean(),
  today: SimulatedAnswers,
  after: SimulatedAnswers,
});
export type SimulatedCell = Static<typeof SimulatedCell>;

/** `source`: whether the cells are those that were counted, or all versions that apps may have. */
export const SimulateResponse = Type.Object({
  version: Type.String(),
  source: Type.String(),
  cells: Type.Array(SimulatedCell),
  changed: Type.Number(), // of the cells
  omitted: Type.Number(), // versions that there was no room for
});
export type SimulateResponse = Static<typeof SimulateResponse>;

/** In bytes; no limit is known where one is absent. */
const ServerLimits = Type.Object({
  artifact_size: Type.Optional(Type.Number()), // of a file
  single_put: Type.Optional(Type.Number()), // of a file that is not uploaded in parts
  multipart_from: Type.Optional(Type.Number()), // extension `multipart`: of the smallest file to upload in parts
  json_body: Type.Optional(Type.Number()), // of a request to create a release, notes included
});
export type ServerLimits = Static<typeof ServerLimits>;

/** `GET /api/sync/ota`: which extensions a server has, and what it accepts. */
export const CapabilitiesResponse = Type.Object({
  name: Type.String(),
  version: Type.String(),
  extensions: Type.Array(Type.String()),
  public_url: Type.Optional(Type.String()), // what every URL that it hands out starts with
  limits: Type.Optional(Nullable(ServerLimits)),
});
export type CapabilitiesResponse = Static<typeof CapabilitiesResponse>;

export const UpdateResponse = Type.Object({
  version: Type.String({ minLength: 1 }),
  url: Type.String({ minLength: 1 }),
  signature: Type.String(),
  notes: Type.Optional(Nullable(Type.String())),
  pub_date: Type.Optional(Nullable(Type.String())),
  /** Extension `platforms`: Tauri's updater prefers its `url` and `signature`, by platform name. */
  platforms: Type.Optional(
    Type.Record(Type.String(), Type.Object({ url: Type.String({ minLength: 1 }), signature: Type.String() })),
  ),
  // Extension `policy`: for the app to read, from `rawJson`.
  mandatory: Type.Optional(Type.Boolean()),
  minimum_version: Type.Optional(Type.String()),
  minimum_system_version: Type.Optional(Type.String()),
});
export type UpdateResponse = Static<typeof UpdateResponse>;

/** Extension `latest-json`: the static form that Tauri's updater reads, for all platforms of one release. */
export const LatestJsonResponse = Type.Object({
  version: Type.String({ minLength: 1 }),
  notes: Type.Optional(Nullable(Type.String())),
  pub_date: Type.Optional(Nullable(Type.String())),
  platforms: Type.Record(
    Type.String(),
    Type.Object({
      url: Type.String({ minLength: 1 }),
      signature: Type.String(),
      minimum_system_version: Type.Optional(Type.String()), // extension `policy`
    }),
  ),
  // Extension `policy`: as in `UpdateResponse`
  mandatory: Type.Optional(Type.Boolean()),
  minimum_version: Type.Optional(Type.String()),
});
export type LatestJsonResponse = Static<typeof LatestJsonResponse>;
