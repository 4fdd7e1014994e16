import type { Kysely, Transaction } from 'kysely';
import type { Arch, BundleType, Target } from '../protocol/platform.ts';

// The tables. Times are milliseconds since 1970, sizes bytes, digests lowercase hexadecimal.

export interface AppsTable {
  id: string;
  name: string;
  /** The current slug; `slugs` has every slug that the app ever had. */
  slug: string | null;
  /** The minisign public key that verifies uploads, in any form that `parsePublicKey` reads. */
  pubkey: string | null;
  /** Raised by every transaction that changes what update checks of the app offer. */
  revision: number;
  created_at: number;
}

/** Append-only: a slug that an app ever had is never given to another. */
export interface SlugsTable {
  slug: string;
  app_id: string;
  created_at: number;
}

export interface TokensTable {
  id: string;
  app_id: string;
  name: string;
  /** SHA-256. */
  hash: string;
  /** Space-separated. */
  scopes: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

/**
 * `draft`: neither offered nor downloadable yet. `published`: offered where its artifact is complete. `yanked`: no longer
 * offered, but still downloadable.
 */
export type ReleaseStatus = 'draft' | 'published' | 'yanked';

export interface ReleasesTable {
  id: string;
  app_id: string;
  version: string;
  /** The version without build metadata, unique in an app. */
  precedence: string;
  notes: string | null;
  signature: string | null;
  status: ReleaseStatus;
  channel: string;
  /** Extension `key-routing`: the id of the key that its files have to be signed with, where its publisher said it. */
  signing_key_id: string | null;
  /** Extension `key-routing`: the minisign public key that its build carries, as `formatPublicKey` writes it. */
  embedded_pubkey: string | null;
  /** Extension `key-routing`: the lowest version that it is offered to. */
  requires: string | null;
  /** Whether it may go live although versions are stranded by it: 0 or 1. */
  allow_stranding: number;
  /** The names of the platforms that a draft goes live with, space-separated; null when it waits for a request. */
  expect: string | null;
  /** When it was published; of a draft, when it was created. */
  pub_date: number;
  created_at: number;
}

/**
 * `pending`: its upload was granted and is not complete; a platform may have several.
 * `complete`: its bytes are stored, verified and served; a platform has one for each bundle type.
 * `deleting`: its release was deleted, or another file has replaced it in a draft, and its bytes are to be removed;
 * `release_id` is null.
 */
export type ArtifactStatus = 'pending' | 'complete' | 'deleting';

/** Empty for all apps of the platform, however they were installed; not null, as it is part of keys. */
export type BundleTypeColumn = BundleType | '';

export interface ArtifactsTable {
  id: string;
  release_id: string | null;
  target: Target;
  arch: Arch;
  bundle_type: BundleTypeColumn;
  file_size: number;
  /** As declared (if it was), then as measured. */
  sha256: string | null;
  signature: string | null;
  /** The id of the key that a minisign signature, its own or its release's, was made with; null for any other signature. */
  signing_key_id: string | null;
  status: ArtifactStatus;
  /** Null while pending. */
  storage_key: string | null;
  created_at: number;
  /** When the upload URL of a pending row has expired, so that it can be forgotten. */
  expires_at: number;
  /** When to poll for the bytes of a pending upload next; null where they arrive at the server itself. */
  poll_at: number | null;
  /** When the lease ends of the node that finalizes the upload; 0 for none. */
  leased_until: number;
  /** Why the bytes that arrived last were refused: an `UploadRefusal` as JSON. */
  refusal: string | null;
  /** The bucket's id of a pending multipart upload. */
  multipart_id: string | null;
  /** The job that announced it, and which of its attempts: a later one may replace it in a draft. */
  job: string | null;
  attempt: number | null;
}

/**
 * All bytes that were ever live: those of a version for a platform never change, not even after a deletion. Apps may be
 * on each of these versions, so their keys stay known too.
 */
export interface PublishedBytesTable {
  app_id: string;
  precedence: string;
  target: Target;
  arch: Arch;
  bundle_type: BundleTypeColumn;
  sha256: string;
  channel: string;
  /** As in `artifacts`. */
  signing_key_id: string | null;
  /** As in `releases`. */
  embedded_pubkey: string | null;
}

/** The keys of disk storage. */
export interface UrlSigningKeysTable {
  id: string;
  /** 32 random bytes, hexadecimal. */
  secret: string;
  created_at: number;
}

export interface SettingsTable {
  /** See `queries/storage-binding`, `queries/settings` and, for the last two, `queries/copy-state`. */
  name: 'storage' | 'database-id' | 'copy' | 'copy-started-at';
  value: string;
}

export interface Schema {
  apps: AppsTable;
  slugs: SlugsTable;
  tokens: TokensTable;
  releases: ReleasesTable;
  artifacts: ArtifactsTable;
  published_bytes: PublishedBytesTable;
  url_signing_keys: UrlSigningKeysTable;
  settings: SettingsTable;
}

/** The database, or a transaction in it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;
