import cluster from 'node:cluster';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { withoutEndSlashes } from '../../protocol/routes.ts';
import { isInternal, isLoopback, isOnlyLocal } from '../../runtime/network/loopback.ts';
import type { Context } from '../context.ts';
import { DEFAULT_STALE_IF_ERROR } from '../defaults.ts';
import type { Environment } from '../environment.ts';
import { readBaseUrl, readDestination } from '../export/export-destination.ts';
import type { ExportSettings } from '../export/kept-export.ts';
import type { BackupSchedule } from '../housekeeping/scheduled-backups.ts';
import { firstLink } from '../operator-page.ts';
import { readListen, readMetricsListen, readPublicUrl } from '../options/listen-option.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { DAY_MS, readDuration, readSize } from '../options/quantities.ts';
import { readInteger } from '../options/remote-options.ts';
import { readStorage, type S3Settings, type StorageOptions } from '../options/storage-options.ts';
import { createLogger } from '../output/logger.ts';
import { packageVersion } from '../package-version.ts';
import { requirePostgresUrl } from '../wiring/open-store.ts';
import { serveAsWorker } from '../wiring/serve-as-worker.ts';
import { stopOrExit, watchForShutdown } from '../wiring/shutdown.ts';
import { type ServerSettings, type StartedServer, startServer } from '../wiring/start-server.ts';
import { untilAborted } from '../wiring/until-aborted.ts';
import { startWorkers } from '../wiring/worker-group.ts';
import type { ServeOptions } from './serve-command.ts';

/** Longest time that caches may keep a response. */
const MAX_AGE_MS = 365 * DAY_MS;
const MAX_RETENTION_MS = 9999 * 365 * DAY_MS;
const MIN_BACKUP_INTERVAL_MS = 60_000;
const MAX_DATABASE_CONNECTIONS = 1000;
const MAX_WORKERS = 64;
const MAX_BACKUPS = 1000;
const MIN_CONNECTIONS = 16;
const MAX_CONNECTIONS = 1_000_000;

/** Serves until it is stopped; then finishes open requests, and returns. */
export async function runServe(options: ServeOptions, context: Context): Promise<void> {
  const { output, environment } = context;
  const settings = readSettings(options, environment);
  const { verbose, colors, printable } = output;
  const level = verbose ? 'debug' : 'info';
  const logger = await createLogger({ format: options.logFormat, level, colors, printable });
  const { signal, release } = watchForShutdown(context);
  try {
    if (cluster.isWorker) return await serveAsWorker(settings, logger, signal);
    const server =
      settings.workers > 1 ? await startWorkers(settings, logger) : await startServer(settings, logger);
    output.loseUnwritten();
    reportStart(server, settings, logger);
    if (settings.web) await reportLink(server, logger);
    const endExport = await startExport(server, settings, logger);
    await untilAborted(signal);
    logger.info('shutting down: finishing open requests');
    await endExport();
    await stopOrExit(server, logger);
    logger.info('stopped');
  } finally {
    release();
  }
}

function reportStart(server: StartedServer, settings: ServerSettings, logger: Logger): void {
  const { url, publicUrl, dataDir, metricsUrl: metrics } = server;
  const { location } = server.database;
  logger.info(
    { url, publicUrl, database: location, dataDir, metrics, version: packageVersion() },
    'listening',
  );
  warnOfPublicUrl(logger, server, settings);
  warnOfInternalEndpoint(logger, publicUrl, settings);
}

/** While there is no app, no one has a token to sign in with. Without space for it, the server serves all the same. */
async function reportLink({ database, publicUrl }: StartedServer, logger: Logger): Promise<void> {
  try {
    const link = await firstLink(database, publicUrl);
    if (link === undefined) return;
    logger.info({ link }, 'there is no app yet: this link signs you in at the page, once, within an hour');
  } catch (err) {
    logger.warn({ err }, 'no link to sign in at the page could be stored');
  }
}

/** @returns ends it */
async function startExport(
  server: StartedServer,
  { exported }: ServeSettings,
  logger: Logger,
): Promise<() => Promise<void>> {
  if (exported === undefined) return async () => {};
  const { keepExport } = await import('../export/keep-export.ts'); // large, and only servers with an export need it
  return keepExport(server, exported, logger);
}

type ServeSettings = ServerSettings & {
  readonly workers: number;
  readonly exported: ExportSettings | undefined;
};

function readSettings(options: ServeOptions, environment: Environment): ServeSettings {
  const errors = new OptionErrors();
  const { dataDir, database } = options;
  const staleIfError = options.staleIfError ?? String(database ? DEFAULT_STALE_IF_ERROR : 0);
  const integer = (option: string, text: string, [min, max]: readonly [number, number]) =>
    readInteger({ option, text, min, max }, errors);
  const seconds = (option: string, text: string) =>
    Math.round(readDuration({ option, text, min: 0, max: MAX_AGE_MS, bare: 's' }, errors) / 1000);
  const optional = (option: string, text: string | undefined) =>
    text === undefined ? undefined : integer(option, text, [MIN_CONNECTIONS, MAX_CONNECTIONS]);
  const settings = {
    dataDir,
    database,
    databaseConnections: integer('--database-connections', options.databaseConnections, [
      1,
      MAX_DATABASE_CONNECTIONS,
    ]),
    s3: readStorage(storageOf(options), errors),
    exported: readExport(options, errors),
    listen: readListen(options, environment, errors),
    metricsListen: readMetricsListen(options.metricsListen, errors),
    publicUrl: readPublicUrl(options.publicUrl, errors),
    workers: integer('--workers', options.workers, [1, MAX_WORKERS]),
    checkMaxAge: seconds('--check-max-age', options.checkMaxAge),
    staleIfError: seconds('--stale-if-error', staleIfError),
    checkCacheSize: readSize('--check-cache-size', options.checkCacheSize, errors),
    maxArtifactSize: readSize('--max-artifact-size', options.maxArtifactSize, errors),
    maxConnections: optional('--max-connections', options.maxConnections),
    maxConnectionsPerClient: optional('--max-connections-per-client', options.maxConnectionsPerClient),
    web: options.web,
    trustProxy: readProxyRanges(options.trustProxy, errors),
    allowVersionReuse: options.allowVersionReuse ?? false,
    auditRetention: readRetention(options.auditRetention, errors),
    scrubRate: options.scrubRate.trim() === '0' ? 0 : readSize('--scrub-rate', options.scrubRate, errors),
    backups: readBackups(options, errors),
    countsApps: options.stats,
  };
  errors.attempt(() => requirePostgresUrl(database));
  checkOrigins(settings, errors);
  if (!('host' in settings.listen) && settings.publicUrl === undefined) {
    errors.add('--listen needs --public-url: clients reach this server through something else');
  }
  errors.throwIfAny();
  return settings;
}

/** Reads `--audit-retention`: `forever`, `2y`, `90d`. @returns days; undefined for ever */
function readRetention(text: string, errors: OptionErrors): number | undefined {
  if (text === 'forever') return undefined;
  const range = { min: DAY_MS, max: MAX_RETENTION_MS };
  return readDuration({ option: '--audit-retention', text, ...range, or: ', or forever' }, errors) / DAY_MS;
}

function readBackups(options: ServeOptions, errors: OptionErrors): BackupSchedule | undefined {
  const { backupTo: folder, database, storage } = options;
  const every = { option: '--backup-every', text: options.backupEvery };
  const everyMs = readDuration({ ...every, min: MIN_BACKUP_INTERVAL_MS, max: 366 * DAY_MS }, errors);
  const range = { min: 1, max: MAX_BACKUPS };
  const keep = readInteger({ option: '--backup-keep', text: options.backupKeep, ...range }, errors);
  if (folder === undefined) return undefined;
  if (database || storage !== 'disk') errors.add('--backup-to needs a store on SQLite and disk');
  return { folder: resolve(folder), everyMs, keep };
}

/** The options of the bucket may be for the export alone. */
function storageOf(options: ServeOptions): StorageOptions {
  const { storage, export: destination } = options;
  return storage === 'disk' && destination?.startsWith('s3://') ? { storage } : options;
}

function readExport(options: ServeOptions, errors: OptionErrors): ExportSettings | undefined {
  const { export: text, exportBaseUrl, listen, storage } = options;
  if (text === undefined) {
    if (exportBaseUrl !== undefined) errors.add('--export-base-url needs --export');
    return undefined;
  }
  if (listen?.startsWith('unix:'))
    errors.add('--export needs a server that listens on a port, not on a socket');
  if (placeIn(text) !== '' && placeIn(text) === placeIn(storage))
    errors.add('--export and --storage are the same place in a bucket');
  const destination = readDestination({ text, option: '--export', bucket: options }, errors);
  return { destination, baseUrl: readBaseUrl('--export-base-url', exportBaseUrl, errors) };
}

function placeIn(text: string): string {
  return text.startsWith('s3://') ? withoutEndSlashes(text) : '';
}

/** Reads every `--trust-proxy`, with several addresses in one, too. */
function readProxyRanges(values: readonly string[] = [], errors: OptionErrors): string[] {
  const ranges = values.flatMap((value) => value.split(',')).map((value) => value.trim());
  for (const range of ranges.filter((value) => !isCidr(value))) {
    errors.add(`--trust-proxy ${range} is not an address or CIDR: give it like 10.0.0.0/8`);
  }
  return ranges;
}

function checkOrigins(
  { s3, publicUrl }: { readonly s3: S3Settings | undefined; readonly publicUrl: string | undefined },
  errors: OptionErrors,
): void {
  const endpoint = s3?.publicEndpoint ?? s3?.endpoint;
  if (!endpoint || !publicUrl || !URL.canParse(endpoint)) return;
  const { origin } = new URL(publicUrl);
  if (new URL(endpoint).origin !== origin) return;
  errors.add(
    `${s3?.publicEndpoint ? '--s3-public-endpoint' : '--s3-endpoint'} and --public-url are both ${origin}: the bucket must be at another host or port, ` +
      'so that what an app sends to one is not passed on to the other',
  );
}

function isCidr(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return bits > 0 && rest.length === 0 && fits;
}

/** Every URL that the server hands out starts with its public URL. */
function warnOfPublicUrl(
  logger: Logger,
  { url: address, publicUrl }: Pick<StartedServer, 'url' | 'publicUrl'>,
  { trustProxy }: Pick<ServerSettings, 'trustProxy'>,
): void {
  const url = new URL(publicUrl);
  if (isOnlyLocal(url)) {
    const reached =
      trustProxy.length > 0
        ? 'there is a proxy in front of this server (--trust-proxy)'
        : address.startsWith('unix:') || isLoopback(new URL(address))
          ? undefined
          : 'this server listens on other addresses than loopback';
    if (reached !== undefined) {
      logger.warn(
        { publicUrl },
        `the public URL is on loopback, although ${reached}: clients on other machines would download from themselves; set --public-url to the address that they reach`,
      );
    }
  } else if (url.protocol === 'http:') {
    logger.warn(
      'the public URL is plain http: release builds of Tauri apps reject it, and a network attacker could withhold updates',
    );
  }
}

/** Clients upload and download at the endpoint, which is often a name that only the server's own network knows. */
function warnOfInternalEndpoint(logger: Logger, publicUrl: string, { s3 }: Pick<ServerSettings, 's3'>): void {
  const endpoint = s3?.publicEndpoint ?? s3?.endpoint;
  if (!endpoint || !isInternal(new URL(endpoint)) || isInternal(new URL(publicUrl))) return;
  logger.warn(
    { endpoint, publicUrl },
    'clients that reach the public URL are sent to this endpoint for uploads and downloads, and cannot reach it from elsewhere; set --s3-public-endpoint to the address that they reach',
  );
}
