import Type, { type Static } from 'typebox';
import { CHANNEL_PATTERN, CHANNEL_RULE } from './channel.ts';
import { MAX_PARTS } from './multipart.ts';
import { ARCHS, BUNDLE_TYPES, PLATFORM_NAME_PATTERN, PLATFORM_NAME_RULE, TARGETS } from './platform.ts';
import { SLUG_PATTERN, SLUG_RULE } from './slug.ts';
import { MAX_VERSION_LENGTH, VERSION_PATTERN } from './version.ts';

/*
 * Every body, parameter and answer of the API, once: the types, the server's validation and the client's
 * decoder. A `description` completes the sentence "<field> must be …" in a problem.
 */

/** Largest JSON body accepted, in bytes. */
export const MAX_JSON_BODY_BYTES = 64 * 1024;
/** The same where a body lists the parts of an upload: as many as there may be, with the longest ETags. */
export const MAX_PARTS_BODY_BYTES = 128 * 1024;
/** Longest signature accepted, in characters; a real `.sig` has about 430. */
export const MAX_SIGNATURE_LENGTH = 8192;
/** Most platforms a release can wait for: more than there are without kinds of bundle. */
const MAX_EXPECTED = 32;

/** Any text without NUL and without a lone surrogate: either would break the JSON of every client. */
const WELL_FORMED_TEXT = '^[^\\u0000\\ud800-\\udfff]*$';

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const Version = Type.String({
  maxLength: MAX_VERSION_LENGTH,
  pattern: VERSION_PATTERN,
  description: `strict semver (X.Y.Z, optionally with pre-release or build metadata), at most ${MAX_VERSION_LENGTH} characters`,
});
const Target = Type.Enum([...TARGETS], { description: `one of ${TARGETS.join(', ')}` });
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
const FileSize = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'a positive whole number of bytes',
});

/** What names something, and is only compared. No database need be asked for one that has a NUL. */
const Opaque = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: WELL_FORMED_TEXT,
  description: 'text of 1 to 200 characters without NUL',
});

/** Path parameters of every route, by the names api.md gives them. */
export const PathParameters = {
  app_id: Opaque,
  release_id: Opaque,
  slug: Opaque,
  target: Target,
  arch: Arch,
  current_version: Version,
  upload_id: Opaque,
  storage_key: Opaque,
} as const;

/**
 * What an app sends that cannot tell its kind of bundle: one that was not bundled, and one whose updater is too old to
 * fill its endpoint's `{{bundle_type}}` in.
 */
export const UNKNOWN_BUNDLE_TYPES = ['unknown', '{{bundle_type}}'] as const;

/** The query of a check. */
export const CheckQuery = Type.Object({
  /** Extension `channel`: also offer what is for that channel. */
  channel: Type.Optional(Channel),
  /** Extension `platforms`: offer that kind of bundle or nothing. */
  bundle_type: Type.Optional(
    Type.Enum([...BUNDLE_TYPES, ...UNKNOWN_BUNDLE_TYPES], {
      description: `one of ${BUNDLE_TYPES.join(', ')}, or unknown`,
    }),
  ),
});
export type CheckQuery = Static<typeof CheckQuery>;

/** The query of a download. */
export const DownloadQuery = Type.Object({
  /** Extension `platforms`: that kind of bundle; without it the one that suits most apps. */
  bundle_type: Type.Optional(BundleTypeName),
});
export type DownloadQuery = Static<typeof DownloadQuery>;

/** The query of `GET /api/sync/ota/apps/{app_id}` (extension `app`). */
export const AppQuery = Type.Object({
  /** Answers the app's releases too: whoever publishes needs both. */
  include: Type.Optional(Type.Enum(['releases'], { description: 'releases, or nothing' })),
});
export type AppQuery = Static<typeof AppQuery>;

/** The query of a deletion. */
export const DeleteReleaseQuery = Type.Object({
  /** Extension `conditional-delete`: only while the release has so many complete artifacts. */
  artifacts: Type.Optional(Type.String({ pattern: '^\\d{1,6}$', description: 'a number of artifacts' })),
});
export type DeleteReleaseQuery = Static<typeof DeleteReleaseQuery>;

/** api.md, "Register a Slug". */
export const SetSlugBody = Type.Object({
  slug: Type.String({ pattern: SLUG_PATTERN, description: SLUG_RULE }),
});
export type SetSlugBody = Static<typeof SetSlugBody>;

/** api.md, "Create a Release". `signature` is optional here: with `artifact-signature` each file has its own. */
export const CreateReleaseBody = Type.Object({
  version: Version,
  notes: Type.Optional(Nullable(Notes)),
  signature: Type.Optional(Nullable(Signature)),
  /** Extension `draft`: not visible until it is published. */
  draft: Type.Optional(Type.Boolean({ description: 'true or false' })),
  /** Extension `expect`: a draft that is published by itself once these platforms are complete. */
  expect: Type.Optional(
    Type.Array(PlatformName, {
      minItems: 1,
      maxItems: MAX_EXPECTED,
      uniqueItems: true,
      description: `a list of at most ${MAX_EXPECTED} different platforms, each ${PLATFORM_NAME_RULE}`,
    }),
  ),
  /** Extension `channel`. */
  channel: Type.Optional(Channel),
});
export type CreateReleaseBody = Static<typeof CreateReleaseBody>;

/** Extension `yank`: what may be changed of a release. */
export const UpdateReleaseBody = Type.Object({
  notes: Type.Optional(Nullable(Notes)),
  status: Type.Optional(Type.Enum(['published', 'yanked'], { description: 'published or yanked' })),
});
export type UpdateReleaseBody = Static<typeof UpdateReleaseBody>;

/** Extension `draft`: `POST …/releases/{id}/publish`. What the release must have, if it is given. */
export const PublishReleaseBody = Type.Union([
  Type.Array(
    Type.Object({
      target: Target,
      arch: Arch,
      bundle_type: Type.Optional(Nullable(BundleTypeName)),
      sha256: Sha256,
    }),
    { description: 'a list of { target, arch, bundle_type, sha256 }, or nothing' },
  ),
  Type.Null(),
  Type.Undefined(),
]);
export type PublishReleaseBody = Static<typeof PublishReleaseBody>;

/** api.md, "Upload Artifacts", with the optional fields of the extensions `artifact-signature` and `platforms`. */
export const CreateArtifactBody = Type.Object({
  target: Target,
  arch: Arch,
  bundle_type: Type.Optional(Nullable(BundleTypeName)),
  file_size: FileSize,
  signature: Type.Optional(Nullable(Signature)),
  sha256: Type.Optional(Nullable(Sha256)),
  /** Extension `multipart`: to be uploaded in parts. Asked for again, it goes on with what is there. */
  multipart: Type.Optional(Type.Boolean({ description: 'true or false' })),
});
export type CreateArtifactBody = Static<typeof CreateArtifactBody>;

/** Extension `complete-upload`; with `multipart` the ETags of all parts, in order. */
export const CompleteUploadBody = Type.Union([
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
export type CompleteUploadBody = Static<typeof CompleteUploadBody>;

/*
 * Answers. These decode what any server sends, so they demand only what the client cannot work without;
 * unknown fields are let through.
 */

/** An artifact as our server lists it with its release (extension `artifact-signature`). Complete ones only. */
export const ArtifactResponse = Type.Object({
  target: Type.String(),
  arch: Type.String(),
  /** Extension `platforms`. */
  bundle_type: Type.Optional(Nullable(Type.String())),
  file_size: Type.Integer({ minimum: 0 }),
  sha256: Type.String(),
  signature: Nullable(Type.String()),
});
export type ArtifactResponse = Static<typeof ArtifactResponse>;

/** api.md, "Create a Release", response. */
export const ReleaseResponse = Type.Object({
  id: Type.String({ minLength: 1 }),
  version: Type.String({ minLength: 1 }),
  notes: Type.Optional(Nullable(Type.String())),
  signature: Type.Optional(Nullable(Type.String())),
  pub_date: Type.Optional(Nullable(Type.String())),
  created_at: Type.Optional(Nullable(Type.String())),
  artifacts: Type.Optional(Type.Array(ArtifactResponse)),
  /** Extensions `draft` and `yank`: `draft`, `published` or `yanked`. */
  status: Type.Optional(Type.String()),
  /** Extension `channel`. */
  channel: Type.Optional(Type.String()),
  /** Extension `expect`: platforms that a draft waits for. */
  expect: Type.Optional(Type.Array(Type.String())),
});
export type ReleaseResponse = Static<typeof ReleaseResponse>;

/** api.md does not show the answer of "List Releases": a bare array (ours) and a wrapped one are both understood. */
export const ReleaseListResponse = Type.Union([
  Type.Array(ReleaseResponse),
  Type.Object({ releases: Type.Array(ReleaseResponse) }),
]);
export type ReleaseListResponse = Static<typeof ReleaseListResponse>;

/** api.md, "Upload Artifacts", response. */
export const CreateArtifactResponse = Type.Object({
  upload_url: Type.String({ minLength: 1 }),
  s3_key: Type.Optional(Type.String()),
  bundle_type: Type.Optional(Type.String()),
  signature: Type.Optional(Type.String()),
  sha256: Type.Optional(Type.String()),
  /** Extension `complete-upload`: names the upload once its PUT is done. */
  upload_id: Type.Optional(Type.String({ minLength: 1 })),
  /** Extension `multipart`. */
  multipart: Type.Optional(
    Type.Object({
      /** Differs when another upload in parts was begun: nothing of an earlier one counts any more. */
      id: Type.String(),
      /** Bytes of each part but the last. */
      part_size: Type.Integer({ minimum: 1 }),
      /** Where those that are missing go, each by one PUT: the next hundred. */
      parts: Type.Array(
        Type.Object({ number: Type.Integer({ minimum: 1 }), url: Type.String({ minLength: 1 }) }),
      ),
      /** What is there already. */
      done: Type.Array(Type.Object({ number: Type.Integer({ minimum: 1 }), etag: Type.String() })),
    }),
  ),
});
export type CreateArtifactResponse = Static<typeof CreateArtifactResponse>;

/** The PUT to an upload URL of our server. api.md shows no answer to it, so whatever else comes is as good. */
export const UploadResponse = Type.Object({
  status: Type.String(),
  /** Bytes. */
  size: Type.Integer(),
  sha256: Type.String(),
  /** Extension `expect`: whether its release went live with this upload. */
  went_live: Type.Boolean(),
});
export type UploadResponse = Static<typeof UploadResponse>;

/**
 * Extension `complete-upload`: as the answer to a PUT of ours; or `pending`, with 202, while the bytes are being taken.
 */
export const CompleteUploadResponse = Type.Object({
  status: Type.Enum(['complete', 'pending']),
  size: Type.Optional(Type.Integer()),
  sha256: Type.Optional(Type.String()),
  /** Absent where the upload was complete before it was asked for. */
  went_live: Type.Optional(Type.Boolean()),
});
export type CompleteUploadResponse = Static<typeof CompleteUploadResponse>;

/** `GET /api/sync/ota/apps/{app_id}` of our server (extension `app`). */
export const AppResponse = Type.Object({
  id: Type.String(),
  name: Type.String(),
  slug: Nullable(Type.String()),
  pubkey: Nullable(Type.String()),
  /** As "List Releases" has them, where they were asked for. */
  releases: Type.Optional(Type.Array(ReleaseResponse)),
});
export type AppResponse = Static<typeof AppResponse>;

/** `GET /api/sync/ota` of our server: design 4. */
export const CapabilitiesResponse = Type.Object({
  name: Type.String(),
  version: Type.String(),
  extensions: Type.Array(Type.String()),
});
export type CapabilitiesResponse = Static<typeof CapabilitiesResponse>;

/** api.md, "Update Available (200)". */
export const UpdateResponse = Type.Object({
  version: Type.String({ minLength: 1 }),
  url: Type.String({ minLength: 1 }),
  signature: Type.String(),
  notes: Type.Optional(Nullable(Type.String())),
  pub_date: Type.Optional(Nullable(Type.String())),
  /** Extension `platforms`: where it is there, Tauri's updater takes `url` and `signature` from it. */
  platforms: Type.Optional(
    Type.Record(Type.String(), Type.Object({ url: Type.String({ minLength: 1 }), signature: Type.String() })),
  ),
});
export type UpdateResponse = Static<typeof UpdateResponse>;
