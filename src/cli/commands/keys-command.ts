import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, parentCommand, withStore } from '../options/shared-options.ts';

export type KeysRotateOptions = OptionsOf<typeof keysRotateCommand>;

export const keysCommand = () =>
  withExamples(
    parentCommand('keys')
      .summary('manage the secrets that sign URLs (run on the server)')
      .description(
        'Manage the secrets that upload and download URLs are signed with. Run this on the server: it opens the store directly, also while `serve` runs.',
      ),
    ['synckit-ota keys rotate --data-dir /var/lib/synckit-ota'],
  );

export const keysRotateCommand = () =>
  withExamples(
    withStore(
      new Command('rotate')
        .summary('sign URLs with a new secret')
        .description(
          'Sign upload and download URLs with a new secret from now on. URLs that were issued before stay valid until they expire, within an hour. `serve` also rotates by itself, every 30 days.',
        )
        .optionsGroup('Key options:')
        .option(
          '--no-grace',
          'end all issued URLs at once: uploads and downloads that have not started yet have to ask for another one',
        ),
    ),
    [
      'synckit-ota keys rotate --data-dir /var/lib/synckit-ota',
      'synckit-ota keys rotate --no-grace --data-dir /var/lib/synckit-ota',
    ],
  );
