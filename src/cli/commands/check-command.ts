import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  appOption,
  headerOption,
  manifestPubkeyOption,
  type OptionsOf,
  pubkeyOption,
  serverOption,
  slugOption,
  tokenFileOption,
  tokenOption,
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
          .addOption(headerOption())
          .addOption(slugOption("the app's slug; required"))
          .option('--project <dir>', 'the project that the settings left out are read from', '.'),
        'how the app was installed',
      )
        .option(
          '--current-version <version>',
          "the installed version; required (default: the Tauri project's)",
        )
        .option('--channel <name>', 'also include releases from this channel')
        .option('--cohort <number>', 'ask as an app of this cohort, 0 to 99 (default: none)')
        .option('--manual', 'ask as a user does who looks for an update: past a rollout, not past a pause')
        .option('--downgrade', 'ask as an app that takes lower versions')
        .option(
          '--explain',
          'say which rule decided about each release; needs a token that may read releases',
        )
        .option('--download', 'also download the update; report its size and SHA-256')
        .addOption(
          pubkeyOption("verify the download's signature with this minisign public key; needs --download"),
        )
        .option('--require-pubkey', 'fail without --pubkey, also where its value is empty')
        .addOption(manifestPubkeyOption())
        .option('--require-manifest', 'fail if the release has no manifest that is signed with the key')
        .option('--require-signed-version', 'fail if the signature is not bound to the version')
        .optionsGroup('Options of --explain:')
        .addOption(appOption("the app's id; required"))
        .addOption(
          tokenFileOption('file with the token (- for stdin); this or SYNCKIT_OTA_TOKEN is required'),
        )
        .addOption(tokenOption()),
    ),
    [
      'synckit-ota check --server https://updates.example.com --slug my-app \\\n      --target linux --arch x86_64 --current-version 1.1.0',
      'synckit-ota check --slug my-app --target darwin --arch aarch64 \\\n      --current-version 1.1.0 --download --pubkey src-tauri/tauri.conf.json',
      'synckit-ota check --slug my-app --target linux --arch x86_64 \\\n      --current-version 1.1.0 --explain --app <id> --token-file token',
    ],
  );
