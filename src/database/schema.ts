import type { Generated, Kysely, Transaction } from 'kysely';
import type { Arch, BundleType, Platform } from '../protocol/platform.ts';
import type { CohortFallback } from '../protocol/rollout/cohort.ts';
import type { Provider } from '../protocol/trust/trusted-publisher.ts';
import type { WebhookFormat } from '../protocol/webhook/webhook-message.ts';
import type { LimitName } from './app-limits.ts';
import type { ActorKind } from './attribution.ts';

// The tables. Times are milliseconds since 1970, sizes bytes, digests lowercase hexadecimal.

export interface AppsTable {
  id: string;
  name: string;
  /** The current slug; `slugs` has every slug that the app ever had. */
  slug: string | null;
  /** The minisign public key that verifies uploads, in any form that `parsePublicKey` reads. */
  pubkey: string | null;
  /** Whether releases go live only when somebody else than their uploader asks for it: 0 or 1. */
  approval: number;
  /** Whether uploads need signatures that name their version, where there is a key: 0 or 1. */
  require_bound_signatures: number;
  /** Raised by every transaction that changes what update checks of the app offer. */
  revision: number;
  /** Whether only trusted publishers may publish, and stored tokens may not: 0 or 1. */
  trusted_only: number;
  /** Which cohort its apps are in that do not say it. */
  cohort_fallback: CohortFallback;
  /** Extension `policy`: lower versions have to update; null for none. */
  minimum_version: string | null;
  /** When its rollouts are paused by themselves: an `AutoPause` as JSON; null for the default. */
  auto_pause: string | null;
  created_at: number;
}

/** A slug that an app had is given to another only after an operator has freed it. */
export interface SlugsTable {
  slug: string;
  /** Null for a slug of a deleted app, which stays reserved. */
  app_id: string | null;
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
  /** The trusted publisher of which a job got it for its identity token; null for a stored token. */
  publisher_id: string | null;
  /** That job: a `JobIdentity` as JSON. */
  job: string | null;
}

/** See `TrustedPublisher`. */
export interface TrustedPublishersTable {
  id: string;
  app_id: string;
  provider: Provider;
  issuer: string;
  repository: string;
  repository_id: string | null;
  owner_id: string | null;
  workflow: string;
  environment: string | null;
  /** Space-separated. */
  refs: string;
  /** 0 or 1. */
  protected_refs: number;
  /** Comma-separated; empty for all. */
  channels: string;
  created_at: number;
}

/** Identity tokens that were exchanged, until they are surely not accepted any more. */
export interface UsedIdentitiesTable {
  issuer: string;
  jti: string;
  expires_at: number;
}

/** See `IssuerRecord`. */
export interface IssuerKeysTable {
  issuer: string;
  jwks: string | null;
  fetched_at: number;
  started_at: number;
  ended_at: number;
  error: string | null;
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
  /** As `versionOrder` writes it, so that an index finds the highest. */
  version_order: string;
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
  /** The token that created it; null where none did. No reference: it outlives the token. */
  token_id: string | null;
  /** Other tokens that have changed it while it was a draft, separated by spaces. */
  editor_ids: string | null;
  /** Whether it goes live by a request only, although it expects platforms: 0 or 1. Stays when the app changes. */
  awaits_approval: number;
  /** The job that created it, if that is known: a `ReleaseProvenance` as JSON. */
  provenance: string | null;
  /** When it was published; of a draft, when it was created. */
  pub_date: number;
  /** Extension `rollout`: a `Rollout` as JSON; null for everyone. */
  rollout: string | null;
  /** Since when it is not offered to anyone, whatever its rollout is; null where it is not paused. */
  paused_at: number | null;
  /** Why the server has paused it: a `PauseReason` as JSON; null where it has not. */
  pause_reason: string | null;
  /** What an operator has said of pauses by the server: a `ReleaseWatch` as JSON; null for nothing. */
  watch: string | null;
  /** Until when it is not offered to everyone, as `heldUntil` says it; 0 where it is. */
  held_until: number;
  /** Extension `policy`: whether apps have to take it, or one that contains it: 0 or 1. */
  mandatory: number;
  /** Extension `policy`: whether it was yanked so that apps that have it may go back: 0 or 1. */
  rolled_back: number;
  /** Extension `policy`: a `MinimumSystem` as JSON; null for none. */
  minimum_system: string | null;
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
  /** The id of its app, also once its release is deleted. */
  app: string;
  release_id: string | null;
  /** As its release has it, which never changes: for the index that finds what is offered. */
  version_order: string;
  /** As `queries/lanes` writes it: of the files of a lane, apps are offered the highest. */
  lane: string;
  /** Whether its release is published: 0 or 1. Changes with the status of the release. */
  released: number;
  target: Platform['target'];
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
  /** Since when its bytes are known to be lost in the storage, so that it is not offered; null where they are not. */
  lost_at: number | null;
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
  /** The name that downloads are saved under, where it is known what the file was called. */
  file_name: string | null;
  /** The token that announced it; null where none did. No reference: it outlives the token. */
  token_id: string | null;
  /**
   * See `queries/default-kinds`, once it was live: the kinds that are the default of its platform, comma-separated, where
   * it is one of these files; else null.
   */
  default_kinds: string | null;
}

/** Digests of files that some updaters compare, besides SHA-256: computed when a feed needs them, deleted with the file. */
export interface ArtifactDigestsTable {
  artifact_id: string;
  algorithm: DigestAlgorithm;
  /** Lowercase hexadecimal; null until it is computed. */
  digest: string | null;
  /** Until then one process is computing it, in milliseconds since 1970. */
  leased_until: number;
}

export type DigestAlgorithm = 'sha1' | 'sha512';

/** Signed statements about files of a release, deleted with it (`protocol/manifest`, `protocol/attestation`). */
export interface StatementsTable {
  id: string;
  /** The id of its app. */
  app: string;
  release_id: string;
  kind: 'manifest' | 'attestation';
  /** JSON: of a manifest a DSSE envelope, of an attestation a Sigstore bundle. */
  document: string;
  /** The id of the token that has stored it; of a job's token, of the trusted publisher that it was for. */
  writer: string | null;
  created_at: number;
}

/**
 * All bytes that were ever live: those of a version for a platform never change, not even after a deletion. Apps may be
 * on each of these versions, so their keys stay known too.
 */
export interface PublishedBytesTable {
  app_id: string;
  precedence: string;
  version_order: string;
  /** As `queries/lanes` writes it. */
  lane: string;
  target: Platform['target'];
  arch: Arch;
  bundle_type: BundleTypeColumn;
  sha256: string;
  channel: string;
  /** As in `artifacts`. */
  signing_key_id: string | null;
  /** As in `releases`. */
  embedded_pubkey: string | null;
  /** As in `artifacts`. */
  default_kinds: string | null;
}

/** The keys of disk storage. */
export interface UrlSigningKeysTable {
  id: string;
  /** 32 random bytes, hexadecimal. */
  secret: string;
  created_at: number;
  /** When it was replaced on purpose: until when it verifies; null for as long as it is kept. */
  valid_until: number | null;
}

/**
 * What this database proves with that the files belong to it (`src/ownership`): one row. The place of the files records
 * the same epoch and nonce.
 */
export interface StorageClaimTable {
  id: 1;
  /** Raised by each renewal; 0 before the first. */
  epoch: number;
  /** Random, of that renewal. */
  nonce: string;
  /** Renewals that may have reached the place, and are not confirmed: JSON. */
  unconfirmed: string;
  /** For people; 0 before the first. */
  renewed_at: number;
  /** See `DatabaseIdentity`. */
  instance: string;
  /** When the lease of the node that renews it ends; 0 for none. */
  leased_until: number;
  /** Why the files are not this database's any more; null while they are. */
  lost: string | null;
}

/**
 * What may be in the storage without an artifact that refers to it: recorded before it is written, and forgotten once an
 * artifact refers to it or it was removed. Nothing else is ever removed as orphaned.
 */
export interface OrphansTable {
  /** A storage key, or the id of an upload. */
  name: string;
  kind: 'file' | 'upload';
  created_at: number;
  /** 1 once it is being removed: no artifact may refer to it any more. */
  removing: number;
  /** When what arrived for an upload that was dropped is removed next; null if it was not dropped. */
  drop_at: number | null;
}

/** Who did what, and when: one row for each change. Rows are only added, besides what `--audit-retention` removes. */
export interface AuditTable {
  /** 1, 2, 3, … without gaps. */
  seq: number;
  /** When, by the clock of whoever wrote it. */
  at: number;
  /** Null for what concerns the whole server. No reference: entries outlive the app. */
  app_id: string | null;
  action: string;
  outcome: 'done' | 'refused';
  /** As `Actor`. */
  actor_kind: ActorKind;
  actor_id: string | null;
  actor_name: string | null;
  address: string | null;
  request_id: string | null;
  /** A JSON object, for people and scripts. */
  details: string;
  /** What the change has written: a JSON object of digests, as `queries/audited-rows` computes them; null where deleted. */
  rows: string;
  /** The `hash` of the entry before; `GENESIS` for the first. */
  previous: string;
  /** SHA-256 of all of the above, as `hashOfEntry` computes it. */
  hash: string;
}

/** Where the audit log ends, and from where it is kept: one row, which each change locks last. */
export interface AuditHeadTable {
  id: 1;
  /** Of the last entry; 0 before the first. */
  seq: number;
  hash: string;
  /** Of the last entry that was pruned; 0 before the first. */
  pruned_seq: number;
  pruned_hash: string;
  /** Entries up to this one may be deleted: 0 outside of the transaction that does it. */
  deletable_seq: number;
}

/** What the rows were like that the pruned part of the audit log has changed. */
export interface AuditBaselineTable {
  /** As in `AuditTable.rows`. */
  name: string;
  app_id: string | null;
  digest: string;
  /** Of the last entry that changed it. */
  seq: number;
}

/** When tokens were used last, to the minute. */
export interface TokenUsesTable {
  token_id: string;
  used_at: number;
}

/** How many clients there were in a period: see `queries/counts`. */
export interface CountsTable {
  /** No reference: they are removed with the app. */
  app_id: string;
  /** A name of `Period`. */
  period: string;
  kind: CountKind;
  /** Empty for all of them, as is `platform`. */
  version: string;
  platform: string;
  /** Of reports: `failed`, or with their code `failed disk_full`; else empty. */
  outcome: Generated<string>;
  /** Which key they were counted with. */
  generation: string;
  clients: number;
  /** As `queries/sketch-text` writes it; null for what is computed, and once the period has ended. */
  sketch: string | null;
  /** Until when it is kept; null without one. */
  sketch_until: number | null;
}

export type CountKind =
  | 'seen'
  | 'running'
  | 'offered'
  | 'downloaded'
  | 'converted'
  | 'looping'
  | 'reported'
  | 'failed';

/** Who began to download a release in a time, until all is counted of them: see `queries/attempts`. */
export interface AttemptsTable {
  /** No reference: they are removed with the app. */
  app_id: string;
  version: string;
  platform: string;
  generation: string;
  /** When the time ends. */
  ends_at: number;
  /** The month that the key is for. */
  period: string;
  /** Which of `AGES` is counted next, and when. */
  hours: number;
  due_at: number;
  /** As `queries/sketch-text` writes it. */
  sketch: string;
}

/** How many clients that downloaded a release have asked with it some hours later. */
export interface ConversionsTable {
  app_id: string;
  version: string;
  platform: string;
  /** One of `AGES`. */
  hours: number;
  /** Estimates, not whole. */
  attempts: number;
  converted: number;
  changed_at: number;
}

/** Processes that count, which hand each other the keys that they count with. */
export interface CountNodesTable {
  id: string;
  /** SPKI in Base64. */
  public_key: string;
  seen_at: number;
}

/** Who has the key of a period: a process that has it, or for which it is sealed. */
export interface CountKeysTable {
  period: string;
  node_id: string;
  generation: string;
  /** The key, encrypted with the public key of the process; null once that has opened it. */
  sealed: string | null;
}

export interface SettingsTable {
  /** See `queries/storage-binding`, `queries/settings`, `queries/copy-state`, `queries/backup-record`, `queries/last-seen`, `queries/scrub-state`, `queries/held-releases`, `queries/exported-apps` and `queries/operator-link`. */
  name:
    | 'storage'
    | 'database-id'
    | 'copy'
    | 'copy-started-at'
    | 'backup'
    | 'last-seen'
    | 'scrub'
    | 'cohort-key'
    | 'export-lease'
    | 'operator-link';
  value: string;
}

/** What an app has, kept by triggers (`usage-triggers.ts`): what its limits are compared with. */
export interface AppUsageTable {
  app_id: string;
  /** Versions: those that exist, and those that were live. */
  releases: Generated<number>;
  drafts: Generated<number>;
  pending_uploads: Generated<number>;
  /** Every slug that it has or had. */
  slugs: Generated<number>;
  /** Of the notes and signatures of releases and files, and of the statements of manifests. */
  notes_bytes: Generated<number>;
  /** Of its complete files. */
  stored_bytes: Generated<number>;
  /** Of the files that its pending uploads were announced with. */
  announced_bytes: Generated<number>;
}

/** What an operator has set in place of a default limit. */
export interface AppLimitsTable {
  app_id: string;
  name: LimitName;
  /** Null for no limit. */
  value: number | null;
}

/** What tokens have changed in an app: what its limit of an hour is compared with. */
export interface HourlyChangesTable {
  app_id: string;
  /** The last one with a change, of all hours since 1970. */
  hour: number;
  /** In that hour. */
  changes: number;
}

/** Where events are sent to. */
export interface WebhooksTable {
  id: string;
  /** Null for the events of all apps, and of the store. */
  app_id: string | null;
  url: string;
  format: WebhookFormat;
  /** Space-separated; empty for all. */
  events: string;
  /** As `generateWebhookSecret` writes it. */
  secret: string;
  /** Whether it may be in this machine's own network: 0 or 1. */
  allow_private: number;
  created_at: number;
  /** Since when nothing is sent to it; null while it is. */
  disabled_at: number | null;
  /** Since when nothing has reached it; null where the last did. */
  failing_since: number | null;
}

/** A message to one webhook: written with the change that it is about, and kept for some time once it was sent. */
export interface WebhookDeliveriesTable {
  /** The header `webhook-id`. */
  id: string;
  webhook_id: string;
  event: string;
  /** A `WebhookMessage` as JSON, without its URL. */
  message: string;
  created_at: number;
  outcome: DeliveryOutcome;
  /** How often it was tried. */
  attempts: number;
  /** When it is tried next; of one that has ended, when it was tried last. */
  next_at: number;
  /** When the lease ends of the node that sends it; 0 for none. */
  leased_until: number;
  /** Of the last response, if there was one. */
  status: number | null;
  /** Why the last try failed. */
  error: string | null;
}

export type DeliveryOutcome = 'pending' | 'delivered' | 'failed';

export interface Schema {
  apps: AppsTable;
  app_usage: AppUsageTable;
  app_limits: AppLimitsTable;
  hourly_changes: HourlyChangesTable;
  slugs: SlugsTable;
  tokens: TokensTable;
  trusted_publishers: TrustedPublishersTable;
  webhooks: WebhooksTable;
  webhook_deliveries: WebhookDeliveriesTable;
  used_identities: UsedIdentitiesTable;
  issuer_keys: IssuerKeysTable;
  releases: ReleasesTable;
  artifacts: ArtifactsTable;
  artifact_digests: ArtifactDigestsTable;
  statements: StatementsTable;
  published_bytes: PublishedBytesTable;
  url_signing_keys: UrlSigningKeysTable;
  settings: SettingsTable;
  storage_claim: StorageClaimTable;
  orphans: OrphansTable;
  audit: AuditTable;
  audit_head: AuditHeadTable;
  audit_baseline: AuditBaselineTable;
  token_uses: TokenUsesTable;
  counts: CountsTable;
  attempts: AttemptsTable;
  conversions: ConversionsTable;
  count_nodes: CountNodesTable;
  count_keys: CountKeysTable;
}

/** The database, or a transaction in it. */
export type Queries = Kysely<Schema> | Transaction<Schema>;
