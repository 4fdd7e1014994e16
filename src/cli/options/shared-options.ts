import { Command, Option } from '@commander-js/extra-typings';
import { ARCHS, BUNDLE_TYPES, TARGETS } from '../../protocol/platform.ts';

/** The options of a declared command, once parsed. */
export type OptionsOf<Declare extends (...args: never[]) => { opts(): unknown }> = ReturnType<
  ReturnType<Declare>['opts']
>;

type Declared = Record<string, unknown>;
type None = Record<never, never>;

export type RemoteOptions = OptionsOf<typeof withRemote<[], None>>;
export type S3Options = OptionsOf<typeof withS3<[], None>>;
export type PlatformOptions = OptionsOf<typeof withPlatform<[], None>>;
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
      .option(
        '--token-file <path>',
        'file with the token (- for stdin); this or SYNCKIT_OTA_TOKEN is required',
      )
      .addOption(
        new Option(
          '--token <token>',
          'the token; --token-file and the environment keep it out of process lists',
        ).env('SYNCKIT_OTA_TOKEN'),
      ),
  );
}

/** For commands that administer the server's own store. */
export function withStore<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return withOutput(
    command.optionsGroup('Store options:').addOption(dataDirOption()).addOption(databaseOption()),
  );
}

/** For commands that use a bucket. */
export function withS3<Args extends unknown[], Options extends Declared>(command: Command<Args, Options>) {
  return command
    .option('--s3-endpoint <url>', "the S3 service's URL, reachable by clients too (default: AWS)")
    .option('--s3-region <region>', "the bucket's region (default: from the AWS environment)")
    .option('--s3-force-path-style', "put the bucket in the URL's path instead of the host name");
}

/** For commands on one platform. */
export function withPlatform<Args extends unknown[], Options extends Declared>(
  command: Command<Args, Options>,
  bundleType = 'bundle type',
) {
  return command
    .option('--target <target>', `one of ${TARGETS.join(', ')}; required`)
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

export const serverOption = () =>
  new Option('--server <url>', "the server's base URL, without /api/sync/ota; required").env(
    'SYNCKIT_OTA_SERVER',
  );

export const appOption = (description = "the app's id; required") =>
  new Option('--app <id>', description).env('SYNCKIT_OTA_APP');

export const dataDirOption = () =>
  new Option('--data-dir <dir>', "the server's data folder")
    .env('SYNCKIT_OTA_DATA')
    .default('./synckit-ota-data');

export const databaseOption = () =>
  new Option(
    '--database <url>',
    'a postgres:// URL, set in the environment to keep its password out of process lists (default: SQLite in the data folder)',
  ).env('SYNCKIT_OTA_DATABASE');

export const slugOption = (description: string) => new Option('--slug <slug>', description);

export const versionOption = (description: string) => new Option('--version <version>', description);

/** @param byDefault in parentheses, where it is read from otherwise */
export const embeddedPubkeyOption = (byDefault = '') =>
  new Option(
    '--embedded-pubkey <key or file>',
    `the minisign public key that the build carries, which its next update has to be signed with ${byDefault}`.trimEnd(),
  );

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
