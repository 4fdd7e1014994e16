import type { Kysely, Transaction } from 'kysely';
import type { Arch, BundleType, Target } from '../protocol/platform.ts';

/*
 * The tables. Times are milliseconds since 1970, sizes bytes, digests lowercase hexadecimal: types that SQLite
 * and PostgreSQL share.
 */

export interface AppsTable {
  id: string;
  name: string;
  /** The slug that is current; every slug the app ever had is in `slugs`. */
  slug: string | null;
  /** minisign public key that uploads are checked against, in any form `parsePublicKey` reads. */
  pubkey: string | null;
  /** Raised by every transaction that changes what the app's checks answer. */
  revision: number;
  created_at: number;
}

/** Never deleted from: a slug an app once had is never given to another. */
export interface SlugsTable {
  slug: string;
  app_id: string;
  created_at: number;
}

export interface TokensTable {
  id: string;
  app_id: string;
  name: string;
  /** SHA-256 of the token. */
  hash: string;
  /** Space-separated. */
  scopes: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

/**
 * `draft`: not offered and not downloadable yet. `published`: offered wherever its artifact is complete.
 * `yanked`: no longer offered; what was offered can still be downloaded.
 */
export type ReleaseStatus = 'draft' | 'published' | 'yanked';

export interface ReleasesTable {
  id: string;
  app_id: string;
  version: string;
  /** The version without build metadata: unique in an app. */
  precedence: string;
  notes: string | null;
  signature: string | null;
  status: ReleaseStatus;
  /** `stable`, or whom it is for. */
  channel: string;
  /** Platform names that a draft waits for, space-separated; null when it waits for a request. */
  expect: string | null;
  /** When it was published; while a draft, when it was created. */
  pub_date: number;
  created_at: number;
}

/**
 * `pending`: an upload was promised and not yet completed; there may be several for one platform.
 * `complete`: its bytes are stored, verified and served; one for each platform and kind of bundle of a release.
 * `deleting`: its release is gone and its bytes are to follow; `release_id` is null.
 */
export type ArtifactStatus = 'pending' | 'complete' | 'deleting';

/** Empty: for apps of the platform however they were installed. Not null, so that it can be part of a key. */
export type BundleTypeColumn = BundleType | '';

export interface ArtifactsTable {
  id: string;
  release_id: string | null;
  target: Target;
  arch: Arch;
  bundle_type: BundleTypeColumn;
  file_size: number;
  /** As declared while pending (may be null), as measured once complete. */
  sha256: string | null;
  signature: string | null;
  status: ArtifactStatus;
  /** Where the bytes are; null while pending. */
  storage_key: string | null;
  created_at: number;
  /** When the pending row may be forgotten: its upload URL has expired by then. */
  expires_at: number;
  /** When to look next whether a pending upload's bytes arrived; null where they arrive at the server itself. */
  poll_at: number | null;
  /** Until when one node looks and no other does; 0 when none. */
  leased_until: number;
  /** Why what arrived for a pending upload last was refused: a problem's code, text and fields, as JSON. */
  refusal: string | null;
  /** Of a pending upload in parts: the store's name of it. */
  multipart_id: string | null;
}

/** What was ever live: a version's bytes for a platform never change, not even over a deletion. */
export interface PublishedBytesTable {
  app_id: string;
  precedence: string;
  target: Target;
  arch: Arch;
  bundle_type: BundleTypeColumn;
  sha256: string;
}

/** The secrets that sign upload and download URLs of the disk storage. */
export interface UrlSigningKeysTable {
  id: string;
  /** 32 random bytes, hexadecimal. */
  secret: string;
  created_at: number;
}

/** What is to be known of the whole store, once each. */
export interface SettingsTable {
  /**
   * `storage`: where the artifacts' bytes are. `database-id`: what a bucket knows its database by. `copy`: how far it
   * is with being the copy of another. `copy-started-at`: when a run of it began that has not ended.
   */
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

/** What a query runs on: the database, or a transaction in it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;
