import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, serverOption, withHelp } from '../options/shared-options.ts';

export type LoginOptions = OptionsOf<typeof loginCommand>;
export type LogoutOptions = OptionsOf<typeof logoutCommand>;

export const loginCommand = () =>
  withExamples(
    withHelp(
      new Command('login')
        .summary('keep a token for a server')
        .description(
          'Keep a token for a server in a file that only you can read. Commands that need one use it where SYNCKIT_OTA_TOKEN is absent, but never in CI.',
        )
        .optionsGroup('Login options:')
        .addOption(serverOption())
        .option(
          '--token-file <path>',
          'file with the token (- for stdin; on a terminal it is asked for, and not shown)',
          '-',
        )
        .optionsGroup('General options:'),
    ),
    [
      'synckit-ota login --server https://updates.example.com',
      'synckit-ota login --server https://updates.example.com < token.txt',
    ],
  );

export const logoutCommand = () =>
  withExamples(
    withHelp(
      new Command('logout')
        .summary('forget the token of a server')
        .description(
          'Forget the token that login keeps for a server. It stays valid: `tokens revoke` ends it.',
        )
        .optionsGroup('Login options:')
        .addOption(serverOption())
        .optionsGroup('General options:'),
    ),
    ['synckit-ota logout --server https://updates.example.com'],
  );
