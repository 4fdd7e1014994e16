import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { type OptionsOf, serverOption, slugOption, withOutput } from '../options/shared-options.ts';

export type MigrateOptions = OptionsOf<typeof migrateCommand>;

export const migrateCommand = () =>
  withExamples(
    withOutput(
      new Command('migrate')
        .summary('move an app with a latest.json to a server')
        .description(
          'Move an app that gets its updates from a latest.json, as tauri-action makes it: write the endpoint into tauri.conf.json, before the old one; and, once a release with it is on the server, the last latest.json for the old place, which leads installed apps over. Shows each change and asks before it.',
        )
        .optionsGroup('Project options:')
        .option('--project <dir>', 'the project', '.')
        .addOption(serverOption())
        .addOption(slugOption("the app's slug (default: from the project's endpoints or name)"))
        .option(
          '--old <url>',
          "the latest.json that installed apps read (default: the project's first endpoint that is a file)",
        )
        .option('--output <file>', 'where to write the last latest.json', 'latest.json')
        .option('--channel <name>', 'lead over to this channel (default: stable)')
        .option('--yes', 'make all changes without asking')
        .option('--dry-run', 'only show the changes'),
    ),
    [
      'synckit-ota migrate --server https://updates.example.com',
      'synckit-ota migrate --server https://updates.example.com --dry-run \\\n      --old https://github.com/me/app/releases/latest/download/latest.json',
    ],
  );
