import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { isScope, SCOPES, type Scope } from '../../protocol/token.ts';
import { DEFAULT_TOKEN_DAYS } from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import { appOption, type OptionsOf, parentCommand, withStore } from '../options/shared-options.ts';

export type TokensCreateOptions = OptionsOf<typeof tokensCreateCommand>;
export type TokensListOptions = OptionsOf<typeof tokensListCommand>;
export type TokensRevokeOptions = OptionsOf<typeof tokensRevokeCommand>;

export const tokensCommand = () =>
  withExamples(
    parentCommand('tokens')
      .summary('manage access tokens (run on the server)')
      .description(
        'Manage access tokens. Run this on the server: it opens the store directly, also while `serve` runs.',
      ),
    ['synckit-ota tokens create --app <id> --name ci', 'synckit-ota tokens list'],
  );

export const tokensCreateCommand = () =>
  withExamples(
    withStore(
      new Command('create')
        .summary('create a token')
        .description('Create a token and print it. It is shown only once.')
        .optionsGroup('Token options:')
        .addOption(appOption())
        .option('--name <name>', 'a name to recognise it by', 'token')
        .addOption(
          new Option('--scope <scope>', 'what it allows (repeatable; default: everything in the app)')
            .choices(SCOPES)
            .argParser(collectScope),
        )
        .option('--expires <days>', 'days until it expires, or never', String(DEFAULT_TOKEN_DAYS)),
    ),
    [
      'synckit-ota tokens create --app <id> --name ci --expires 30',
      'synckit-ota tokens create --app <id> --scope release:read --expires never',
    ],
  );

export const tokensListCommand = () =>
  withExamples(
    withStore(
      new Command('list')
        .summary('list the tokens')
        .description('List the tokens.')
        .optionsGroup('Token options:')
        .addOption(appOption("only this app's tokens")),
    ),
    ['synckit-ota tokens list', 'synckit-ota tokens list --app <id> --json'],
  );

export const tokensRevokeCommand = () =>
  withExamples(
    withStore(
      new Command('revoke')
        .argument('<id>')
        .summary('revoke a token')
        .description('Revoke a token immediately.'),
    ),
    ['synckit-ota tokens revoke <id>', 'synckit-ota tokens revoke <id> --data-dir /var/lib/synckit-ota'],
  );

function collectScope(value: string, previous: readonly Scope[] = []): Scope[] {
  if (!isScope(value)) throw new InvalidArgumentError(`Allowed choices are ${SCOPES.join(', ')}.`);
  return [...previous, value];
}
