import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, withFiles } from '../options/shared-options.ts';

export type FsckOptions = OptionsOf<typeof fsckCommand>;

export const fsckCommand = () =>
  withExamples(
    withFiles(
      new Command('fsck')
        .summary('check a store for damaged and missing files')
        .description(
          'Check a store, also while `serve` runs: the database, and that each published file is there with its size. Nothing is changed.',
        )
        .optionsGroup('Check options:')
        .option('--hashes', 'read every file, and compare its SHA-256'),
    ),
    [
      'synckit-ota fsck --data-dir /var/lib/synckit-ota --hashes',
      'synckit-ota fsck --database postgres://ota@db/ota --storage s3://updates',
    ],
  );
