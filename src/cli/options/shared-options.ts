import { Command, Option } from '@commander-js/extra-typings';
import { ARCHS, BUNDLE_TYPES, TARGETS } from '../../protocol/platform.ts';
import { DEFAULT_DATA_DIR, DEFAULT_MANIFEST_DAYS } from '../defaults.ts';

/** The options of a declared command, once parsed. */
export type OptionsOf<Declare extends (...args: never[]) => { opts(): unknown }> = ReturnType<
  ReturnType<Declare>['opts']
>;

type Declared = Record<string, unknown>;
type None = Record<never, never>;

export type RemoteOptions = OptionsOf<typeof withRemote<[], None>>;
export type S3Options = OptionsOf<typeof withS3<[], None>>;
export type BucketOptions = OptionsOf<typeof withBucket<[], None>>;
export type PlatformOptions = OptionsOf<typeof withPlatform<[], None>>;
export type RolloutOptions = OptionsOf<typeof withRamp<[], None>>;
export type NotesOptions = OptionsOf<typeof withNotes<[], None>>;

/** A command that only has subcommands. */
export function parentCommand(name: string) {
  return withHelp(new Command(name).optionsGroup('General options:'))
    .commandsGroup('Commands:')
    .helpCommand('help [command]', 'show the help of a command');
}

/** For commands that talk to a server with a token. */
export function withRemote<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
) {
  return withOutput(
    command
      .optionsGroup('Server options:')
      .addOption(serverOption())
      .addOption(appOption())
      .addOption(
        tokenFileOption(
          'file with the token (- for stdin); this or SYNCKIT_OTA_TOKEN is required, except in a CI job that the server trusts',
        ),
      )
      .addOption(tokenOption())
      .addOption(headerOption())
      .addOption(
        new Option(
          '--wait <duration>',
          'how long a request that fails for a passing reason is tried again, like 5m; 0: not at all (default: 6 tries, about 30 s)',
        ).env('SYNCKIT_OTA_WAIT'),
      ),
  );
}

/** For commands that administer the server's own store. */
export function withStore<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return withOutput(
    command.optionsGroup('Store options:').addOption(dataDirOption()).addOption(databaseOption()),
  );
}

/** For commands that work on the files of the server's store, too. */
export function withFiles<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return withOutput(
    withS3(
      command
        .optionsGroup('Store options:')
        .addOption(dataDirOption())
        .addOption(databaseOption())
        .addOption(storageOption()),
    ),
  );
}

/** For commands that use a bucket, which clients upload to and download from. */
export function withS3<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return withBucket(command).option(
    '--s3-public-endpoint <url>',
    "the S3 service's URL for clients, which upload and download there (default: --s3-endpoint)",
  );
}

/** For commands that use a bucket. */
export function withBucket<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
) {
  return command
    .option('--s3-endpoint <url>', "the S3 service's URL (default: AWS)")
    .option('--s3-region <region>', "the bucket's region (default: from the AWS environment)")
    .option('--s3-force-path-style', "put the bucket in the URL's path instead of the host name");
}

/** For commands on one platform. */
export function withPlatform<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
  bundleType = 'bundle type',
) {
  return command
    .option(
      '--target <target>',
      `one of ${TARGETS.join(', ')}, or a target that the app sets itself; required`,
    )
    .option('--arch <arch>', `one of ${ARCHS.join(', ')}; required`)
    .option('--bundle-type <type>', `${bundleType}: ${BUNDLE_TYPES.join(', ')}`);
}

/** For commands that create a release. */
export function withNotes<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
  description = 'release notes',
) {
  return command
    .option('--notes <text>', description)
    .option('--notes-file <file>', 'release notes from a file (- for stdin)');
}

/** For commands that say who is offered a release. */
export function withRamp<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return command
    .option('--over <duration>', 'let its share grow by itself, from 5 % on, in this time, like 3d or 12h')
    .option('--at <time>', 'offer it to no one before this time, like 2026-12-01T09:00Z');
}

/** For every command that prints a result. These options are a command's last. */
export function withOutput<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
) {
  return withHelp(
    command
      .optionsGroup('General options:')
      .option('--json', 'print one JSON document to stdout, everything else to stderr')
      .option('-q, --quiet', 'print only results and errors')
      .option('-v, --verbose', 'print more detail'),
  );
}

/** Puts `--help` at the end of the last group of options. */
export function withHelp<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return command.helpOption('-h, --help', 'show this help');
}

export const serverOption = (when = 'required') =>
  new Option('--server <url>', `the server's base URL, without /api/sync/ota; ${when}`).env(
    'SYNCKIT_OTA_SERVER',
  );

/** For access proxies in front of the server. */
export const headerOption = () =>
  new Option(
    '--header <header>',
    "a header for what stands in front of the server, like 'CF-Access-Client-Id: …' (repeatable); the environment, with one on each line, keeps it out of process lists",
  )
    .env('SYNCKIT_OTA_HEADERS')
    .argParser(onLines);

export const appOption = (description = "the app's id; required") =>
  new Option('--app <id>', description).env('SYNCKIT_OTA_APP');

export const tokenFileOption = (description: string) => new Option('--token-file <path>', description);

export const tokenOption = () =>
  new Option(
    '--token <token>',
    'the token; --token-file and the environment keep it out of process lists',
  ).env('SYNCKIT_OTA_TOKEN');

export const dataDirOption = () =>
  new Option('--data-dir <dir>', "the server's data folder")
    .env('SYNCKIT_OTA_DATA')
    .default(DEFAULT_DATA_DIR);

export const databaseOption = () =>
  new Option(
    '--database <url>',
    'a postgres:// URL, set in the environment to keep its password out of process lists (default: SQLite in the data folder)',
  ).env('SYNCKIT_OTA_DATABASE');

export const storageOption = () =>
  new Option(
    '--storage <where>',
    'where artifacts are stored: disk, or s3://bucket/prefix with credentials from the AWS environment',
  ).default('disk', 'disk, in the data folder');

export const slugOption = (description: string) => new Option('--slug <slug>', description);

export const versionOption = (description: string) => new Option('--version <version>', description);

/** @param byDefault in parentheses, where it is read from otherwise */
export const embeddedPubkeyOption = (byDefault = '') =>
  new Option(
    '--embedded-pubkey <key or file>',
    `the minisign public key that the build carries, which its next update has to be signed with ${byDefault}`.trimEnd(),
  );

export const minimumSystemOption = () =>
  new Option(
    '--minimum-system-version <target=version>',
    'the lowest version of a system that it runs on (repeatable), like darwin=11.0, for apps to compare with their own',
  ).argParser(collect);

export const manifestKeyOption = () =>
  new Option(
    '--manifest-key <file>',
    'sign the manifest of the release with this minisign secret key (default: the key in TAURI_SIGNING_PRIVATE_KEY)',
  ).env('SYNCKIT_OTA_MANIFEST_KEY');

export const manifestPasswordOption = () =>
  new Option(
    '--manifest-key-password <text>',
    'the password of --manifest-key; the variable keeps it out of process lists',
  ).env('SYNCKIT_OTA_MANIFEST_KEY_PASSWORD');

export const manifestDaysOption = () =>
  new Option(
    '--manifest-days <duration>',
    `how long the manifest is valid, before it has to be signed again: days, or like 1y (default: ${DEFAULT_MANIFEST_DAYS})`,
  );

export const manifestPubkeyOption = () =>
  new Option(
    '--manifest-pubkey <key or file>',
    'verify the manifest of the release with this key instead of --pubkey',
  );

export const sigstoreConfigOption = () =>
  new Option(
    '--sigstore-config <file>',
    'make the attestation at this Sigstore instance: its signing config (default: the public one)',
  ).env('SYNCKIT_OTA_SIGSTORE_CONFIG');

export const sigstoreRootOption = () =>
  new Option(
    '--sigstore-root <file>',
    'verify attestations by the keys of this Sigstore instance: its trusted root (default: the public one)',
  ).env('SYNCKIT_OTA_SIGSTORE_ROOT');

export const requiresOption = () =>
  new Option(
    '--requires <version>',
    'the lowest version that is offered this release; lower ones are led to an earlier release first',
  );

export const allowStrandingOption = () =>
  new Option('--allow-stranding', 'allow that installed versions have no way to the highest release');

export const pubkeyOption = (description: string) => new Option('--pubkey <key or file>', description);

export const configOption = () =>
  new Option(
    '--config <file or json>',
    'merge this into the Tauri configuration, as `tauri build --config` did (repeatable; default: TAURI_CONFIG)',
  ).argParser(collect);

/** For commands that upload files into a release. */
export const jobOption = () =>
  new Option(
    '--job <name>',
    "names this job, the same each time it is run again: in a draft it may then replace the files that it uploaded before (default: from GitHub Actions' or GitLab CI's variables)",
  ).env('SYNCKIT_OTA_JOB');

/** Collects the values of an option that can be repeated. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

/** Collects them on lines of one text, as a variable has them. */
function onLines(value: string, previous?: string): string {
  return previous === undefined ? value.trim() : `${previous}\n${value.trim()}`;
}

/** Where clients reach the server. */
export function publicUrlOption(description: string) {
  return new Option('--public-url <url>', description).env('SYNCKIT_OTA_PUBLIC_URL');
}
