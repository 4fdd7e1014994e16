import { Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_TOKEN_DAYS } from '../defaults.ts';
import { limiting } from '../options/given-options.ts';
import { withExamples } from '../options/help-format.ts';
import { presetOption, scopeOption } from '../options/scope-option.ts';
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
    ['synckit-ota tokens create --app my-app --name ci', 'synckit-ota tokens list'],
  );

export const tokensCreateCommand = () =>
  withExamples(
    withStore(
      new Command('create')
        .summary('create a token')
        .description(
          'Create a token and print it. It is shown only once. By default it can publish, but neither withdraw, change ' +
            'or delete what is live, nor change the slug.',
        )
        .optionsGroup('Token options:')
        .addOption(appOption('the app, by its id, slug or name; required'))
        .option('--name <name>', 'a name to recognise it by', 'token')
        .addOption(scopeOption('it'))
        .addOption(presetOption())
        .option(
          '--expires <duration>',
          'how long it is valid: days, or like 12h or 1y; or never',
          String(DEFAULT_TOKEN_DAYS),
        ),
    ),
    [
      'synckit-ota tokens create --app my-app --name ci --expires 30',
      'synckit-ota tokens create --app my-app --name ada --for approve',
      'synckit-ota tokens create --app my-app --scope release:read --expires never',
    ],
  );

export const tokensListCommand = () =>
  withExamples(
    withStore(
      new Command('list')
        .summary('list the tokens')
        .description('List the tokens.')
        .optionsGroup('Token options:')
        .addOption(appOption("only this app's tokens: its id, slug or name")),
    ),
    ['synckit-ota tokens list', 'synckit-ota tokens list --app my-app --json'],
  );

export const tokensRevokeCommand = () =>
  withExamples(
    withStore(
      new Command('revoke')
        .argument('[token]', "the token's id or name")
        .summary('revoke a token, or all of them')
        .description(
          'Revoke a token immediately, and what it was granted: upload URLs, and drafts that would go live by themselves.',
        )
        .optionsGroup('Token options:')
        .option('--all', 'all tokens of all apps')
        .addOption(
          limiting(new Option('--app <app>', "with --all: only this app's tokens; its id, slug or name")),
        ),
    ),
    [
      'synckit-ota tokens revoke ci --data-dir /var/lib/synckit-ota',
      'synckit-ota tokens revoke --all --app my-app',
    ],
  );
