import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  appOption,
  type OptionsOf,
  serverOption,
  slugOption,
  withOutput,
} from '../options/shared-options.ts';

export type InitOptions = OptionsOf<typeof initCommand>;

export const initCommand = () =>
  withExamples(
    withOutput(
      new Command('init')
        .summary('set a project up for publishing')
        .description(
          'Set a project up for publishing: write synckit-ota.config.json, the settings that tauri.conf.json lacks, and a workflow for GitHub Actions. Shows each change and asks before it. Files that are there already are left as they are.',
        )
        .optionsGroup('Project options:')
        .option('--project <dir>', 'the project', '.')
        .addOption(serverOption())
        .addOption(appOption("the app's id (default: set SYNCKIT_OTA_APP where you publish)"))
        .addOption(slugOption("the app's slug (default: from the project's endpoints or name)"))
        .option('--yes', 'make all changes without asking')
        .option('--dry-run', 'only show the changes'),
    ),
    [
      'synckit-ota init --server https://updates.example.com',
      'synckit-ota init --server https://updates.example.com --dry-run',
    ],
  );
