import { OtaError } from '../../errors.ts';
import { isCi, KeptTokens } from '../connection/kept-token.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readServer, readToken } from '../options/remote-options.ts';
import { askSecret, canAsk } from '../prompt/ask.ts';
import type { LoginOptions, LogoutOptions } from './login-command.ts';

export async function runLogin(options: LoginOptions, context: Context): Promise<void> {
  const { output, environment } = context;
  const errors = new OptionErrors();
  const server = readServer(options.server, errors);
  if (isCi(environment))
    errors.add('login is for people: in CI set SYNCKIT_OTA_TOKEN, or trust the workflow');
  const token = errors.isEmpty && server ? await readGivenToken(options, { server, errors }, context) : '';
  output.printable.hide(token);
  if (!errors.isEmpty || server === undefined) throw errors.toError();
  const kept = new KeptTokens(environment);
  kept.keep(server, token);
  output.result(`The token for ${server.href} is kept in ${kept.file}`);
}

/** From its file, from what is piped in, or asked for on a terminal. */
async function readGivenToken(
  { tokenFile }: LoginOptions,
  { server, errors }: { readonly server: URL; readonly errors: OptionErrors },
  context: Context,
): Promise<string> {
  if (tokenFile !== '-' || !canAsk()) return readToken({ tokenFile }, errors);
  const typed = await askSecret(`Token for ${server.href} (not shown): `, 'no token is kept', context);
  if (typed.trim() === '') errors.add('no token was given');
  return readToken({ token: typed }, errors);
}

export async function runLogout(options: LogoutOptions, { output, environment }: Context): Promise<void> {
  const errors = new OptionErrors();
  const server = readServer(options.server, errors);
  if (server === undefined) throw errors.toError();
  if (!new KeptTokens(environment).forget(server)) {
    throw new OtaError('usage', `no token is kept for ${server.href}`);
  }
  output.result(`The token for ${server.href} is forgotten here. It stays valid until it is revoked.`);
}
