import { Command, Option } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  allowStrandingOption,
  type OptionsOf,
  pubkeyOption,
  slugOption,
  withRemote,
} from '../options/shared-options.ts';

export type ImportOptions = OptionsOf<typeof importCommand>;

export const importCommand = () =>
  withExamples(
    withRemote(
      new Command('import')
        .argument(
          '<source>',
          "a latest.json of Tauri's updater (URL or file), a folder with one and the files of its release, or with --from-app the URL of another server",
        )
        .summary('publish releases that are somewhere else')
        .description(
          'Publish releases that are somewhere else: the one of a latest.json, with its files, or all live ones of an app on another server like this. Each is checked, goes live as a whole and is verified, as by `publish`. Run it again to go on where it was interrupted.',
        )
        .optionsGroup('Source options:')
        .option('--from-app <id>', 'the id of the app on the server that the source names')
        .option('--from-token-file <path>', 'file with a token of that app which may read its releases')
        .addOption(
          new Option(
            '--from-token <token>',
            'the token; --from-token-file and the environment keep it out of process lists',
          ).env('SYNCKIT_OTA_FROM_TOKEN'),
        )
        .option(
          '--keep-files <dir>',
          'keep what is downloaded in this folder, so that an import which is run again does not download it again (default: nothing is kept)',
        )
        .optionsGroup('Release options:')
        .addOption(slugOption("the app's slug, registered if needed"))
        .option('--channel <name>', 'release channel (default: that of the source, else stable)')
        .addOption(
          pubkeyOption(
            'the minisign public key that every signature is checked against (default: those that the server knows)',
          ),
        )
        .option('--allow-prerelease', 'allow a pre-release in the stable channel')
        .option('--allow-lower', 'allow a version lower than the live one')
        .option('--allow-mismatch', 'allow files with a name or content for another platform or version')
        .addOption(allowStrandingOption())
        .option('--dry-run', 'download and check everything, and change nothing'),
    ),
    [
      'synckit-ota import \\\n      https://github.com/me/app/releases/latest/download/latest.json',
      'synckit-ota import release-files --slug my-app',
      'synckit-ota import https://old.example.com --from-app "$OLD_APP" \\\n      --from-token-file old-token',
    ],
  );
