import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { requireNoUnfinishedCopy } from '../../database/queries/copy-state.ts';
import { databaseId } from '../../database/queries/settings.ts';
import { bindStorage, checkStorageBinding } from '../../database/queries/storage-binding.ts';
import { urlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { createApp } from '../../server/app.ts';
import { listen } from '../../server/listen.ts';
import type { Services } from '../../server/services.ts';
import { type Traffic, watchTraffic } from '../../server/traffic.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { EXIT } from '../exit-codes.ts';
import type { S3Settings } from '../options/storage-options.ts';
import { packageVersion } from '../package-version.ts';
import { openServerDatabase } from './server-database.ts';
import { openDisk, openS3 } from './server-storage.ts';

export type ServerSettings = Pick<
  Services,
  'checkMaxAge' | 'staleIfError' | 'maxArtifactSize' | 'trustProxy' | 'allowVersionReuse'
> & {
  readonly dataDir: string;
  /** A `postgres://` URL; by default SQLite in the data folder. */
  readonly database?: string | undefined;
  /** The bucket for artifacts; by default they are in the data folder. */
  readonly s3?: S3Settings | undefined;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Without a slash at the end; from host and port when undefined. */
  readonly publicUrl: string | undefined;
};

/** A running server. */
export interface StartedServer {
  /** Where it listens. */
  readonly url: string;
  readonly publicUrl: string;
  readonly database: Database;
  /** Undefined when nothing is in it. */
  readonly dataDir: string | undefined;
  /** Finishes open requests, then closes the stores. */
  stop(): Promise<void>;
}

/**
 * Opens the stores, which no other server may use with the same data folder, and listens.
 * @param onTraffic gets every check and download of installed apps
 * @throws OtaError `store_unavailable`; `usage` when it cannot listen there
 */
export async function startServer(
  settings: ServerSettings,
  logger: Logger,
  onTraffic?: (traffic: Traffic) => void,
): Promise<StartedServer> {
  process.umask(0o077); // what is created in the store is for this user only
  let { publicUrl } = settings;
  const getPublicUrl = () => publicUrl ?? '';
  const { database, storage, signingKeys, close } = await openStores(settings, getPublicUrl, logger);
  const { checkMaxAge, staleIfError, maxArtifactSize, trustProxy, allowVersionReuse } = settings;
  const app = createApp(
    {
      checkMaxAge,
      staleIfError,
      maxArtifactSize,
      trustProxy,
      allowVersionReuse,
      database,
      storage,
      signingKeys,
      clock: database.clock,
      publicUrl: getPublicUrl,
      version: packageVersion(),
      onDurabilityLost: (cause) => exitAfterDiskFailure(logger, cause),
    },
    logger,
  );
  if (onTraffic !== undefined) watchTraffic(app, onTraffic);
  try {
    const { url, drain } = await listen(app, settings.host, settings.port);
    publicUrl ??= reachable(url);
    const dataDir = usesFolder(settings) ? settings.dataDir : undefined;
    return { url, publicUrl, database, dataDir, stop: () => drain().then(close) };
  } catch (cause) {
    await app.close();
    await close();
    throw cannotListen(cause, settings);
  }
}

interface Stores {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly signingKeys: ReturnType<typeof urlSigningKeys>;
  close(): Promise<void>;
}

/** Opens the database and the artifacts' storage, and checks that they belong together. */
async function openStores(
  { dataDir, database: databaseUrl, s3 }: ServerSettings,
  getPublicUrl: () => string,
  logger: Logger,
): Promise<Stores> {
  const unlock = usesFolder({ database: databaseUrl, s3 }) ? await lockForServing({ dataDir }) : () => {};
  let database: Database | undefined;
  let storage: ArtifactStorage | undefined;
  const close = async () => {
    if (storage && isRemote(storage)) storage.close();
    await database?.close();
    unlock();
  };
  try {
    database = await openServerDatabase({ dataDir, database: databaseUrl }, s3 === undefined, logger);
    const { queries, clock } = database;
    const signingKeys = urlSigningKeys(queries, clock);
    const disk = { dataDir, keys: signingKeys, publicUrl: getPublicUrl };
    const opened = s3 ? await openS3(s3, database, logger) : await openDisk(disk, Boolean(databaseUrl));
    storage = opened.storage;
    await checkStorageBinding(queries, opened.place);
    await requireNoUnfinishedCopy(queries);
    if (isRemote(storage)) await storage.requireOwner(await databaseId(queries));
    await bindStorage(queries, opened.place); // last: a place that is refused is not remembered
    return { database, storage, signingKeys, close };
  } catch (error) {
    await close(); // an open database keeps the process alive
    throw databaseFailure(error) ?? error;
  }
}

function usesFolder({ database, s3 }: Pick<ServerSettings, 'database' | 's3'>): boolean {
  return !database || s3 === undefined;
}

/** The default public URL. A wildcard address cannot be connected to. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
}

function cannotListen(cause: unknown, { host, port }: Pick<ServerSettings, 'host' | 'port'>): OtaError {
  const code = errorCode(cause) ?? '';
  const reasons: Record<string, string> = {
    EADDRINUSE: 'the port is in use',
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'the address does not belong to this machine',
    ENOTFOUND: 'no such host',
  };
  const isPort = code === 'EADDRINUSE' || code === 'EACCES';
  return new OtaError(
    'usage',
    `cannot listen on ${host} port ${port}: ${reasons[code] ?? messageOf(cause)}`,
    {
      cause,
      hint: isPort ? 'Choose another with --port; 0 picks a free one.' : 'Choose another with --host.',
    },
  );
}

/** After a failed fsync the next one would succeed all the same, so nothing may be acknowledged any more. */
function exitAfterDiskFailure(logger: Logger, cause: Error): void {
  logger.fatal({ err: cause }, 'the disk failed; stopping, because the last writes may be lost');
  process.exit(EXIT.store); // at once: no response may leave after this
}
