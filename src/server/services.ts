import type { Database } from '../database/database.ts';
import type { Ownership } from '../ownership/ownership.ts';
import type { Clock } from '../protocol/time.ts';
import type { DiskRoom } from '../runtime/disk-room.ts';
import type { ArtifactStorage } from '../storage/artifact-storage.ts';
import type { SigningKeys } from '../storage/signed-url.ts';
import type { RefusalLog } from './audit/refusal-log.ts';
import type { TokenUses } from './audit/token-uses.ts';
import type { Counting, CountingOptions } from './counting/counting.ts';
import type { ServerLimits } from './limits/server-limits.ts';
import type { LostFiles } from './maintenance/lost-files.ts';
import type { ComparisonPace, OfferedFiles } from './maintenance/offered-files.ts';
import type { ServerCounters } from './metrics/server-counters.ts';
import type { RequestObserver } from './metrics/watch-requests.ts';
import type { PollSchedule } from './uploads/poll-schedule.ts';

/** What handlers and background work depend on: everything outside the process, and the operator's settings. */
export interface Services {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  /** Whether the files are this database's; undefined: taken for granted. */
  readonly ownership?: Pick<Ownership, 'problem' | 'requireOwned' | 'confirm'> | undefined;
  /** The disk of the data folder; undefined where there is none. */
  readonly room?: DiskRoom | undefined;
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
  /** Bytes of memory for the offers that checks are answered with. Default: `DEFAULT_CHECK_CACHE_BYTES`. */
  readonly checkCacheSize?: number | undefined;
  /** Lets a version that was live and deleted be published again with different files. For development. */
  readonly allowVersionReuse: boolean;
  /** Days for which entries of the audit log are kept; for ever when left out. */
  readonly auditRetention?: number | undefined;
  /** Addresses of proxies trusted to set `X-Forwarded-For`, in CIDR notation. */
  readonly trustProxy: readonly string[];
  /** How often to poll for uploads that arrive at a remote storage. Default: `DEFAULT_POLL_SCHEDULE`. */
  readonly pollSchedule?: PollSchedule;
  /** Bytes of each part of a file of that size, with the extension `multipart`. Default: `partSizeOf`. */
  readonly partSizeOf?: (fileSize: number) => number;
  /** What clients may take at once. Default: `DEFAULT_LIMITS`. */
  readonly limits?: ServerLimits;
  /** Whether there are pages for people beside the API. Default: no. */
  readonly web?: boolean | undefined;
  /** Where the built page for operators is; undefined: there is none. */
  readonly webFolder?: string | undefined;
  /** This program's version. */
  readonly version: string;
  /** Called when bytes are queued for removal by something other than the deletion of a release. Set by `createApp`. */
  readonly onBytesQueued?: () => void;
  /** Compares records with the storage. Set by `createApp`. */
  readonly lostFiles?: LostFiles;
  /** Records what was refused. Set by `createApp`. */
  readonly refusals?: RefusalLog;
  /** Records when tokens were used last. Set by `createApp`. */
  readonly tokenUses?: TokenUses;
  /** How installed apps are counted. Default: as if no other process counted on the store. */
  readonly counts?: CountingOptions | 'none' | undefined;
  /** Counts them. Set by `createApp`. */
  readonly counting?: Counting | undefined;
  /** What this process has done. Default: its own, which no one asks for. */
  readonly counters?: ServerCounters;
  /** Gets every request that the framework has answered: its route, status and seconds. */
  readonly onAnswered?: RequestObserver['observe'] | undefined;
  /** How long a response of a webhook is waited for, in milliseconds. Default: 15 s. */
  readonly webhookTimeoutMs?: number | undefined;
  /** Compares files that are offered while they are. Set by `createApp`. */
  readonly offeredFiles?: OfferedFiles;
  /** How often. Default: `paceOf`. */
  readonly comparisonPace?: ComparisonPace;
  /** How long a request for a feed waits for digests, in milliseconds. For tests. */
  readonly digestWaitMs?: number | undefined;
  /** Called when nothing may be acknowledged any more, after a failed fsync: the process has to exit. */
  readonly onDurabilityLost: (cause: Error) => void;
}

/** Does what has to work on a full disk, too: it frees space, or stops an offer. */
export function onFullDisk<T>({ room }: Pick<Services, 'room'>, work: () => Promise<T>): Promise<T> {
  return room === undefined ? work() : room.lend(work);
}

/** Lifetime of an upload URL, in milliseconds. It is verified only when its PUT begins. */
export const UPLOAD_URL_LIFE_MS = 60 * 60 * 1000;
/** Lifetime of a download URL, in milliseconds. */
export const DOWNLOAD_URL_LIFE_MS = 60 * 60 * 1000;
