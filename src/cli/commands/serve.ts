import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { isLoopback } from '../../runtime/loopback.ts';
import { DEFAULT_STALE_IF_ERROR } from '../defaults.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { readStorage, type StorageOptions } from '../options/storage-options.ts';
import { createLogger } from '../output/logger.ts';
import { packageVersion } from '../package-version.ts';
import type { Context } from '../program.ts';
import { requirePostgresUrl, type StoreOptions } from '../wiring/open-store.ts';
import { type ServerSettings, startServer } from '../wiring/start-server.ts';
import { aborted } from '../wiring/until-aborted.ts';

interface ServeOptions extends StoreOptions, StorageOptions {
  readonly host: string;
  readonly port: string;
  readonly publicUrl?: string;
  readonly checkMaxAge: string;
  readonly staleIfError?: string;
  readonly maxArtifactSize: string;
  readonly trustProxy?: readonly string[];
  readonly allowVersionReuse?: boolean;
  readonly logFormat?: 'pretty' | 'json';
}

/** Serves until it is told to stop; then answers what is under way, and returns. */
export async function runServe(options: ServeOptions, { signal, output }: Context): Promise<void> {
  const settings = readSettings(options);
  const { verbose, plain } = output;
  const level = verbose ? 'debug' : 'info';
  const logger = await createLogger({ format: options.logFormat, level, plain });
  const server = await startServer(settings, logger);
  const { url, publicUrl, dataDir } = server;
  const { location } = server.database;
  logger.info({ url, publicUrl, database: location, dataDir, version: packageVersion() }, 'listening');
  warnOfPublicUrl(logger, publicUrl);

  await aborted(signal);
  logger.info('draining: no new connections, requests under way are answered');
  await server.stop();
  logger.info('stopped');
}

function readSettings(options: ServeOptions): ServerSettings {
  const problems = new OptionErrors();
  const most = Number.MAX_SAFE_INTEGER;
  const settings = {
    dataDir: options.dataDir,
    database: options.database,
    s3: readStorage(options, problems),
    host: options.host,
    port: readInteger('--port', options.port, { min: 0, max: 65_535 }, problems),
    publicUrl: readPublicUrl(options.publicUrl, problems),
    checkMaxAge: readInteger('--check-max-age', options.checkMaxAge, { min: 0, max: 31_536_000 }, problems),
    staleIfError: readInteger(
      '--stale-if-error',
      options.staleIfError ?? String(options.database ? DEFAULT_STALE_IF_ERROR : 0),
      { min: 0, max: 31_536_000 },
      problems,
    ),
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
  problems.attempt(() => requirePostgresUrl(options.database));
  const { s3, publicUrl } = settings;
  if (
    s3?.endpoint &&
    publicUrl &&
    URL.canParse(s3.endpoint) &&
    originOf(s3.endpoint) === originOf(publicUrl)
  ) {
    problems.add(
      `--s3-endpoint and --public-url are both ${originOf(publicUrl)}: the store has to be at another host or port, ` +
        'so that what an app sends to one is not passed on to the other',
    );
  }
  problems.throwIfAny();
  return settings;
}

function originOf(url: string): string {
  return new URL(url).origin;
}

function isCidr(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return bits > 0 && rest.length === 0 && fits;
}

function readPublicUrl(text: string | undefined, problems: OptionErrors): string | undefined {
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    problems.add(`--public-url ${text} is not a plain http(s) URL: give it like https://updates.example.com`);
    return undefined;
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function warnOfPublicUrl(logger: Logger, publicUrl: string): void {
  const url = new URL(publicUrl);
  if (url.protocol === 'http:' && !isLoopback(url)) {
    logger.warn(
      'the public URL is plain http: release builds of Tauri apps refuse it, and updates can be withheld',
    );
  }
}
