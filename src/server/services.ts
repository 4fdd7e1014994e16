import type { Database } from '../database/database.ts';
import type { Clock } from '../protocol/time.ts';
import type { ArtifactStorage } from '../storage/artifact-storage.ts';
import type { SigningKeys } from '../storage/signed-url.ts';
import type { PollSchedule } from './uploads/poll-schedule.ts';

/** What handlers and background work depend on: everything outside the process, and the operator's settings. */
export interface Services {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly signingKeys: SigningKeys;
  readonly clock: Clock;
  /** The value of `--public-url`, without a trailing slash. All absolute URLs are built from it. */
  readonly publicUrl: () => string;
  /** Bytes. */
  readonly maxArtifactSize: number;
  /** Seconds for which the response to a check may be cached; 0: not at all. */
  readonly checkMaxAge: number;
  /** Seconds for which checks get stale responses while the database is unavailable; 0: not at all. */
  readonly staleIfError: number;
  /** Lets a version that was live and deleted be published again with different files. For development. */
  readonly allowVersionReuse: boolean;
  /** Addresses of proxies trusted to set `X-Forwarded-For`, in CIDR notation. */
  readonly trustProxy: readonly string[];
  /** How often to poll for uploads that arrive at a remote storage. Default: `DEFAULT_POLL_SCHEDULE`. */
  readonly pollSchedule?: PollSchedule;
  /** Bytes of each part of a file of that size, with the extension `multipart`. Default: `partSizeOf`. */
  readonly partSizeOf?: (fileSize: number) => number;
  /** This program's version. */
  readonly version: string;
  /** Called when bytes are queued for removal by something other than the deletion of a release. Set by `createApp`. */
  readonly onBytesQueued?: () => void;
  /** Called when nothing may be acknowledged any more, after a failed fsync: the process has to exit. */
  readonly onDurabilityLost: (cause: Error) => void;
}

/** Lifetime of an upload URL, in milliseconds. It is verified only when its PUT begins. */
export const UPLOAD_URL_LIFE_MS = 60 * 60 * 1000;
/** Lifetime of a download URL, in milliseconds. */
export const DOWNLOAD_URL_LIFE_MS = 60 * 60 * 1000;
