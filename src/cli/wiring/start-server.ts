import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Database, QueryObserver } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { requireNoUnfinishedCopy } from '../../database/queries/copy-state.ts';
import { releaseAllLeases } from '../../database/queries/pending-uploads.ts';
import { bindStorage, checkStorageBinding } from '../../database/queries/storage-binding.ts';
import { requireStoredNames } from '../../database/queries/stored-names.ts';
import { urlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { DATABASE_FILE, requireMerged } from '../../database/sqlite/open-sqlite.ts';
import { lockAsWorker, lockForServing } from '../../database/sqlite/serve-lock.ts';
import { requireSoundAfterCrash } from '../../database/sqlite/threads/check-integrity.ts';
import { OtaError } from '../../errors.ts';
import { Ownership, type OwnershipOptions } from '../../ownership/ownership.ts';
import { DiskRoom } from '../../runtime/disk-room.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { createApp } from '../../server/app.ts';
import { openFilesLimit } from '../../server/limits/open-files.ts';
import {
  connectionsFor,
  DEFAULT_MAX_CONNECTIONS,
  limitsFor,
  type ServerLimits,
  shareOf,
} from '../../server/limits/server-limits.ts';
import { type ListenAddress, listen } from '../../server/listen.ts';
import { countedStorage } from '../../server/metrics/counted-storage.ts';
import { Metrics } from '../../server/metrics/metrics.ts';
import {
  type MetricsAddress,
  type MetricsServer,
  startMetricsServer,
} from '../../server/metrics/metrics-server.ts';
import type { Services } from '../../server/services.ts';
import type { Traffic } from '../../server/traffic.ts';
import { receiveConnections } from '../../server/workers/receive-connections.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { WorkerTurns } from '../../storage/disk/worker-part-turns.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { EXIT } from '../exit-codes.ts';
import { type HousekeepingSettings, startHousekeeping } from '../housekeeping/store-housekeeping.ts';
import { webFolder } from '../operator-page.ts';
import type { S3Settings } from '../options/storage-options.ts';
import { packageVersion } from '../package-version.ts';
import { cannotListen, removeUnusedSocket } from './listen-address.ts';
import { exposuresOfStore } from './open-store.ts';
import { openServerDatabase } from './server-database.ts';
import { describeFolder, lockFiles, openDisk, openS3 } from './server-storage.ts';
import { describeLinkedDatabase, requireNoBackup } from './sound-store.ts';

export type ServerSettings = Pick<
  Services,
  | 'checkMaxAge'
  | 'staleIfError'
  | 'checkCacheSize'
  | 'maxArtifactSize'
  | 'trustProxy'
  | 'allowVersionReuse'
  | 'auditRetention'
  | 'web'
> &
  HousekeepingSettings & {
    /** A `postgres://` URL; by default SQLite in the data folder. */
    readonly database?: string | undefined;
    readonly databaseConnections?: number;
    /** The bucket for artifacts; by default they are in the data folder. */
    readonly s3?: S3Settings | undefined;
    readonly listen: ListenAddress;
    /** By default as many as there are descriptors for, up to `DEFAULT_MAX_CONNECTIONS`. */
    readonly maxConnections?: number | undefined;
    readonly maxConnectionsPerClient?: number | undefined;
    /** How many processes serve, which share the limits. Default: 1. */
    readonly workers?: number;
    /** Where Prometheus asks for metrics; undefined: nowhere. */
    readonly metricsListen?: MetricsAddress | undefined;
    /** Whether installed apps are counted. Default: true. */
    readonly countsApps?: boolean;
    /** Without a slash at the end; from host and port when undefined. */
    readonly publicUrl: string | undefined;
  };

export interface StartOptions {
  /** Gets every check and download of installed apps. */
  readonly onTraffic?: (traffic: Traffic) => void;
  /** Another process of this server has locked and checked the stores (`startWorkers`). */
  readonly isWorker?: boolean;
}

/** A running server. */
export interface StartedServer {
  /** Where it listens. */
  readonly url: string;
  readonly publicUrl: string;
  readonly database: Database;
  /** Undefined when nothing is in it. */
  readonly dataDir: string | undefined;
  /** Where metrics are; undefined where they are nowhere. */
  readonly metricsUrl?: string | undefined;
  /** Of this process. */
  readonly metrics?: Metrics | undefined;
  /** Finishes open requests, then closes the stores. */
  stop(): Promise<void>;
}

/**
 * Opens the stores, which no other server may use with the same data folder, and listens.
 * @throws OtaError `store_unavailable`; `usage` when it cannot listen there
 */
export async function startServer(
  settings: ServerSettings,
  logger: Logger,
  { onTraffic, isWorker = false }: StartOptions = {},
): Promise<StartedServer> {
  process.umask(0o077); // what is created in the store is for this user only
  let { publicUrl } = settings;
  const getPublicUrl = () => publicUrl ?? '';
  const metrics = settings.metricsListen && (await Metrics.load());
  const stores = await openStores(settings, {
    ...{ getPublicUrl, logger, isWorker, onQuery: metrics?.observeQuery },
  });
  const { database, ownership, room, signingKeys, close } = stores;
  const storage = watchedStorage(stores.storage, metrics);
  metrics?.watchStore({ database, storage: stores.storage, room, version: packageVersion() });
  const { checkMaxAge, staleIfError, checkCacheSize, maxArtifactSize, trustProxy, allowVersionReuse } =
    settings;
  const { auditRetention, web, countsApps = true } = settings;
  const app = createApp(
    {
      checkMaxAge,
      staleIfError,
      checkCacheSize,
      maxArtifactSize,
      trustProxy,
      allowVersionReuse,
      auditRetention,
      counts: countsApps ? { isAlone: !settings.database && !isWorker } : 'none',
      web,
      webFolder: web ? webFolder() : undefined,
      limits: limitsOf(settings, logger),
      database,
      storage,
      ownership,
      room,
      signingKeys,
      clock: database.clock,
      publicUrl: getPublicUrl,
      version: packageVersion(),
      ...(metrics && { counters: metrics.counters, onAnswered: metrics.observeRequest }),
      onDurabilityLost: (cause) => exitAfterDiskFailure(logger, cause),
    },
    logger,
    onTraffic,
  );
  try {
    if (!isWorker) await removeUnusedSocket(settings.listen);
    const { url, drain } = isWorker ? await receiveConnections(app) : await listen(app, settings.listen);
    publicUrl ??= reachable(url);
    const scrape = isWorker ? undefined : metrics && (() => metrics.text());
    const asked = scrape && (await listenForMetrics(settings, scrape));
    const stop = async () => {
      await asked?.stop();
      await drain().then(close);
    };
    return { ...toStartedServer(settings, { url, database, stop }), metricsUrl: asked?.url, metrics };
  } catch (cause) {
    await app.close();
    await close();
    throw cannotListen(cause, settings.listen);
  }
}

/** Counts what the storage cannot do. */
function watchedStorage(storage: ArtifactStorage, metrics: Metrics | undefined): ArtifactStorage {
  if (metrics === undefined) return storage;
  return countedStorage(storage, () => {
    metrics.counters.storageErrors += 1;
  });
}

/** @throws OtaError `usage` when it cannot listen there */
export async function listenForMetrics(
  { metricsListen }: ServerSettings,
  scrape: () => Promise<string>,
): Promise<MetricsServer | undefined> {
  if (metricsListen === undefined) return undefined;
  const { host, port } = metricsListen;
  return startMetricsServer(metricsListen, scrape).catch((cause) => {
    throw new OtaError('usage', `cannot listen for metrics on ${host}:${port}: ${messageOf(cause)}`, {
      hint: 'Choose another address for --metrics-listen.',
      cause,
    });
  });
}

/** Those of this process. */
function limitsOf(
  { maxConnections, maxConnectionsPerClient, workers = 1 }: ServerSettings,
  logger: Logger,
): ServerLimits {
  const descriptors = openFilesLimit();
  const possible = connectionsFor(descriptors) * workers; // each worker has as many descriptors
  if (maxConnections !== undefined && maxConnections > possible) {
    logger.warn(
      { maxConnections, openFiles: descriptors },
      `the limit on open files suffices for about ${possible} connections: raise it (LimitNOFILE of systemd, ulimit -n)`,
    );
  }
  const connections = maxConnections ?? Math.min(DEFAULT_MAX_CONNECTIONS, possible);
  return shareOf(limitsFor(connections, maxConnectionsPerClient), workers);
}

/** What is known once a server listens. */
export function toStartedServer(
  settings: ServerSettings,
  { url, database, stop }: Pick<StartedServer, 'url' | 'database' | 'stop'>,
): StartedServer {
  const publicUrl = settings.publicUrl ?? reachable(url);
  return { url, publicUrl, database, dataDir: usesFolder(settings) ? settings.dataDir : undefined, stop };
}

export interface StoresOptions {
  readonly getPublicUrl: () => string;
  readonly logger: Logger;
  /** Opens what another process of this server has locked and checked. */
  readonly isWorker?: boolean;
  readonly onQuery?: QueryObserver | undefined;
}

export interface Stores {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly ownership: Ownership;
  readonly room: DiskRoom | undefined;
  readonly signingKeys: ReturnType<typeof urlSigningKeys>;
  close(): Promise<void>;
}

/** Opens the database and the artifacts' storage, and checks that they belong together. */
export async function openStores(
  settings: ServerSettings,
  { getPublicUrl, logger, isWorker = false, onQuery }: StoresOptions,
): Promise<Stores> {
  const { dataDir, database: databaseUrl, databaseConnections, s3 } = settings;
  const lock = isWorker ? lockAsWorker : lockForServing;
  const locks = usesFolder({ database: databaseUrl, s3 });
  const room = locks ? new DiskRoom(dataDir) : undefined;
  if (!isWorker) room?.makeRoom();
  if (locks && !isWorker) await requireNoBackup(dataDir);
  const unlock = locks ? await lock({ dataDir }) : () => {};
  const linked = databaseUrl || isWorker ? undefined : describeLinkedDatabase(dataDir);
  if (linked !== undefined) logger.warn(linked);
  if (locks && !isWorker) for (const exposure of exposuresOfStore(dataDir)) logger.warn(exposure);
  let database: Database | undefined;
  let storage: ArtifactStorage | undefined;
  let ownership: Ownership | undefined;
  let endHousekeeping = async () => {};
  let unlockFiles = () => {};
  const close = async () => {
    room?.close();
    if (!isWorker) room?.makeRoom();
    await ownership?.stop();
    if (storage && isRemote(storage)) storage.close();
    try {
      await endHousekeeping();
    } finally {
      await database?.close();
    }
    const wasFull = room?.isFull ?? false; // then the -wal stays, and the next start reads it
    if (database && !databaseUrl && !isWorker && !wasFull) await requireMerged(database.location);
    unlockFiles();
    unlock();
  };
  try {
    if (!databaseUrl && !isWorker) await requireSoundAfterCrash(join(dataDir, DATABASE_FILE));
    const where = { dataDir, database: databaseUrl, databaseConnections, onQuery };
    database = await openServerDatabase(where, s3 === undefined && !isWorker, logger);
    const { queries, clock } = database;
    if (!isWorker) await requireStoredNames(queries);
    const signingKeys = urlSigningKeys(queries, clock);
    const turns = isWorker && s3 === undefined ? new WorkerTurns() : undefined;
    const disk = { dataDir, keys: signingKeys, publicUrl: getPublicUrl, turns };
    const opened = s3
      ? await openS3(s3, { clock, logger, isChecked: isWorker })
      : await openDisk(disk, Boolean(databaseUrl));
    storage = opened.storage;
    if (!isWorker) {
      if (s3 === undefined) unlockFiles = await lockFiles(dataDir);
      await checkStorageBinding(queries, opened.place);
      await requireNoUnfinishedCopy(queries);
    }
    const location = s3 ? opened.place : describeFolder(dataDir);
    ownership = await openOwnership({ database, storage, location, watches: isWorker }, logger);
    if (!isWorker) await bindStorage(queries, opened.place); // last: a place that is refused is not remembered
    // Nothing but this server finalizes uploads to its disk: whatever held a lease has ended.
    if (!isWorker && s3 === undefined) await releaseAllLeases(queries);
    ownership.start();
    if (!isWorker) {
      room?.fill();
      const onDurabilityLost = (cause: Error) => exitAfterDiskFailure(logger, cause);
      const stores = { database, storage, isSqlite: !databaseUrl };
      endHousekeeping = await startHousekeeping(settings, { ...stores, logger, onDurabilityLost });
    }
    return { database, storage, ownership, room, signingKeys, close };
  } catch (error) {
    await close().catch(() => {}); // an open database keeps the process alive
    throw databaseFailure(error) ?? error;
  }
}

async function openOwnership(place: OwnershipOptions, logger: Logger): Promise<Ownership> {
  const ownership = await Ownership.open({
    ...place,
    onChange: (err) => {
      if (err === undefined) logger.info('the files are this database’s; uploads and deletions are possible');
      else logger.error({ err }, 'the files are not this database’s: no uploads, deletions and maintenance');
    },
  });
  if (ownership.problem) logger.warn({ err: ownership.problem }, 'no uploads, deletions and maintenance yet');
  return ownership;
}

function usesFolder({ database, s3 }: Pick<ServerSettings, 'database' | 's3'>): boolean {
  return !database || s3 === undefined;
}

/** The default public URL. A wildcard address cannot be connected to. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
}

/** After a failed fsync the next one would succeed all the same, so nothing may be acknowledged any more. */
function exitAfterDiskFailure(logger: Logger, cause: Error): void {
  logger.fatal({ err: cause }, 'the disk failed; stopping, because the last writes may be lost');
  process.exit(EXIT.store); // at once: no response may leave after this
}
