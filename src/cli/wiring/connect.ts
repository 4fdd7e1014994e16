import { OtaClient } from '../../client/ota-client.ts';
import { Retry, type RetryNotice } from '../../client/retry.ts';
import type { ProxySettings } from '../../client/transport/proxy-settings.ts';
import { UndiciTransport } from '../../client/transport/transport.ts';
import { isLoopback } from '../../runtime/loopback.ts';
import { formatRetry } from '../format.ts';
import { type ConfigFile, readConfigFile } from '../options/config-file.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readProxies } from '../options/proxy-environment.ts';
import { type RemoteOptions, readApp, readServer, readToken } from '../options/remote-options.ts';
import type { Output } from '../output/output.ts';
import type { Context } from '../program.ts';

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
  context: Context,
  onRetry?: (notice: RetryNotice) => void,
): Remote {
  const problems = new OptionErrors();
  const proxies = readProxies(context.environment, problems);
  problems.throwIfAny();
  return connect({ server, proxies }, context, onRetry);
}

/**
 * Opens the way to a server for an app.
 * @param problems where everything that is wrong with the options goes; thrown here, together
 * @param known the project's config file, if it is read already
 */
export function connectForApp(
  options: RemoteOptions & { readonly project?: string },
  context: Context,
  problems = new OptionErrors(),
  onRetry?: (notice: RetryNotice) => void,
  known?: ConfigFile,
): Remote & { readonly appId: string } {
  const config = known ?? problems.attempt(() => readConfigFile(options.project ?? '.')) ?? {};
  const server = readServer(options.server || config.server, problems);
  const appId = readApp(options.app || config.app, problems);
  const token = readToken(options, problems);
  context.output.step?.mask(token);
  const proxies = readProxies(context.environment, problems);
  problems.throwIfAny();
  return { ...connect({ server: server as URL, token, proxies }, context, onRetry), appId };
}

function connect(
  { server, token, proxies }: { server: URL; token?: string; proxies: ProxySettings },
  { output, signal }: Context,
  onRetry?: (notice: RetryNotice) => void,
): Remote {
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
