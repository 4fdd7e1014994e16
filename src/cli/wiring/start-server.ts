import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { requireNoUnfinishedCopy } from '../../database/queries/copy-state.ts';
import { databaseId } from '../../database/queries/settings.ts';
import { refuseOtherPlace, requireStorageBinding } from '../../database/queries/storage-binding.ts';
import { urlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { createApp } from '../../server/app.ts';
import { listen } from '../../server/listen.ts';
import type { Services } from '../../server/services.ts';
import { type Traffic, watchTraffic } from '../../server/traffic.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { isRemote } from '../../storage/remote-storage.ts';
import { EXIT } from '../exit-codes.ts';
import type { S3Settings } from '../options/storage-options.ts';
import { packageVersion } from '../package-version.ts';
import { openServedDatabase } from './server-database.ts';
import { openDisk, openS3 } from './server-storage.ts';

export type ServerSettings = Pick<
  Services,
  'checkMaxAge' | 'staleIfError' | 'maxArtifactSize' | 'trustProxy' | 'allowVersionReuse'
> & {
  readonly dataDir: string;
  /** A `postgres://` URL, for what is not in the data folder's own store. */
  readonly database?: string | undefined;
  /** Where artifacts are kept, if not in the data folder. */
  readonly s3?: S3Settings | undefined;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Without a slash at the end; from host and port when undefined. */
  readonly publicUrl: string | undefined;
};

/** The server on a data folder, and perhaps a database elsewhere, answering. */
export interface StartedServer {
  /** Where it listens. */
  readonly url: string;
  readonly publicUrl: string;
  readonly database: Database;
  /** Undefined when there is nothing in it. */
  readonly dataDir: string | undefined;
  /** Answers what is under way, then lets go of the data folder. */
  stop(): Promise<void>;
}

/**
 * Starts the server on a data folder, which no other serves, and listens.
 * @param onTraffic is told what installed apps ask and fetch
 * @throws OtaError `store_unavailable`; `usage` when it cannot listen there
 */
export async function startServer(
  { dataDir, database: databaseUrl, s3, ...settings }: ServerSettings,
  logger: Logger,
  onTraffic?: (traffic: Traffic) => void,
): Promise<StartedServer> {
  process.umask(0o077); // what is created in the store is for this user only
  const usesFolder = !databaseUrl || s3 === undefined;
  const unlock = usesFolder ? await lockForServing({ dataDir }) : () => {};
  const store = { dataDir, database: databaseUrl };
  const database = await openServedDatabase(store, s3 === undefined, logger).catch((error) => {
    unlock();
    throw error;
  });
  let publicUrl = settings.publicUrl;
  const { clock } = database;
  const signingKeys = urlSigningKeys(database.queries, clock);
  const getPublicUrl = () => publicUrl ?? '';
  const disk = { dataDir, keys: signingKeys, publicUrl: getPublicUrl };
  let storage: ArtifactStorage | undefined;
  const letGo = async () => {
    if (storage && isRemote(storage)) storage.close();
    await database.close();
    unlock();
  };
  try {
    const opened = s3 ? await openS3(s3, database, logger) : await openDisk(disk, Boolean(databaseUrl));
    storage = opened.storage;
    await refuseOtherPlace(database.queries, opened.place);
    await requireNoUnfinishedCopy(database.queries);
    if (isRemote(storage)) await storage.requireOwner(await databaseId(database.queries));
    await requireStorageBinding(database.queries, opened.place); // only now: a place that is refused is not remembered
  } catch (error) {
    await letGo(); // an open database keeps the process alive
    throw databaseFailure(error) ?? error;
  }
  const app = createApp(
    {
      ...settings,
      database,
      storage,
      signingKeys,
      clock,
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
    const folder = usesFolder ? dataDir : undefined;
    return { url, publicUrl, database, dataDir: folder, stop: () => drain().then(letGo) };
  } catch (cause) {
    await app.close();
    await letGo();
    throw cannotListen(cause as NodeJS.ErrnoException, settings);
  }
}

/** The default public URL: a wildcard address is no address to ask at. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
}

function cannotListen(
  cause: NodeJS.ErrnoException,
  { host, port }: Pick<ServerSettings, 'host' | 'port'>,
): OtaError {
  const { code = '', message } = cause;
  const reasons: Record<string, string> = {
    EADDRINUSE: 'the port is in use',
    EACCES: 'this user may not use that port',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'there is no such host',
  };
  const ofPort = code === 'EADDRINUSE' || code === 'EACCES';
  return new OtaError('usage', `cannot listen on ${host} port ${port}: ${reasons[code] ?? message}`, {
    cause,
    hint: ofPort ? 'Choose another with --port; 0 picks a free one.' : 'Choose another with --host.',
  });
}

/** After a failed fsync the next ones would say that all is well: nothing may be acknowledged any more. */
function exitAfterDiskFailure(logger: Logger, cause: Error): void {
  logger.fatal({ err: cause }, 'the disk failed; stopping, because what was written last may be lost');
  process.exit(EXIT.store); // at once: no answer may leave after this
}
