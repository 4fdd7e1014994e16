import { Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_COPY_CONCURRENCY } from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, withOutput, withS3 } from '../options/shared-options.ts';

export type CopyOptions = OptionsOf<typeof copyCommand>;

export const copyCommand = () =>
  withExamples(
    withOutput(
      withS3(
        new Command('copy')
          .summary('migrate a store to PostgreSQL and S3')
          .description(
            'Migrate a stopped SQLite and disk store to PostgreSQL and S3. Every file is verified by its hash. Safe to run again: it continues where it stopped.',
          )
          .optionsGroup('Source options:')
          .option('--from-data-dir <dir>', "the server's data folder, which is not changed; required")
          .option('--dry-run', 'show what would be copied, without connecting')
          .option(
            '--concurrency <n>',
            'how many small files are copied at once; of large ones, three',
            String(DEFAULT_COPY_CONCURRENCY),
          )
          .optionsGroup('Target options:')
          .addOption(
            new Option(
              '--to-database <url>',
              'a postgres:// URL without apps in it yet; set the variable to keep its password out of process lists; required',
            ).env('SYNCKIT_OTA_DATABASE'),
          )
          .option(
            '--to-storage <where>',
            's3://bucket/prefix, with credentials from the AWS environment; required',
          ),
      ),
    ),
    [
      'synckit-ota copy --from-data-dir /var/lib/synckit-ota \\\n      --to-database postgres://ota@db/ota --to-storage s3://updates --dry-run',
      'synckit-ota copy --from-data-dir /var/lib/synckit-ota \\\n      --to-database postgres://ota@db/ota --to-storage s3://updates',
    ],
  );
