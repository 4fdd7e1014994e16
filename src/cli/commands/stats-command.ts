import { Command, Option } from '@commander-js/extra-typings';
import { LOG_FORMATS } from '../access-logs/log-line.ts';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, parentCommand, withStore } from '../options/shared-options.ts';

export type StatsImportOptions = OptionsOf<typeof statsImportCommand>;

export const statsCommand = () =>
  withExamples(
    parentCommand('stats')
      .summary('count what a CDN has answered')
      .description(
        'Add to the counts of installed apps. `releases stats` shows them. Run this on the server.',
      ),
    ['synckit-ota stats import access.log --data-dir /var/lib/synckit-ota'],
  );

export const statsImportCommand = () =>
  withExamples(
    withStore(
      new Command('import')
        .argument('<files...>', 'access logs, also compressed with gzip (.gz)')
        .summary('count the update checks and downloads in access logs')
        .description(
          'Count the update checks and downloads in the access logs of a CDN or proxy: in the combined format, as Cloudflare’s Logpush (JSON), as CloudFront’s standard logs, or as Caddy’s own (JSON). Addresses are not stored. Import the logs of a month at once, so that no client counts twice in it.',
        )
        .optionsGroup('Import options:')
        .addOption(
          new Option('--format <format>', 'of all files (default: found by their lines)').choices(
            LOG_FORMATS,
          ),
        ),
    ),
    [
      'synckit-ota stats import access.log access.log.1.gz \\\n      --data-dir /var/lib/synckit-ota',
      'synckit-ota stats import E2EXAMPLE.*.gz --format cloudfront --json',
    ],
  );
