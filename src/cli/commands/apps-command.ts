import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  type OptionsOf,
  parentCommand,
  pubkeyOption,
  slugOption,
  withStore,
} from '../options/shared-options.ts';

export type AppsCreateOptions = OptionsOf<typeof appsCreateCommand>;
export type AppsSetKeyOptions = OptionsOf<typeof appsSetKeyCommand>;
export type AppsListOptions = OptionsOf<typeof appsListCommand>;

export const appsCommand = () =>
  withExamples(
    parentCommand('apps')
      .summary('manage apps (run on the server)')
      .description(
        'Manage apps. Run this on the server: it opens the store directly, also while `serve` runs.',
      ),
    ['synckit-ota apps create "My App" --slug my-app', 'synckit-ota apps list'],
  );

export const appsCreateCommand = () =>
  withExamples(
    withStore(
      new Command('create')
        .argument('<name>')
        .summary('create an app and its publish token')
        .description('Create an app and print its publish token, which is shown only once.')
        .optionsGroup('App options:')
        .addOption(slugOption("the app's slug, part of its update URL (default: set by the first publish)"))
        .addOption(
          pubkeyOption("the app's minisign public key; uploads that it does not verify are rejected"),
        ),
    ),
    [
      'synckit-ota apps create "My App" --slug my-app',
      'synckit-ota apps create "My App" --pubkey ~/.tauri/my-app.key.pub',
    ],
  );

export const appsSetKeyCommand = () =>
  withExamples(
    withStore(
      new Command('set-key')
        .argument('<app>', "the app's id or slug")
        .argument('[key or file]', 'a minisign public key, or a file that contains one')
        .summary('set the key that uploads are verified with')
        .description(
          'Set the minisign public key that uploads of an app are verified with. From then on the server accepts ' +
            'uploads that are signed with it, and with the keys that releases signed with it hand over to.',
        )
        .optionsGroup('App options:')
        .addOption(pubkeyOption('the key, instead of the second argument')),
    ),
    ['synckit-ota apps set-key my-app ~/.tauri/my-app.key.pub'],
  );

export const appsListCommand = () =>
  withExamples(withStore(new Command('list').summary('list the apps').description('List the apps.')), [
    'synckit-ota apps list --data-dir /var/lib/synckit-ota',
    'synckit-ota apps list --json',
  ]);
