import { Command, Option } from '@commander-js/extra-typings';
import { FAULTS } from '../dev/fault-name.ts';
import { withExamples } from '../options/help-format.ts';
import { configOption, type OptionsOf, versionOption, withOutput } from '../options/shared-options.ts';

export type DevOptions = OptionsOf<typeof devCommand>;

export const devCommand = () =>
  withExamples(
    withOutput(
      new Command('dev')
        .summary('try an update on this machine')
        .description(
          'Try an update on this machine: serve the last build of a Tauri project as the next version, from a temporary server with a temporary key, and show every check and download.',
        )
        .optionsGroup('Project options:')
        .option('--project <dir>', 'the Tauri project (default: here, or a built-in sample if there is none)')
        .addOption(configOption())
        .option('--sample', 'use the built-in sample even in a Tauri project')
        .addOption(versionOption('offer the build as this version (default: the next patch version)'))
        .optionsGroup('Server options:')
        .addOption(new Option('--port <port>', 'port to listen on').default('0', 'a free one'))
        .option(
          '--fault <name>',
          `make something go wrong, to see how the app takes it: ${Object.entries(FAULTS)
            .map(([name, effect]) => `${name} (${effect})`)
            .join('; ')}`,
        )
        .option('--overlay <file>', 'where to write the temporary Tauri config (default: a temporary file)'),
    ),
    [
      'synckit-ota dev',
      'synckit-ota dev --project apps/desktop --version 2.0.0',
      'synckit-ota dev --fault cut=80',
      'synckit-ota dev --sample',
    ],
  );
