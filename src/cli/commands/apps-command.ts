import { Command, Option } from '@commander-js/extra-typings';
import { COHORT_FALLBACKS } from '../../protocol/rollout/cohort.ts';
import { limiting } from '../options/given-options.ts';
import { withExamples } from '../options/help-format.ts';
import { scopeOption } from '../options/scope-option.ts';
import {
  collect,
  type OptionsOf,
  parentCommand,
  pubkeyOption,
  slugOption,
  withStore,
} from '../options/shared-options.ts';

export type AppsCreateOptions = OptionsOf<typeof appsCreateCommand>;
export type AppsSetOptions = OptionsOf<typeof appsSetCommand>;
export type AppsSetKeyOptions = OptionsOf<typeof appsSetKeyCommand>;
export type AppsListOptions = OptionsOf<typeof appsListCommand>;
export type AppsShowOptions = OptionsOf<typeof appsShowCommand>;
export type AppsRenameOptions = OptionsOf<typeof appsRenameCommand>;
export type AppsDeleteOptions = OptionsOf<typeof appsDeleteCommand>;
export type AppsTrustOptions = OptionsOf<typeof appsTrustCommand>;
export type AppsUntrustOptions = OptionsOf<typeof appsUntrustCommand>;
export type AppsSetLimitsOptions = OptionsOf<typeof appsSetLimitsCommand>;
export type AppsFreeSlugOptions = OptionsOf<typeof appsFreeSlugCommand>;

const APP = "the app's id, slug or name";

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
        )
        .addOption(scopeOption('the token')),
    ),
    [
      'synckit-ota apps create "My App" --slug my-app',
      'synckit-ota apps create "My App" --pubkey ~/.tauri/my-app.key.pub',
    ],
  );

export const appsSetCommand = () =>
  withExamples(
    withStore(
      new Command('set')
        .argument('<app>', APP)
        .summary('change the settings of an app')
        .description('Change the settings of an app that are given; the others stay.')
        .optionsGroup('App options:')
        .option(
          '--approval',
          'releases stay drafts until somebody with another token than their uploader runs `publish finish`',
        )
        .option('--no-approval', 'releases go live when their uploader says so')
        .option(
          '--require-bound-signatures',
          'reject uploads with a signature that does not name their version, if the app has a key',
        )
        .option('--no-require-bound-signatures', 'accept signatures that name no version')
        .addOption(
          new Option(
            '--without-cohort <how>',
            'apps that do not say their cohort are in none (hold), and wait until a release is for everyone, or in one by their address',
          ).choices(COHORT_FALLBACKS),
        )
        .option(
          '--minimum-version <version>',
          'say to apps of a lower version that they have to update; none: to no one',
        )
        .addOption(
          new Option(
            '--auto-pause <state>',
            'pause a release on its way to everyone when it does worse than the one before',
          ).choices(['on', 'off']),
        )
        .option('--auto-pause-clients <number>', 'how many clients it takes to say so (default: 50)')
        .option(
          '--auto-pause-tolerance <percent>',
          'by how much it has to do worse than the one before, surely (default: 1%)',
        ),
    ),
    ['synckit-ota apps set my-app --approval', 'synckit-ota apps set my-app --require-bound-signatures'],
  );

export const appsSetKeyCommand = () =>
  withExamples(
    withStore(
      new Command('set-key')
        .argument('<app>', APP)
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

export const appsSetLimitsCommand = () =>
  withExamples(
    withStore(
      new Command('set-limits')
        .argument('<app>', APP)
        .summary('set how much an app may have')
        .description(
          'Set how much an app may have. A limit is a number, default, or unlimited; those that are left out stay. ' +
            'What an app has above a new limit stays, too: only what adds to it is refused.',
        )
        .optionsGroup('Limits:')
        .option('--releases <number>', 'versions, with deleted ones that were live')
        .option('--drafts <number>', 'releases that are not live yet')
        .option('--pending-uploads <number>', 'uploads that are announced and have not arrived')
        .option('--channels <number>', 'channels of releases')
        .option('--slugs <number>', 'slugs that the app has or had')
        .option('--notes-bytes <size>', 'release notes, signatures and statements, in bytes or like 64MiB')
        .option('--stored-bytes <size>', 'files, in bytes or like 100GiB')
        .option('--hourly-changes <number>', 'what tokens change in an hour'),
    ),
    [
      'synckit-ota apps set-limits my-app --drafts 1000 --stored-bytes 100GiB',
      'synckit-ota apps set-limits my-app --drafts default',
    ],
  );

export const appsListCommand = () =>
  withExamples(withStore(new Command('list').summary('list the apps').description('List the apps.')), [
    'synckit-ota apps list --data-dir /var/lib/synckit-ota',
    'synckit-ota apps list --json',
  ]);

export const appsShowCommand = () =>
  withExamples(
    withStore(
      new Command('show')
        .argument('<app>', APP)
        .summary('show an app')
        .description(
          'Show an app: its slugs, the keys that its uploads are verified with, what it has stored, and how much it may have.',
        ),
    ),
    ['synckit-ota apps show my-app', 'synckit-ota apps show my-app --json'],
  );

export const appsRenameCommand = () =>
  withExamples(
    withStore(
      new Command('rename')
        .argument('<app>', APP)
        .argument('<name>', 'the new name')
        .summary('change the name of an app')
        .description('Change the name of an app. Its id, slug and tokens stay the same.'),
    ),
    ['synckit-ota apps rename my-app "My Better App"'],
  );

export const appsDeleteCommand = () =>
  withExamples(
    withStore(
      new Command('delete')
        .argument('<app>', APP)
        .summary('delete an app and everything it has')
        .description(
          'Delete an app with its releases, files and tokens. Installed apps get no more updates. Its slugs stay reserved until `apps free-slug`.',
        )
        .optionsGroup('App options:')
        .option('--yes', 'delete it; without this, only show what would be deleted'),
    ),
    ['synckit-ota apps delete my-app', 'synckit-ota apps delete my-app --yes'],
  );

export const appsFreeSlugCommand = () =>
  withExamples(
    withStore(
      new Command('free-slug')
        .argument('<slug>', 'a slug that an app had, or that a deleted app has left')
        .summary('free a slug that no app uses now')
        .description(
          'Let another app have a slug that no app uses now. Installed apps that have it built in will ask that app for updates.',
        ),
    ),
    ['synckit-ota apps free-slug my-old-slug'],
  );

const repositoryIdOption = () =>
  limiting(
    new Option(
      '--repository-id <number>',
      "the repository's id (default: that of its first job that publishes)",
    ),
  );

const ownerIdOption = () =>
  limiting(
    new Option('--owner-id <number>', 'the id of its owner (default: that of its first job that publishes)'),
  );

export const appsTrustCommand = () =>
  withExamples(
    withStore(
      new Command('trust')
        .argument('<app>', APP)
        .summary('let CI jobs publish without a stored token')
        .description(
          'Trust a workflow of a repository: its jobs publish without a stored token. Without options, list what the app trusts.',
        )
        .optionsGroup('Trust options:')
        .option('--github <owner/repository>', 'a repository on GitHub')
        .option('--gitlab <group/project>', 'a project on GitLab')
        .option('--forgejo <owner/repository>', 'a repository on Forgejo or Gitea; needs --issuer')
        .option(
          '--workflow <file>',
          'the workflow, like release.yml; the path of the CI configuration with --gitlab (default: .gitlab-ci.yml)',
        )
        .addOption(new Option('--ci-config <path>', 'the same for --gitlab').conflicts('workflow'))
        .addOption(limiting(new Option('--environment <name>', 'only jobs in this environment')))
        .addOption(
          limiting(
            new Option(
              '--ref <pattern>',
              'only branches or tags that match, like refs/tags/v* (repeatable)',
            ).argParser(collect),
          ),
        )
        .option('--protected-refs', 'only protected branches and tags (default with --gitlab)')
        .option('--no-protected-refs', 'unprotected ones, too')
        .addOption(
          limiting(
            new Option(
              '--channel <name>',
              'only releases in this channel (repeatable; default: all)',
            ).argParser(collect),
          ),
        )
        .addOption(repositoryIdOption())
        .addOption(ownerIdOption())
        .option('--issuer <url>', 'the issuer of identity tokens, for a server of your own')
        .option('--only', 'refuse stored tokens for publishing from now on')
        .option('--no-only', 'accept them again'),
    ),
    [
      'synckit-ota apps trust my-app --github octo/my-app --workflow release.yml',
      'synckit-ota apps trust my-app --gitlab octo/my-app --ref "refs/tags/v*"',
      'synckit-ota apps trust my-app --only',
      'synckit-ota apps trust my-app',
    ],
  );

export const appsUntrustCommand = () =>
  withExamples(
    withStore(
      new Command('untrust')
        .argument('<app>', APP)
        .argument('<id>', 'the id that `apps trust` lists')
        .summary('trust a workflow no more')
        .description('Trust a workflow no more. The tokens that its jobs have now are revoked.'),
    ),
    ['synckit-ota apps untrust my-app 1f3e9a52-6a53-4b0e-8f0e-2b1f6a0d9c11'],
  );
