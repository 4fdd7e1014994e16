import { OtaClient } from '../client/ota-client.ts';
import { Retry, type RetryNotice } from '../client/retry.ts';
import { UndiciTransport } from '../client/transport.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { formatRetry } from './format.ts';
import type { Output } from './output.ts';
import { Problems } from './problems.ts';
import type { Context } from './program.ts';
import { isLoopback, type RemoteOptions, readApp, readServer, readToken } from './settings.ts';

/** The way to a server, from the command line's options. */
export interface Remote {
  readonly client: OtaClient;
  readonly transport: UndiciTransport;
  readonly retry: Retry;
  readonly signal: AbortSignal;
}

/** Opens the way to a server without a token, as an installed app has it. */
export function connectPublicly(
  server: URL,
  { output, signal }: Context,
  onRetry?: (notice: RetryNotice) => void,
): Remote {
  return connect(server, undefined, { output, signal }, onRetry);
}

/**
 * Opens the way to a server for an app.
 * @param problems where everything that is wrong with the options goes; thrown here, together
 * @param known the project's config file, if it is read already
 */
export function connectForApp(
  options: RemoteOptions & { readonly project?: string },
  context: Context,
  problems = new Problems(),
  onRetry?: (notice: RetryNotice) => void,
  known?: ConfigFile,
): Remote & { readonly appId: string } {
  const config = known ?? problems.attempt(() => readConfigFile(options.project ?? '.')) ?? {};
  const server = readServer(options.server || config.server, problems);
  const appId = readApp(options.app || config.app, problems);
  const token = readToken(options, problems);
  problems.throwIfAny();
  return { ...connect(server as URL, token, context, onRetry), appId };
}

function connect(
  server: URL,
  token: string | undefined,
  { output, signal }: Context,
  onRetry?: (notice: RetryNotice) => void,
): Remote {
  if (token !== undefined) warnOfPlainHttp(server, output);
  const transport = new UndiciTransport();
  const retry = new Retry({
    signal,
    onRetry: onRetry ?? ((notice) => output.note(formatRetry(notice))),
  });
  return { client: new OtaClient({ server, token, transport, signal }), transport, retry, signal };
}

function warnOfPlainHttp(server: URL, output: Output): void {
  if (server.protocol === 'http:' && !isLoopback(server)) {
    output.note(`warning: the token goes to ${server.origin} unencrypted; use https`);
  }
}
