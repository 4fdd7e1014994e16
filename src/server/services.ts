import type { Database } from '../database/database.ts';
import type { Clock } from '../protocol/time.ts';
import type { ArtifactStorage } from '../storage/artifact-storage.ts';
import type { SigningKeys } from '../storage/signed-url.ts';
import type { PollSchedule } from './uploads/poll-schedule.ts';

/** What the handlers work with: everything outside the process, and the operator's decisions. */
export interface Services {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly signingKeys: SigningKeys;
  readonly clock: Clock;
  /** What `--public-url` says, without a slash at the end. Absolute URLs are made from this only. */
  readonly publicUrl: () => string;
  /** Bytes. */
  readonly maxArtifactSize: number;
  /** Seconds a check's answer may be cached; 0: not at all. */
  readonly checkMaxAge: number;
  /** Seconds for which a check is answered with what was last known while the database is away; 0: not at all. */
  readonly staleIfError: number;
  /** Lets a version that was live and deleted come back with other bytes. For a desk. */
  readonly allowVersionReuse: boolean;
  /** Addresses of proxies whose `X-Forwarded-For` is believed, in CIDR notation. */
  readonly trustProxy: readonly string[];
  /** How long until uploads that arrive elsewhere are looked for. */
  readonly lookWaits?: PollSchedule;
  /** This program's version. */
  readonly version: string;
  /** Called when nothing may be acknowledged any more (a failed fsync): the process has to end. */
  readonly onDurabilityLost: (cause: Error) => void;
}

/** How long an upload URL lives, in milliseconds. It is only looked at when its PUT begins. */
export const UPLOAD_URL_LIFE_MS = 60 * 60 * 1000;
/** How long a download URL lives, in milliseconds. */
export const DOWNLOAD_URL_LIFE_MS = 60 * 60 * 1000;
