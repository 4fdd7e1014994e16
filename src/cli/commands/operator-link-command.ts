import { Command } from '@commander-js/extra-typings';
import { DEFAULT_HOST, DEFAULT_PORT } from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, publicUrlOption, withStore } from '../options/shared-options.ts';

export type OperatorLinkOptions = OptionsOf<typeof operatorLinkCommand>;

export const operatorLinkCommand = () =>
  withExamples(
    withStore(
      new Command('operator-link')
        .summary('sign in at the page for operators (run on the server)')
        .description(
          'Print a link that signs you in at the page for operators, `/admin/`: once, within an hour, as the operator of the whole server. The link that was printed before stops working. Run this on the server: it opens the store directly, also while `serve` runs.',
        )
        .optionsGroup('Link options:')
        .addOption(
          publicUrlOption(
            `where you reach the server, as for \`serve\` (default: http://${DEFAULT_HOST}:${DEFAULT_PORT})`,
          ),
        ),
    ),
    [
      'synckit-ota operator-link --data-dir /var/lib/synckit-ota \\\n      --public-url https://updates.example.com',
    ],
  );
