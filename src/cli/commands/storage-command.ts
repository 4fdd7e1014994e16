import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, parentCommand, withFiles } from '../options/shared-options.ts';

export type StorageClaimOptions = OptionsOf<typeof storageClaimCommand>;

export const storageCommand = () =>
  withExamples(
    parentCommand('storage')
      .summary('take over files after a move or a restore')
      .description('Manage which database the published files belong to. Run this on the server.'),
    ['synckit-ota storage claim --data-dir /var/lib/synckit-ota'],
  );

export const storageClaimCommand = () =>
  withExamples(
    withFiles(
      new Command('claim')
        .summary('take over the files for this database')
        .description(
          'Make the files of a data folder or a bucket belong to this database, after it was moved or restored. The server or database that used them before is refused there from then on.',
        )
        .optionsGroup('Claim options:')
        .option('--yes', 'do not ask')
        .option(
          '--force',
          'also take files from a server that may still be running, without waiting to see whether one is',
        ),
    ),
    [
      'synckit-ota storage claim --database postgres://ota@db/ota \\\n      --storage s3://updates',
      'synckit-ota storage claim --data-dir /var/lib/synckit-ota --yes',
    ],
  );
