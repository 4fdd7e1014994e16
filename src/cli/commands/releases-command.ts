import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  allowStrandingOption,
  embeddedPubkeyOption,
  type OptionsOf,
  parentCommand,
  withNotes,
  withRemote,
} from '../options/shared-options.ts';

export type ReleasesListOptions = OptionsOf<typeof releasesListCommand>;
export type ReleasesShowOptions = OptionsOf<typeof releasesShowCommand>;
export type ReleasesEditOptions = OptionsOf<typeof releasesEditCommand>;
export type ReleasesYankOptions = OptionsOf<typeof releasesYankCommand>;
export type ReleasesRestoreOptions = OptionsOf<typeof releasesRestoreCommand>;
export type ReleasesDeleteOptions = OptionsOf<typeof releasesDeleteCommand>;

export const releasesCommand = () =>
  withExamples(
    parentCommand('releases')
      .summary('manage releases')
      .description("Manage an app's releases on the server."),
    ['synckit-ota releases list', 'synckit-ota releases yank 1.2.0'],
  );

export const releasesListCommand = () =>
  withExamples(
    withRemote(
      new Command('list')
        .summary('list the releases')
        .description('List the releases, highest version first.'),
    ),
    ['synckit-ota releases list', "synckit-ota releases list --json | jq -r '.[0].version'"],
  );

export const releasesShowCommand = () =>
  withExamples(
    withRemote(
      new Command('show')
        .argument('<id-or-version>')
        .summary('show one release')
        .description('Show one release and its files.'),
    ),
    ['synckit-ota releases show 1.2.0', 'synckit-ota releases show 1.2.0 --json'],
  );

export const releasesEditCommand = () =>
  withExamples(
    withRemote(
      withNotes(
        new Command('edit')
          .argument('<id-or-version>')
          .summary('change the notes or the recorded key of a release')
          .description(
            'Change the notes of a release, or correct the key that its build is recorded to carry, also of one that is live.',
          )
          .optionsGroup('Release options:'),
        'the new release notes',
      )
        .addOption(embeddedPubkeyOption())
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    [
      'synckit-ota releases edit 1.2.0 --notes-file NOTES.md',
      'synckit-ota releases edit 1.1.0 --embedded-pubkey new.key.pub',
    ],
  );

export const releasesYankCommand = () =>
  withExamples(
    withRemote(
      new Command('yank')
        .argument('<id-or-version>')
        .summary('stop offering a release')
        .description('Stop offering a release. Its files are kept; `releases restore` offers it again.')
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    ['synckit-ota releases yank 1.2.0', 'synckit-ota releases yank 1.2.0 --json'],
  );

export const releasesRestoreCommand = () =>
  withExamples(
    withRemote(
      new Command('restore')
        .argument('<id-or-version>')
        .summary('offer a yanked release again')
        .description('Offer a yanked release again.')
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    ['synckit-ota releases restore 1.2.0', 'synckit-ota releases restore 1.2.0 --json'],
  );

export const releasesDeleteCommand = () =>
  withExamples(
    withRemote(
      new Command('delete')
        .argument('<id-or-version>')
        .summary('delete a release and its files')
        .description('Delete a release and its files, without asking. Apps are no longer offered it.')
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    ['synckit-ota releases delete 1.2.0', 'synckit-ota releases delete 1.2.0 --json'],
  );
