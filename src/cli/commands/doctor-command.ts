import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { configOption, type OptionsOf, slugOption, withRemote } from '../options/shared-options.ts';

export type DoctorOptions = OptionsOf<typeof doctorCommand>;

export const doctorCommand = () =>
  withExamples(
    withRemote(
      new Command('doctor')
        .summary('find what keeps installed apps from their updates')
        .description(
          'Find what keeps installed apps from their updates: in the configuration of a Tauri project, on the server that it asks, and in what old and new apps are answered. Each finding has an id, a cause and a fix. Changes nothing; a token is not needed, but shows more.',
        )
        .optionsGroup('Project options:')
        .option('--project <dir>', 'the Tauri project', '.')
        .addOption(configOption())
        .addOption(slugOption("the app's slug (default: the one in the project's endpoints)"))
        .option('--channel <name>', 'the channel that the app is in (default: stable)'),
    ),
    [
      'synckit-ota doctor',
      'synckit-ota doctor --json --project apps/desktop',
      'synckit-ota doctor --server https://updates.example.com --slug my-app',
    ],
  );
