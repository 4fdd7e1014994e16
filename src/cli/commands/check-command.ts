import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  type OptionsOf,
  pubkeyOption,
  serverOption,
  slugOption,
  withOutput,
  withPlatform,
} from '../options/shared-options.ts';

export type CheckOptions = OptionsOf<typeof checkCommand>;

export const checkCommand = () =>
  withExamples(
    withOutput(
      withPlatform(
        new Command('check')
          .summary('check for an update as an installed app would')
          .description('Check for an update as an installed app would, and say why there is none.')
          .optionsGroup('Check options:')
          .addOption(serverOption())
          .addOption(slugOption("the app's slug; required")),
        'how the app was installed',
      )
        .option('--current-version <version>', 'the installed version; required')
        .option('--channel <name>', 'also include releases from this channel')
        .option('--download', 'also download the update; report its size and SHA-256')
        .addOption(
          pubkeyOption("verify the download's signature with this minisign public key; needs --download"),
        ),
    ),
    [
      'synckit-ota check --server https://updates.example.com --slug my-app \\\n      --target linux --arch x86_64 --current-version 1.1.0',
      'synckit-ota check --slug my-app --target darwin --arch aarch64 \\\n      --current-version 1.1.0 --download --pubkey src-tauri/tauri.conf.json',
    ],
  );
