import { Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_CONCURRENCY } from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import {
  allowStrandingOption,
  collect,
  configOption,
  embeddedPubkeyOption,
  jobOption,
  manifestDaysOption,
  manifestKeyOption,
  manifestPasswordOption,
  minimumSystemOption,
  type OptionsOf,
  pubkeyOption,
  requiresOption,
  sigstoreConfigOption,
  sigstoreRootOption,
  slugOption,
  versionOption,
  withNotes,
  withPlatform,
  withRamp,
  withRemote,
} from '../options/shared-options.ts';

export type PublishOptions = OptionsOf<typeof publishCommand>;
export type PublishSlugOptions = OptionsOf<typeof publishSlugCommand>;
export type PublishReleaseOptions = OptionsOf<typeof publishReleaseCommand>;
export type PublishArtifactOptions = OptionsOf<typeof publishArtifactCommand>;
export type PublishFinishOptions = OptionsOf<typeof publishFinishCommand>;

export const publishCommand = () =>
  withExamples(withRemote(withSafetyOptions(withFileOptions(publishRelease()))), [
    'synckit-ota publish --dry-run',
    'synckit-ota publish --version 1.2.0 --expect darwin-aarch64,linux-x86_64',
    'synckit-ota publish --version 1.2.0 --artifact linux-x86_64=App.AppImage',
    'synckit-ota publish --rollout 10%',
  ]);

/** `publish` with what it says of the release. */
const publishRelease = () => withRamp(releaseOptions());

const releaseOptions = () =>
  withNotes(
    new Command('publish')
      .summary('publish a release')
      .description(
        'Publish a release: check the files, register the slug, create the release, upload, go live, and verify what the server serves. Version, slug, key, notes and files are read from the Tauri project unless an option gives them.',
      )
      .commandsGroup('Single steps:')
      .optionsGroup('Release options:')
      .addOption(
        versionOption(
          "strict semver, or a git tag with it like v1.2.0 or app-v1.2.0 (default: the project's version)",
        ),
      ),
    "release notes (default: the version's section of the changelog)",
  )
    .option('--channel <name>', 'release channel (default: stable)')
    .addOption(
      slugOption("the app's slug, registered if needed (default: from the project's updater endpoint)"),
    )
    .addOption(requiresOption())
    .option(
      '--expect <list>',
      'platforms, separated by commas; the release goes live for all of them once the last one is uploaded: for parallel jobs that build one platform each',
    )
    .option('--draft', 'upload only and keep the release a draft; `publish finish` takes it live')
    .addOption(jobOption())
    .option(
      '--rollout <share>',
      'offer it to this share of the apps, like 10%; the others get the release before (default: everyone)',
    )
    .option('--mandatory', 'say to apps that they have to take it, or one that contains it')
    .addOption(minimumSystemOption());

const withFileOptions = (command: ReturnType<typeof publishRelease>) =>
  command
    .optionsGroup('File options:')
    .addOption(
      new Option(
        '--project <dir>',
        'the Tauri project to publish; synckit-ota.config.json is searched from here upwards',
      ).default('.'),
    )
    .addOption(configOption())
    .option(
      '--artifact <platform=file>',
      "publish this file instead of the project's build (repeatable), like darwin-aarch64=App.app.tar.gz, linux-x86_64-deb=App.deb for one bundle type, or windows-portable@x86_64=App.zip for a target that the app sets itself; its signature is read from FILE.sig or FILE.minisig",
      collect,
    )
    .option(
      '--bundles <dir>',
      "take the project's bundles from this folder, at any depth, instead of Cargo's target folder (repeatable): for artifacts that other jobs built",
      collect,
    )
    .addOption(
      pubkeyOption(
        'the minisign public key that every signature is checked against (default: the one it names, among the keys of the project and the server)',
      ),
    )
    .addOption(embeddedPubkeyOption("(default: the project's)"))
    .addOption(manifestKeyOption())
    .addOption(manifestPasswordOption())
    .addOption(manifestDaysOption())
    .option(
      '--attest',
      "have the identity of this CI job sign the release by Sigstore, which logs that publicly: nothing goes live without; needs the job's permission id-token: write",
    )
    .addOption(sigstoreConfigOption())
    .addOption(sigstoreRootOption())
    .option('--concurrency <n>', `uploads at the same time (default: ${DEFAULT_CONCURRENCY})`);

const withSafetyOptions = (command: ReturnType<typeof withFileOptions>) =>
  command
    .optionsGroup('Safety options:')
    .option('--dry-run', 'check everything and print the plan; change nothing')
    .option(
      '--no-verify-download',
      'do not download the served files to compare them, which saves traffic; what apps are offered is still compared',
    )
    .option('--allow-prerelease', 'allow a pre-release in the stable channel')
    .option('--allow-lower', 'allow a version lower than the live one')
    .option(
      '--allow-mismatch',
      'allow named files with a name, path or content for another platform or version: for apps that Tauri did not build',
    )
    .option(
      '--allow-unsigned-kind',
      'allow a kind of bundle without signature beside a signed kind, which its installations are then offered',
    )
    .addOption(allowStrandingOption())
    .option(
      '--allow-endpoint-mismatch',
      "allow a build with updater endpoints that do not lead to this app's updates",
    )
    .option(
      '--rollback-on-failure',
      'delete the release if this run created it and then fails; not after Ctrl-C or SIGTERM',
    );

export const publishSlugCommand = () =>
  withExamples(
    withRemote(
      new Command('slug')
        .argument('<slug>')
        .summary("register the app's slug")
        .description("Register the app's slug, which is part of its update URL."),
    ),
    ['synckit-ota publish slug my-app', 'synckit-ota publish slug my-app --json'],
  );

export const publishReleaseCommand = () =>
  withExamples(
    withRemote(
      withNotes(
        new Command('release')
          .summary('create a release')
          .description(
            'Create a release and print it. If it already exists with the same content, print that. Its manifest is signed by `publish artifact` or `publish finish`.',
          )
          .optionsGroup('Release options:')
          .addOption(
            versionOption('strict semver, or a git tag with it like v1.2.0 or app-v1.2.0; required'),
          ),
      )
        .option(
          '--signature-file <file>',
          'one signature for the whole release, for servers without one per artifact',
        )
        .addOption(embeddedPubkeyOption())
        .addOption(requiresOption())
        .option('--allow-prerelease', 'allow a pre-release, which is offered to everyone')
        .addOption(allowStrandingOption()),
    ),
    [
      'synckit-ota publish release --version 1.2.0 --notes-file notes.md',
      'synckit-ota publish release --version 1.2.0 --json',
    ],
  );

export const publishArtifactCommand = () =>
  withExamples(
    withRemote(
      withPlatform(
        new Command('artifact')
          .argument('<file>')
          .summary('upload one file into a release')
          .description(
            'Upload one file into an existing release. Its signature is read from FILE.sig or FILE.minisig.',
          )
          .optionsGroup('Artifact options:')
          .option('--release <id or version>', 'the release to add it to; required')
          .addOption(jobOption()),
        'only for apps installed by this bundle type',
      )
        .option(
          '--allow-mismatch',
          'allow a name, path or content for another platform or version: for apps that Tauri did not build',
        )
        .addOption(slugOption("the app's slug; only for servers that don't list artifacts"))
        .addOption(
          pubkeyOption(
            'the minisign public key to check the signature with, before uploading (default: those that the server knows)',
          ),
        )
        .addOption(manifestKeyOption())
        .addOption(manifestPasswordOption())
        .addOption(manifestDaysOption())
        .option('--attest', 'have the identity of this CI job sign the file by Sigstore, as `publish` does')
        .addOption(sigstoreConfigOption())
        .addOption(sigstoreRootOption()),
    ),
    [
      'synckit-ota publish artifact App.AppImage --release 1.2.0 \\\n      --target linux --arch x86_64',
      'synckit-ota publish artifact App.deb --release 1.2.0 \\\n      --target linux --arch x86_64 --bundle-type deb',
    ],
  );

export const publishFinishCommand = () =>
  withExamples(
    withRemote(
      new Command('finish')
        .summary('take a draft live')
        .description(
          'Take a draft live for all its platforms at once, and verify what the server serves. With the key of the manifest, files are added to it that were uploaded without.',
        )
        .optionsGroup('Release options:')
        .option('--release <id or version>', 'the draft; required')
        .option(
          '--expect <list>',
          'platforms, separated by commas, that the draft must contain, instead of those that `publish --expect` gave it',
        )
        .addOption(
          pubkeyOption('the minisign public key to verify with (default: those that the server knows)'),
        )
        .addOption(embeddedPubkeyOption('(to approve a draft that hands over to a new key)'))
        .addOption(manifestKeyOption())
        .addOption(manifestPasswordOption())
        .addOption(manifestDaysOption())
        .addOption(allowStrandingOption())
        .addOption(slugOption("the app's slug; only for servers that don't return it")),
    ),
    [
      'synckit-ota publish finish --release 1.2.0',
      'synckit-ota publish finish --release 1.2.0 \\\n      --expect linux-x86_64,windows-x86_64',
    ],
  );
