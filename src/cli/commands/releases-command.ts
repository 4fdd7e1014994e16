import { Command, Option } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import {
  allowStrandingOption,
  embeddedPubkeyOption,
  manifestDaysOption,
  manifestKeyOption,
  manifestPasswordOption,
  minimumSystemOption,
  type OptionsOf,
  parentCommand,
  requiresOption,
  sigstoreRootOption,
  withNotes,
  withRamp,
  withRemote,
} from '../options/shared-options.ts';

export type ReleasesListOptions = OptionsOf<typeof releasesListCommand>;
export type ReleasesShowOptions = OptionsOf<typeof releasesShowCommand>;
export type ReleasesEditOptions = OptionsOf<typeof releasesEditCommand>;
export type ReleasesSignOptions = OptionsOf<typeof releasesSignCommand>;
export type ReleasesYankOptions = OptionsOf<typeof releasesYankCommand>;
export type ReleasesRestoreOptions = OptionsOf<typeof releasesRestoreCommand>;
export type ReleasesRolloutOptions = OptionsOf<typeof releasesRolloutCommand>;
export type ReleasesPromoteOptions = OptionsOf<typeof releasesPromoteCommand>;
export type ReleasesPauseOptions = OptionsOf<typeof releasesPauseCommand>;
export type ReleasesResumeOptions = OptionsOf<typeof releasesResumeCommand>;
export type ReleasesRollbackOptions = OptionsOf<typeof releasesRollbackCommand>;
export type ReleasesStatsOptions = OptionsOf<typeof releasesStatsCommand>;
export type ReleasesSimulateOptions = OptionsOf<typeof releasesSimulateCommand>;
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
        .description('List the releases, highest version first.')
        .optionsGroup('Release options:')
        .option('--limit <number>', 'list at most this many, the highest first (default: all)'),
    ),
    ['synckit-ota releases list', "synckit-ota releases list --json | jq -r '.[0].version'"],
  );

export const releasesShowCommand = () =>
  withExamples(
    withRemote(
      new Command('show')
        .argument('<id-or-version>')
        .summary('show one release')
        .description('Show one release and its files, and who has attested them.')
        .optionsGroup('Release options:')
        .addOption(sigstoreRootOption()),
    ),
    ['synckit-ota releases show 1.2.0', 'synckit-ota releases show 1.2.0 --json'],
  );

export const releasesEditCommand = () =>
  withExamples(
    withRemote(
      withNotes(
        new Command('edit')
          .argument('<id-or-version>')
          .summary('change the notes, urgency or recorded key of a release')
          .description(
            'Change the notes of a release, what it says about who has to take it, or correct the key that its build is recorded to carry, also of one that is live.',
          )
          .optionsGroup('Release options:'),
        'the new release notes',
      )
        .option('--remove-notes', 'leave the release without notes')
        .option('--mandatory', 'say to apps that they have to take it, or one that contains it')
        .option('--no-mandatory', 'say that they need not')
        .addOption(minimumSystemOption())
        .addOption(embeddedPubkeyOption())
        .addOption(manifestKeyOption())
        .addOption(manifestPasswordOption())
        .addOption(manifestDaysOption())
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    [
      'synckit-ota releases edit 1.2.0 --notes-file NOTES.md',
      'synckit-ota releases edit 1.2.0 --remove-notes',
      'synckit-ota releases edit 1.2.0 --mandatory',
      'synckit-ota releases edit 1.1.0 --embedded-pubkey new.key.pub',
    ],
  );

export const releasesSignCommand = () =>
  withExamples(
    withRemote(
      new Command('sign')
        .argument('<id-or-version>')
        .summary('sign the manifest of a release again')
        .description(
          'Sign the manifest of a release again, before it expires. Only what the same key has signed before is signed again.',
        )
        .optionsGroup('Release options:')
        .addOption(manifestKeyOption())
        .addOption(manifestPasswordOption())
        .addOption(manifestDaysOption()),
    ),
    ['synckit-ota releases sign 1.2.0 --manifest-key ~/.tauri/my-app.key'],
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

export const releasesRollbackCommand = () =>
  withExamples(
    withRemote(
      new Command('rollback')
        .argument('[id-or-version]')
        .summary('withdraw a release, and lead apps back from it')
        .description(
          'Stop offering a release, and offer the one before it to apps that have it and take lower versions. Other apps stay where they are.',
        )
        .optionsGroup('Release options:')
        .option('--to <version>', 'roll every live release of its channel back that is higher than this one')
        .optionsGroup('Safety options:')
        .addOption(allowStrandingOption()),
    ),
    ['synckit-ota releases rollback 1.2.0', 'synckit-ota releases rollback --to 1.1.0'],
  );

export const releasesRolloutCommand = () =>
  withExamples(
    withRemote(
      withRamp(
        new Command('rollout')
          .argument('<id-or-version>')
          .argument('[share]', 'of the apps, like 25%; 100% is everyone (default: everyone)')
          .summary('set how many apps are offered a release')
          .description(
            'Set how many apps are offered a release; the others get the release before. Apps that have it keep it.',
          )
          .optionsGroup('Release options:'),
      ),
    ),
    [
      'synckit-ota releases rollout 1.2.0 25%',
      'synckit-ota releases rollout 1.2.0 --over 3d',
      'synckit-ota releases rollout 1.2.0 100%',
    ],
  );

export const releasesPromoteCommand = () =>
  withExamples(
    withRemote(
      withRamp(
        new Command('promote')
          .argument('<id-or-version>')
          .summary('move a release to another channel')
          .description(
            'Move a live release to another channel without uploading it again. What is signed about it is signed again.',
          )
          .optionsGroup('Release options:')
          .option('--to <channel>', 'the channel that it is moved to; required')
          .option('--rollout <share>', 'offer it to a share of the apps at first, like 10%'),
      )
        .addOption(manifestKeyOption())
        .addOption(manifestPasswordOption())
        .addOption(manifestDaysOption())
        .optionsGroup('Safety options:')
        .option('--allow-prerelease', 'allow a pre-release in the stable channel')
        .option('--allow-lower', 'allow a version lower than the live one of the channel')
        .addOption(allowStrandingOption())
        .option(
          '--allow-outdated-manifest',
          'allow that what is signed about it names the old channel, where the key is not at hand',
        ),
    ),
    [
      'synckit-ota releases promote 1.3.0 --to stable',
      'synckit-ota releases promote 1.3.0 --to stable --rollout 10%',
      'synckit-ota releases promote 1.3.0 --to beta --manifest-key my-app.key',
    ],
  );

export const releasesPauseCommand = () =>
  withExamples(
    withRemote(
      new Command('pause')
        .argument('<id-or-version>')
        .summary('offer a release to no one for a while')
        .description(
          'Offer a release to no one until `releases resume`. Its rollout stays as it is, and a ramp goes on.',
        ),
    ),
    ['synckit-ota releases pause 1.2.0', 'synckit-ota releases pause 1.2.0 --json'],
  );

export const releasesResumeCommand = () =>
  withExamples(
    withRemote(
      new Command('resume')
        .argument('<id-or-version>')
        .summary('offer a paused release again')
        .description(
          'Offer a paused release again, to as many apps as its rollout says. If the server has paused it, what was known by then is no reason to pause it once more.',
        )
        .optionsGroup('Release options:')
        .option('--no-auto-pause', 'keep the server from pausing this release by itself'),
    ),
    ['synckit-ota releases resume 1.2.0', 'synckit-ota releases resume 1.2.0 --no-auto-pause'],
  );

export const releasesStatsCommand = () =>
  withExamples(
    withRemote(
      new Command('stats')
        .argument('[version]', 'only the update to this version (default: all)')
        .summary('show which versions are in use, and how far updates come')
        .description(
          'Show how many installed apps asked for updates, with which versions, and how many were offered, downloaded and now run each release.',
        )
        .optionsGroup('Release options:')
        .addOption(new Option('--days <number>', 'how many days are shown').default('14')),
    ),
    ['synckit-ota releases stats', 'synckit-ota releases stats 1.2.0 --days 90 --json'],
  );

export const releasesSimulateCommand = () =>
  withExamples(
    withRemote(
      withRamp(
        new Command('simulate')
          .argument('<version>', 'of a draft, or of a release that is live')
          .summary('show who would be offered what after a change')
          .description(
            'Show what apps are offered today, and what they would be if a draft was live or a release was changed. Changes nothing.',
          )
          .optionsGroup('Release options:')
          .option('--rollout <share>', 'as if it was offered to this share of the apps, like 10%'),
      )
        .option('--channel <name>', 'as if it was in this channel')
        .addOption(requiresOption())
        .addOption(embeddedPubkeyOption())
        .option('--mandatory', 'as if it was mandatory')
        .option('--pause', 'as if it was paused')
        .option('--resume', 'as if it was resumed')
        .option('--yank', 'as if it was yanked')
        .option('--restore', 'as if it was restored')
        .option('--delete', 'as if it was deleted')
        .option('--all', 'show also what stays as it is'),
    ),
    [
      'synckit-ota releases simulate 1.3.0',
      'synckit-ota releases simulate 1.3.0 --rollout 10%',
      'synckit-ota releases simulate 1.2.0 --yank --json',
    ],
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
        .description(
          'Delete a release and its files. Apps are no longer offered it. Asks before it on a terminal.',
        )
        .optionsGroup('Safety options:')
        .option('--yes', 'delete it without asking')
        .addOption(allowStrandingOption()),
    ),
    ['synckit-ota releases delete 1.2.0 --yes', 'synckit-ota releases delete 1.2.0 --json'],
  );
