import { Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_MAX_ARTIFACT_BYTES } from '../protocol/messages.ts';
import { ARCHS, BUNDLE_TYPES, TARGETS } from '../protocol/platform.ts';
import { SCOPES } from '../protocol/token.ts';
import { DEFAULT_CONCURRENCY, DEFAULT_STALE_IF_ERROR, DEFAULT_TOKEN_DAYS } from './defaults.ts';
import type { Environment } from './environment.ts';
import type { Output, OutputOptions } from './output/output.ts';
import { packageVersion } from './package-version.ts';

/** What a command runs with, besides its options. */
export interface Context {
  readonly output: Output;
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
  readonly environment: Environment;
}

/** A command's implementation: gets its options as typed on the command line or set in the environment. */
// biome-ignore lint/suspicious/noExplicitAny: commander hands options over untyped; each command states its own type
type Run = (options: any, context: Context, ...values: string[]) => Promise<void>;

/**
 * The command tree with all options and help texts. Implementations are loaded when their command runs, so that
 * `publish` never loads what `serve` needs.
 * @param createContext called once, when a command starts; gets its name with its subcommand's
 */
export function createProgram(createContext: (options: OutputOptions, command: string) => Context): Command {
  const program = new Command('synckit-ota')
    .description('Publish desktop app updates from CI, and serve them.')
    .version(packageVersion(), '-V, --version')
    .enablePositionalOptions();

  /** Lets a command run its implementation, and hands arguments and options over. */
  const runs = (command: Command, load: () => Promise<Run>): Command =>
    command.action(async (...parameters: unknown[]) => {
      const self = parameters.at(-1) as Command;
      const options = mergedOptions(self);
      const context = createContext(options, pathOf(self));
      await (await load())(options, context, ...self.args);
    });

  addPublish(program, runs);
  addReleases(program, runs);
  addCheck(program, runs);
  addDev(program, runs);
  addServe(program, runs);
  addApps(program, runs);
  addTokens(program, runs);
  addCopy(program, runs);
  return program;
}

/** `publish slug` for that command. */
function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/**
 * The options of a command and of those above it. What was typed wins over the environment, wherever either stands;
 * between equals the command itself wins. (commander's `optsWithGlobals` lets those above win.)
 */
function mergedOptions(command: Command): Record<string, unknown> {
  const merged = new Map<string, { value: unknown; rank: number }>();
  for (let current: Command | null = command; current !== null; current = current.parent) {
    for (const [name, value] of Object.entries(current.opts())) {
      const rank = ['default', 'env', 'cli'].indexOf(current.getOptionValueSource(name) ?? 'default');
      if (rank > (merged.get(name)?.rank ?? -1)) merged.set(name, { value, rank });
    }
  }
  return Object.fromEntries([...merged].map(([name, { value }]) => [name, value]));
}

type Runs = (command: Command, load: () => Promise<Run>) => Command;

function addPublish(program: Command, runs: Runs): void {
  const publish = withRemote(program.command('publish'))
    .description('Publish a release: check the files, register the slug, create the release, upload, verify.')
    .addOption(
      new Option(
        '--project <dir>',
        'the Tauri project whose build is published; also where synckit-ota.config.json is looked for',
      ).default('.'),
    )
    .addOption(versionOption("; default: the project's"))
    .option('--slug <slug>', "register the app's slug (default: from the project's updater endpoint)")
    .option('--notes <text>', "release notes (default: the version's section of CHANGELOG.md)")
    .option('--notes-file <file>', 'release notes from a file (- is stdin)')
    .option(
      '--artifact <target-arch[-bundle]=file>',
      'publish this file instead of what the project built, like darwin-aarch64=App.app.tar.gz or linux-x86_64-deb=App.deb; its signature is read from FILE.sig (repeatable)',
      collect,
    )
    .option(
      '--pubkey <key or file>',
      "the app's minisign public key: every signature is checked against it first (default: the project's)",
    )
    .option(
      '--expect <list>',
      'platforms, separated by commas, that the release goes live with, all at once: for jobs that publish one each',
    )
    .option('--draft', 'upload and leave it a draft: `publish finish` takes it live')
    .option('--channel <name>', 'whom it is for (default: stable, which is everyone)')
    .option('--allow-prerelease', 'publish a pre-release, although it is offered to everyone')
    .option('--allow-lower', 'publish a version that is lower than what is live')
    .option('--allow-key-change', 'publish what is signed with another key than the release before')
    .option('--rollback-on-failure', 'delete the release again if this run created it and does not end well')
    .option('--dry-run', 'check everything and print the plan, change nothing')
    .option('--concurrency <n>', `uploads at once (default: ${DEFAULT_CONCURRENCY})`);
  runs(publish, async () => (await import('./commands/publish.ts')).runPublish);

  runs(
    withRemote(publish.command('slug <slug>')).description("Register the app's slug."),
    async () => (await import('./commands/publish-slug.ts')).runPublishSlug,
  );
  runs(
    withRemote(publish.command('release'))
      .description('Create a release, and print it.')
      .addOption(versionOption())
      .option('--notes <text>', 'release notes')
      .option('--notes-file <file>', 'release notes from a file (- is stdin)')
      .option('--signature-file <file>', 'a signature for the whole release, for servers that hold no other')
      .option('--allow-prerelease', 'create a pre-release, although it is offered to everyone'),
    async () => (await import('./commands/publish-release.ts')).runPublishRelease,
  );
  runs(
    withRemote(publish.command('artifact <file>'))
      .description('Upload one file into an existing release; its signature is read from FILE.sig.')
      .option('--release <id or version>', 'the release it belongs to')
      .option('--target <target>', TARGETS.join(', '))
      .option('--arch <arch>', ARCHS.join(', '))
      .option('--bundle-type <type>', `only for apps installed by it: ${BUNDLE_TYPES.join(', ')}`)
      .option(
        '--slug <slug>',
        "the app's slug: where a server lists no artifacts, it tells what is there already",
      )
      .option(
        '--pubkey <key or file>',
        "the app's minisign public key, to check the signature against first",
      ),
    async () => (await import('./commands/publish-artifact.ts')).runPublishArtifact,
  );
  runs(
    withRemote(publish.command('finish'))
      .description('Take a draft live for all its platforms at once, and verify what is served.')
      .option('--release <id or version>', 'the draft')
      .option('--expect <list>', 'platforms, separated by commas, that must be in it')
      .option(
        '--pubkey <key or file>',
        "the app's minisign public key, to check what is served by (default: the server's)",
      )
      .option('--slug <slug>', "the app's slug, where the server does not tell it"),
    async () => (await import('./commands/publish-finish.ts')).runPublishFinish,
  );
}

function addReleases(program: Command, runs: Runs): void {
  const releases = program.command('releases').description("Manage an app's releases.");
  const load = () => import('./commands/releases.ts');
  runs(
    withRemote(releases.command('list')).description('List the releases, highest version first.'),
    async () => (await load()).runReleasesList,
  );
  runs(
    withRemote(releases.command('show <id-or-version>')).description('Show one release.'),
    async () => (await load()).runReleasesShow,
  );
  runs(
    withRemote(releases.command('yank <id-or-version>')).description(
      'Stop offering a release; its files stay, and it can be restored.',
    ),
    async () => (await load()).runReleasesYank,
  );
  runs(
    withRemote(releases.command('restore <id-or-version>')).description('Offer a yanked release again.'),
    async () => (await load()).runReleasesRestore,
  );
  runs(
    withRemote(releases.command('delete <id-or-version>')).description(
      'Delete a release and its files. Installed apps are no longer offered it.',
    ),
    async () => (await load()).runReleasesDelete,
  );
}

function addCheck(program: Command, runs: Runs): void {
  const check = program
    .command('check')
    .description('Ask for an update as an installed app would, and say why when there is none.')
    .addOption(serverOption())
    .option('--slug <slug>', "the app's slug")
    .option('--target <target>', TARGETS.join(', '))
    .option('--arch <arch>', ARCHS.join(', '))
    .option('--bundle-type <type>', `how it was installed: ${BUNDLE_TYPES.join(', ')}`)
    .option('--current-version <version>', 'the version that is installed')
    .option('--channel <name>', 'ask for what is for this channel too')
    .option('--download', 'download the update too, and measure it')
    .option('--pubkey <key or file>', "check the download's signature against this minisign public key");
  runs(withOutput(check), async () => (await import('./commands/check.ts')).runCheck);
}

function addDev(program: Command, runs: Runs): void {
  const dev = program
    .command('dev')
    .description(
      'Rehearse an update on this machine: serve the last build of a Tauri project as the next version, and show what apps ask and fetch.',
    )
    .option('--project <dir>', 'the Tauri project (default: here, and a made-up sample where there is none)')
    .option('--sample', 'use the made-up sample in a Tauri project too')
    .option('--version <version>', 'announce the build as this version (default: the next after its own)')
    .addOption(new Option('--port <port>', 'port to listen on').default('0', 'a free one'))
    .option(
      '--overlay <file>',
      'where the settings that an app needs are written, until it ends (default: among the temporary files)',
    );
  runs(withOutput(dev), async () => (await import('./commands/dev.ts')).runDev);
}

function addServe(program: Command, runs: Runs): void {
  const stored = program
    .command('serve')
    .description(
      'Serve updates: the SyncKit OTA API on SQLite and disk, in one folder, or on PostgreSQL and S3.',
    )
    .addOption(new Option('--host <host>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <port>', 'port to listen on; 0 picks a free one').default('4680'))
    .addOption(dataDirOption())
    .addOption(databaseOption())
    .addOption(
      new Option(
        '--storage <where>',
        'where artifacts are kept: disk, or s3://bucket/prefix with credentials from the AWS environment',
      ).default('disk', 'disk, in the data folder'),
    );
  const serve = withS3(stored)
    .addOption(
      new Option(
        '--public-url <url>',
        'where clients reach this server; every URL it hands out starts with it (default: from host and port)',
      ).env('SYNCKIT_OTA_PUBLIC_URL'),
    )
    .addOption(
      new Option('--check-max-age <seconds>', 'how long caches may keep the answer to a check').default(
        '0',
        '0: not at all',
      ),
    )
    .option(
      '--stale-if-error <seconds>',
      `how long checks are answered with what was last known while the database is away (default: ${DEFAULT_STALE_IF_ERROR} with --database, else 0)`,
    )
    .addOption(
      new Option('--max-artifact-size <bytes>', 'largest file that may be uploaded').default(
        String(DEFAULT_MAX_ARTIFACT_BYTES),
        '2 GiB',
      ),
    )
    .option('--trust-proxy <cidr>', 'believe X-Forwarded-For from these addresses (repeatable)', collect)
    .option(
      '--allow-version-reuse',
      'let a deleted version come back with other bytes (for a desk, not for users)',
    )
    .addOption(
      new Option(
        '--log-format <format>',
        'log as text or as JSON lines (default: pretty on a terminal, else json)',
      ).choices(['pretty', 'json']),
    )
    .option('-v, --verbose', 'log every check and download too');
  runs(serve, async () => (await import('./commands/serve.ts')).runServe);
}

function addApps(program: Command, runs: Runs): void {
  const apps = program.command('apps').description("Administer the server's own store: its apps.");
  const load = () => import('./commands/apps.ts');
  runs(
    withStore(apps.command('create <name>'))
      .description('Create an app, and a publish token for it that is shown this once.')
      .option('--slug <slug>', 'its slug')
      .option('--pubkey <key or file>', 'its minisign public key: uploads that do not verify are refused'),
    async () => (await load()).runAppsCreate,
  );
  runs(withStore(apps.command('list')).description('List the apps.'), async () => (await load()).runAppsList);
}

function addTokens(program: Command, runs: Runs): void {
  const tokens = program.command('tokens').description("Administer the server's own store: its tokens.");
  const load = () => import('./commands/tokens.ts');
  runs(
    withStore(tokens.command('create'))
      .description('Create a token, which is shown this once.')
      .addOption(appOption())
      .option('--name <name>', 'what it is for', 'token')
      .addOption(
        new Option('--scope <scope>', 'what it may do (repeatable; default: everything in the app)')
          .choices(SCOPES)
          .argParser((value: string, previous: string[] = []) => collectScope(value, previous)),
      )
      .option('--expires <days>', 'days until it expires, or never', String(DEFAULT_TOKEN_DAYS)),
    async () => (await load()).runTokensCreate,
  );
  runs(
    withStore(tokens.command('list')).description('List the tokens.').addOption(appOption()),
    async () => (await load()).runTokensList,
  );
  runs(
    withStore(tokens.command('revoke <id>')).description('Revoke a token, at once.'),
    async () => (await load()).runTokensRevoke,
  );
}

function addCopy(program: Command, runs: Runs): void {
  const copy = program
    .command('copy')
    .description(
      'Copy a store on SQLite and disk, which nobody serves, to PostgreSQL and S3: every file verified by its hash. Run again, it goes on where it stopped.',
    )
    .option('--from-data-dir <dir>', 'the folder that `serve` has as --data-dir; nothing is changed in it')
    .addOption(
      new Option(
        '--to-database <url>',
        'a postgres:// URL, with no apps in it yet; the environment keeps a password out of process lists',
      ).env('SYNCKIT_OTA_DATABASE'),
    )
    .option('--to-storage <where>', 's3://bucket/prefix, with credentials from the AWS environment')
    .option('--dry-run', 'say what would be copied, and ask neither the database nor the bucket');
  runs(withOutput(withS3(copy)), async () => (await import('./commands/copy.ts')).runCopy);
}

function withS3(command: Command): Command {
  return command
    .option('--s3-endpoint <url>', "the store's address, which clients reach too (default: AWS's)")
    .option('--s3-region <region>', 'the region the bucket is in (default: what the AWS environment says)')
    .option('--s3-force-path-style', "the bucket in the URL's path, not in the host's name");
}

function withRemote(command: Command): Command {
  return withOutput(
    command
      .addOption(serverOption())
      .addOption(appOption())
      .addOption(
        new Option('--token-file <path>', 'file with the token, - is stdin; keeps it out of process lists'),
      )
      .addOption(
        new Option(
          '--token <token>',
          'the token; the environment and --token-file keep it out of process lists',
        ).env('SYNCKIT_OTA_TOKEN'),
      ),
  );
}

function withStore(command: Command): Command {
  return withOutput(command.addOption(dataDirOption()).addOption(databaseOption()));
}

function withOutput(command: Command): Command {
  return command
    .option('--json', 'one JSON document on stdout, everything else on stderr')
    .option('-q, --quiet', 'only results and errors')
    .option('-v, --verbose', 'say more');
}

const serverOption = () =>
  new Option('--server <url>', "the server's base URL; /api/sync/ota is appended").env('SYNCKIT_OTA_SERVER');
const appOption = () => new Option('--app <id>', "the app's id").env('SYNCKIT_OTA_APP');
const dataDirOption = () =>
  new Option('--data-dir <dir>', 'folder that holds everything')
    .env('SYNCKIT_OTA_DATA')
    .default('./synckit-ota-data');
const databaseOption = () =>
  new Option(
    '--database <url>',
    'a postgres:// URL (default: SQLite in the data folder); the environment keeps a password out of process lists',
  ).env('SYNCKIT_OTA_DATABASE');
const versionOption = (more = '') =>
  new Option('--version <version>', `the version, strict semver; a leading v is taken off${more}`);

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function collectScope(value: string, previous: readonly string[]): string[] {
  if (!(SCOPES as readonly string[]).includes(value)) {
    throw new InvalidArgumentError(`Allowed choices are ${SCOPES.join(', ')}.`);
  }
  return collect(value, previous);
}
