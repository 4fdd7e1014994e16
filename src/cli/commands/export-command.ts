import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, withBucket, withRemote } from '../options/shared-options.ts';

export type ExportOptions = OptionsOf<typeof exportCommand>;

export const exportCommand = () =>
  withExamples(
    withRemote(
      withBucket(
        new Command('export')
          .argument(
            '<destination>',
            'a folder, or s3://bucket/prefix with credentials from the AWS environment; in it is a folder that is named after the slug',
          )
          .summary('write what installed apps are answered as static files')
          .description(
            'Write what the server answers each known version of an app, on each platform and channel, as static files, and the files that are offered. Any web server or bucket can then be the second endpoint of the app. Run it again to bring it up to date.',
          )
          .optionsGroup('Export options:')
          .option('--base-url <url>', 'what the destination is reached as; required')
          .option(
            '--grace <duration>',
            'how long to keep a file that is not offered any more: days, or like 12h or 2w',
            '7',
          ),
      ),
    ),
    [
      'synckit-ota export /var/www/updates \\\n      --base-url https://mirror.example.com/updates',
      'synckit-ota export s3://mirror/updates --s3-region eu-central-1 \\\n      --base-url https://mirror.example.com/updates',
      'synckit-ota export public --base-url https://mirror.example.com --grace 30',
    ],
  );
