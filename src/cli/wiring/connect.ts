import { OtaClient } from '../../client/ota-client.ts';
import { Retry, type RetryNotice } from '../../client/retry.ts';
import type { ProxySettings } from '../../client/transport/proxy-settings.ts';
import { UndiciTransport } from '../../client/transport/transport.ts';
import { isLoopback } from '../../runtime/loopback.ts';
import type { Context } from '../context.ts';
import { formatRetry } from '../format.ts';
import { type ConfigFile, readConfigFileInto } from '../options/config-file.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readProxies } from '../options/proxy-environment.ts';
import { readApp, readServer, readToken } from '../options/remote-options.ts';
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

/** Connects to a server without a token, as an installed app does. */
export function connectPublicly(server: URL, context: Context): Remote {
  const errors = new OptionErrors();
  const proxies = readProxies(context.environment, errors);
  errors.throwIfAny();
  return connect({ server, proxies }, context);
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
  const { unreadable } = config; // it may set what seems to be missing
  const server =
    unreadable && !options.server ? undefined : readServer(options.server ?? config.server, errors);
  const appId = unreadable && !options.app ? '' : readApp(options.app ?? config.app, errors);
  const token = readToken(options, errors);
  context.output.step?.mask(token);
  const proxies = readProxies(context.environment, errors);
  if (!errors.isEmpty || server === undefined) throw errors.toError();
  return { ...connect({ server, token, proxies, onRetry }, context), appId };
}

interface Connection {
  readonly server: URL;
  readonly token?: string;
  readonly proxies: ProxySettings;
  readonly onRetry?: ConnectOptions['onRetry'] | undefined;
}

function connect({ server, token, proxies, onRetry }: Connection, { output, signal }: Context): Remote {
  if (token !== undefined) warnOfPlainHttp(server, output);
  const transport = new UndiciTransport(proxies);
  const retry = new Retry({
    signal,
    onRetry: onRetry ?? ((notice) => output.note(formatRetry(notice))),
  });
  return { client: new OtaClient({ server, token, transport, signal }), transport, retry, signal };
}

function warnOfPlainHttp(server: URL, output: Output): void {
  if (server.protocol === 'http:' && !isLoopback(server)) {
    output.warning(`the token goes to ${server.origin} unencrypted; use https`);
  }
}
