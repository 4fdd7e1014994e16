import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { isLoopback, isOnlyLocal } from '../../runtime/loopback.ts';
import type { Context } from '../context.ts';
import { DEFAULT_STALE_IF_ERROR } from '../defaults.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { readStorage, type S3Settings } from '../options/storage-options.ts';
import { createLogger } from '../output/logger.ts';
import { packageVersion } from '../package-version.ts';
import { requirePostgresUrl } from '../wiring/open-store.ts';
import { type ServerSettings, type StartedServer, startServer } from '../wiring/start-server.ts';
import { untilAborted } from '../wiring/until-aborted.ts';
import type { ServeOptions } from './serve-command.ts';

/** Longest time that caches may keep a response, in seconds: a year. */
const MAX_AGE = 31_536_000;

/** Serves until it is stopped; then finishes open requests, and returns. */
export async function runServe(options: ServeOptions, { signal, output }: Context): Promise<void> {
  const settings = readSettings(options);
  const { verbose, colors } = output;
  const level = verbose ? 'debug' : 'info';
  const logger = await createLogger({ format: options.logFormat, level, colors });
  const server = await startServer(settings, logger);
  const { url, publicUrl, dataDir } = server;
  const { location } = server.database;
  logger.info({ url, publicUrl, database: location, dataDir, version: packageVersion() }, 'listening');
  warnOfPublicUrl(logger, server, settings);

  await untilAborted(signal);
  logger.info('shutting down: finishing open requests');
  await server.stop();
  logger.info('stopped');
}

function readSettings(options: ServeOptions): ServerSettings {
  const errors = new OptionErrors();
  const { dataDir, database, host } = options;
  const staleIfError = options.staleIfError ?? String(database ? DEFAULT_STALE_IF_ERROR : 0);
  const integer = (option: string, text: string, [min, max]: readonly [number, number]) =>
    readInteger({ option, text, min, max }, errors);
  const settings = {
    dataDir,
    database,
    s3: readStorage(options, errors),
    host,
    port: integer('--port', options.port, [0, 65_535]),
    publicUrl: readPublicUrl(options.publicUrl, errors),
    checkMaxAge: integer('--check-max-age', options.checkMaxAge, [0, MAX_AGE]),
    staleIfError: integer('--stale-if-error', staleIfError, [0, MAX_AGE]),
    maxArtifactSize: integer('--max-artifact-size', options.maxArtifactSize, [1, Number.MAX_SAFE_INTEGER]),
    trustProxy: readProxyRanges(options.trustProxy, errors),
    allowVersionReuse: options.allowVersionReuse ?? false,
  };
  errors.attempt(() => requirePostgresUrl(database));
  checkOrigins(settings, errors);
  errors.throwIfAny();
  return settings;
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
  if (!s3?.endpoint || !publicUrl || !URL.canParse(s3.endpoint)) return;
  const { origin } = new URL(publicUrl);
  if (new URL(s3.endpoint).origin !== origin) return;
  errors.add(
    `--s3-endpoint and --public-url are both ${origin}: the bucket must be at another host or port, ` +
      'so that what an app sends to one is not passed on to the other',
  );
}

function isCidr(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return bits > 0 && rest.length === 0 && fits;
}

function readPublicUrl(text: string | undefined, errors: OptionErrors): string | undefined {
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    errors.add(`--public-url ${text} is not a plain http(s) URL: give it like https://updates.example.com`);
    return undefined;
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
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
        : isLoopback(new URL(address))
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
