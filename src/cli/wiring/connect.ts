import { GivenIdentities, RunnerIdentities } from '../../client/identity/identity-source.ts';
import { TrustedToken } from '../../client/identity/trusted-token.ts';
import { OtaClient, type OtaClientOptions } from '../../client/ota-client.ts';
import { Retry, type RetryNotice } from '../../client/retry.ts';
import type { ProxySettings } from '../../client/transport/proxy-settings.ts';
import { UndiciTransport } from '../../client/transport/transport.ts';
import { audienceOf } from '../../protocol/trust/trusted-publisher.ts';
import { exposureOfFile } from '../../runtime/exposed-file.ts';
import { isLoopback } from '../../runtime/network/loopback.ts';
import { type ConfigFile, readConfigFileInto } from '../config/config-file.ts';
import { readExtraHeaders, secretsIn } from '../connection/extra-headers.ts';
import { findIdentity, type IdentityOrigin, identityHint } from '../connection/job-identity.ts';
import { isCi, KeptTokens } from '../connection/kept-token.ts';
import { readProxies } from '../connection/proxy-environment.ts';
import type { Context } from '../context.ts';
import type { Environment } from '../environment.ts';
import { formatRetry } from '../format.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readApp, readServer, readToken, readWait } from '../options/remote-options.ts';
import type { RemoteOptions } from '../options/shared-options.ts';
import type { Output } from '../output/output.ts';

/** A connection to a server, from the command line's options. */
export interface Remote {
  readonly client: OtaClient;
  readonly transport: UndiciTransport;
  readonly retry: Retry;
  readonly signal: AbortSignal;
}

/** A connection with an app's token. */
export type AppRemote = Remote & { readonly appId: string };

export interface ConnectOptions {
  /** What is wrong with the command's other options: thrown together with what is wrong here. */
  readonly errors?: OptionErrors;
  /** The project's config file, if it was read already. */
  readonly config?: ConfigFile | undefined;
  /** By default a note. */
  readonly onRetry?: (notice: RetryNotice) => void;
}

/** Connects to a server without a token, as an installed app does. @param headers for what stands in front of it */
export function connectPublicly(
  server: URL,
  headers: Readonly<Record<string, string>>,
  context: Context,
): Remote {
  const errors = new OptionErrors();
  const proxies = readProxies(context.environment, errors);
  errors.throwIfAny();
  return connect({ server, headers, proxies }, context);
}

/**
 * Connects to a server for an app.
 * @throws OtaError `usage`, `preflight_refused`: everything that is wrong with the options
 */
export function connectForApp(
  options: RemoteOptions & { readonly project?: string },
  context: Context,
  { errors = new OptionErrors(), config: known, onRetry }: ConnectOptions = {},
): AppRemote {
  const config = known ?? readConfigFileInto(errors, options.project ?? '.');
  const { unreadable, notRead, serverFile } = config; // it may set what seems to be missing
  const server =
    unreadable && !options.server ? undefined : readServer(options.server ?? config.server, errors);
  const appId = unreadable && !options.app ? '' : readApp(options.app ?? config.app, errors);
  const credential = readCredential({ options, server }, context, errors);
  const headers = readExtraHeaders(options.header, { hasToken: true }, errors);
  const patienceMs = readWait(options.wait ?? config.wait, errors);
  const proxies = readProxies(context.environment, errors);
  if (notRead !== undefined && (server === undefined || appId === '')) errors.add(notRead);
  else if (notRead !== undefined) context.output.warning(notRead);
  if (!errors.isEmpty || server === undefined) throw errors.toError();
  warnOfExposedToken(options.tokenFile, context.output);
  if (!options.server) context.output.note(`Server: ${server.href} (named by ${serverFile})`);
  const connection = { server, credential, appId, headers, proxies, patienceMs, onRetry };
  return { ...connect(connection, context), appId };
}

/** A connection to look at a server with: with a token where one is given. */
export interface ExaminingRemote extends Remote {
  /** Undefined where none is given. */
  readonly appId: string | undefined;
  readonly credential: 'token' | 'job' | undefined;
}

export interface ExaminedPlace {
  readonly server: URL;
  /** Whether an option, the environment or the config file names it: no other server gets the token. */
  readonly isGiven: boolean;
  readonly config: ConfigFile;
}

/** Connects to a server to examine it. Nothing is tried twice, unless `--wait` says so. @throws OtaError `usage` */
export function connectToExamine(
  { server, isGiven, config }: ExaminedPlace,
  options: RemoteOptions,
  context: Context,
): ExaminingRemote {
  const errors = new OptionErrors();
  const appId = (options.app ?? config.app)?.trim() || undefined;
  const token = readToken(options, errors, context.environment.SYNCKIT_OTA_TOKEN?.trim());
  hide(token, context.output);
  const identity = findIdentity(context.environment);
  const found: Credential | undefined = token === '' ? identity : { kind: 'token', token };
  const credential = isGiven && appId !== undefined ? found : undefined;
  const headers = readExtraHeaders(options.header, { hasToken: true }, errors);
  const patienceMs = readWait(options.wait ?? config.wait ?? '0', errors);
  const proxies = readProxies(context.environment, errors);
  errors.throwIfAny();
  warnOfExposedToken(options.tokenFile, context.output);
  const connection = { server, credential, appId: appId ?? '', headers, proxies, patienceMs };
  return {
    ...connect(connection, context),
    appId,
    credential: credential && (credential.kind === 'token' ? 'token' : 'job'),
  };
}

/** A token, or what this job proves with to the server who it is. */
type Credential = { readonly kind: 'token'; readonly token: string } | IdentityOrigin;

function readCredential(
  { options, server }: { readonly options: RemoteOptions; readonly server: URL | undefined },
  { output, environment }: Context,
  errors: OptionErrors,
): Credential | undefined {
  const token = readToken(options, errors, environment.SYNCKIT_OTA_TOKEN?.trim());
  hide(token, output);
  if (token !== '' || options.tokenFile) return { kind: 'token', token };
  const identity = findIdentity(environment);
  if (identity !== undefined) return identity;
  const kept = keptToken(server, environment, errors);
  if (kept !== undefined) {
    hide(kept, output);
    return { kind: 'token', token: kept };
  }
  const hint = identityHint(environment);
  const orElse = hint
    ? `; or, with trusted publishing, ${hint}`
    : isCi(environment)
      ? ''
      : '; `synckit-ota login` keeps one';
  errors.add(`no token given: pass --token-file PATH (- for stdin) or set SYNCKIT_OTA_TOKEN${orElse}`);
  return undefined;
}

/** The one of `login`, for this very server. */
function keptToken(server: URL | undefined, environment: Environment, errors: OptionErrors) {
  if (server === undefined || isCi(environment)) return undefined;
  return errors.attempt(() => new KeptTokens(environment).find(server));
}

export function hide(secret: string, output: Output): void {
  output.printable.hide(secret);
  output.step?.mask(secret);
}

interface Connection {
  readonly server: URL;
  readonly credential?: Credential | undefined;
  readonly appId?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly patienceMs?: number | undefined;
  readonly proxies: ProxySettings;
  readonly onRetry?: ConnectOptions['onRetry'] | undefined;
}

function connect(connection: Connection, context: Context): Remote {
  const { server, credential, headers, proxies, patienceMs, onRetry } = connection;
  const { output, signal } = context;
  for (const secret of secretsIn(headers)) output.step?.mask(secret);
  if (credential !== undefined) warnOfPlainHttp(server, output);
  const transport = new UndiciTransport(proxies, { origin: server.origin, headers });
  const retry = new Retry({
    signal,
    patienceMs,
    onRetry: onRetry ?? ((notice) => output.note(formatRetry(notice))),
  });
  const token = tokenOf(connection, transport, context);
  return { client: new OtaClient({ server, token, transport, signal }), transport, retry, signal };
}

function warnOfExposedToken(file: string | undefined, output: Output): void {
  const exposure = file === undefined || file === '-' ? undefined : exposureOfFile(file);
  if (exposure !== undefined) output.warning(exposure);
}

function tokenOf(
  { server, credential, appId = '' }: Connection,
  transport: UndiciTransport,
  { output, signal }: Context,
): OtaClientOptions['token'] {
  if (credential === undefined) return undefined;
  if (credential.kind === 'token') return credential.token;
  const identities =
    credential.kind === 'runner'
      ? new RunnerIdentities(credential.address, transport, signal)
      : new GivenIdentities(credential.tokens);
  const trusted = new TrustedToken({
    client: new OtaClient({ server, transport, signal }),
    appId,
    // Of what was configured, never of what the server says: it could pass the token on to the server that it names.
    audience: audienceOf(server),
    identities,
    onSecret: (secret) => hide(secret, output),
  });
  return () => trusted.get();
}

function warnOfPlainHttp(server: URL, output: Output): void {
  if (server.protocol === 'http:' && !isLoopback(server)) {
    output.warning(`the token goes to ${server.origin} unencrypted; use https`);
  }
}
