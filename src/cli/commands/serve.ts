import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { openDatabase } from '../../database/open.ts';
import { lockForServing } from '../../database/serve-lock.ts';
import { urlSigningKeys } from '../../database/url-signing-keys.ts';
import { OtaError } from '../../errors.ts';
import { isLoopback } from '../../protocol/loopback.ts';
import { createApp } from '../../server/app.ts';
import { type Listening, listen } from '../../server/listen.ts';
import type { Services } from '../../server/services.ts';
import { DiskStorage } from '../../storage/disk-storage.ts';
import { EXIT } from '../exit-codes.ts';
import { createLogger } from '../logger.ts';
import { packageVersion } from '../package-version.ts';
import { Problems } from '../problems.ts';
import type { Context } from '../program.ts';
import { readInteger } from '../settings.ts';

interface ServeOptions {
  readonly host: string;
  readonly port: string;
  readonly dataDir: string;
  readonly publicUrl?: string;
  readonly checkMaxAge: string;
  readonly maxArtifactSize: string;
  readonly trustProxy?: readonly string[];
  readonly allowVersionReuse?: boolean;
  readonly logFormat?: 'pretty' | 'json';
}

type ServeSettings = Pick<
  Services,
  'checkMaxAge' | 'maxArtifactSize' | 'trustProxy' | 'allowVersionReuse'
> & {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
};

/** Serves until it is told to stop; then answers what is under way, and returns. */
export async function runServe(options: ServeOptions, { signal, output }: Context): Promise<void> {
  const settings = readSettings(options);
  const { verbose, plain } = output;
  const logger = await createLogger({ format: options.logFormat, verbose, plain });
  process.umask(0o077); // what is created in the store is for this user only
  const unlock = await lockForServing(options.dataDir);
  const database = await openDatabase(options.dataDir);
  let publicUrl = settings.publicUrl;
  const clock = () => new Date();
  const signingKeys = urlSigningKeys(database.queries, clock);
  const getPublicUrl = () => publicUrl ?? '';
  const storage = await DiskStorage.open({
    dataDir: options.dataDir,
    keys: signingKeys,
    publicUrl: getPublicUrl,
  });
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
  const listening = await listenOrExplain(() => listen(app, settings.host, settings.port), settings);
  publicUrl ??= reachable(listening.url);
  logger.info(
    { url: listening.url, publicUrl, dataDir: options.dataDir, version: packageVersion() },
    'listening',
  );
  warnOfPublicUrl(logger, publicUrl);

  await aborted(signal);
  logger.info('draining: no new connections, requests under way are answered');
  await listening.drain();
  await database.close();
  unlock();
  logger.info('stopped');
}

function readSettings(options: ServeOptions): ServeSettings {
  const problems = new Problems();
  const most = Number.MAX_SAFE_INTEGER;
  const settings = {
    host: options.host,
    port: readInteger('--port', options.port, { min: 0, max: 65_535 }, problems),
    publicUrl: readPublicUrl(options.publicUrl, problems),
    checkMaxAge: readInteger('--check-max-age', options.checkMaxAge, { min: 0, max: 31_536_000 }, problems),
    maxArtifactSize: readInteger(
      '--max-artifact-size',
      options.maxArtifactSize,
      { min: 1, max: most },
      problems,
    ),
    trustProxy: (options.trustProxy ?? []).flatMap((value) => value.split(',')).map((value) => value.trim()),
    allowVersionReuse: options.allowVersionReuse ?? false,
  };
  for (const cidr of settings.trustProxy.filter((value) => !isCidr(value))) {
    problems.add(`--trust-proxy ${cidr} is not an address or CIDR: give it like 10.0.0.0/8`);
  }
  problems.throwIfAny();
  return settings;
}

function isCidr(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return bits > 0 && rest.length === 0 && fits;
}

function readPublicUrl(text: string | undefined, problems: Problems): string | undefined {
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    problems.add(`--public-url ${text} is not a plain http(s) URL: give it like https://updates.example.com`);
    return undefined;
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** The default public URL: a wildcard address is no address to ask at. */
function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
}

function warnOfPublicUrl(logger: Logger, publicUrl: string): void {
  const url = new URL(publicUrl);
  if (url.protocol === 'http:' && !isLoopback(url)) {
    logger.warn(
      'the public URL is plain http: release builds of Tauri apps refuse it, and updates can be withheld',
    );
  }
}

async function listenOrExplain(
  start: () => Promise<Listening>,
  { host, port }: ServeSettings,
): Promise<Listening> {
  try {
    return await start();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EADDRINUSE: 'the port is in use',
      EACCES: 'this user may not use that port',
      EADDRNOTAVAIL: 'this machine does not have that address',
      ENOTFOUND: 'there is no such host',
    };
    throw new OtaError('usage', `cannot listen on ${host} port ${port}: ${reasons[code ?? ''] ?? message}`, {
      cause,
      hint: 'Choose another with --host and --port; port 0 picks a free one.',
    });
  }
}

/** After a failed fsync the next ones would say that all is well: nothing may be acknowledged any more. */
function exitAfterDiskFailure(logger: Logger, cause: Error): void {
  logger.fatal({ err: cause }, 'the disk failed; stopping, because what was written last may be lost');
  process.exit(EXIT.store); // at once: no answer may leave after this
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
