import { Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_MAX_CONNECTIONS } from '../../server/limits/server-limits.ts';
import {
  DEFAULT_DATABASE_CONNECTIONS,
  DEFAULT_HOST,
  DEFAULT_MAX_ARTIFACT_BYTES,
  DEFAULT_PORT,
  DEFAULT_STALE_IF_ERROR,
} from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import {
  collect,
  databaseOption,
  dataDirOption,
  type OptionsOf,
  publicUrlOption,
  storageOption,
  withHelp,
  withS3,
} from '../options/shared-options.ts';

export type ServeOptions = OptionsOf<typeof serveCommand>;

export const serveCommand = () =>
  withExamples(withLogOptions(withCopyOptions(withLimitOptions(withStorageOptions(serveOn())))), [
    'synckit-ota serve --data-dir /var/lib/synckit-ota \\\n      --public-url https://updates.example.com',
    'synckit-ota serve --database postgres://ota@db/ota --storage s3://updates \\\n      --public-url https://updates.example.com',
    'synckit-ota serve --port 0 --log-format json',
  ]);

/** `serve` with where it listens. */
const serveOn = () =>
  new Command('serve')
    .summary('run the update server')
    .description(
      'Run the update server: on SQLite and disk in one folder, or on PostgreSQL and S3. SIGTERM or Ctrl-C finishes open requests and stops.',
    )
    .optionsGroup('Network options:')
    .addOption(new Option('--host <host>', 'address to listen on').default(DEFAULT_HOST))
    .addOption(new Option('--port <port>', 'port to listen on; 0 picks a free one').default(DEFAULT_PORT))
    .addOption(
      new Option(
        '--listen <where>',
        'unix:/path for a Unix socket, or systemd for one that a .socket unit passes (instead of --host and --port)',
      ).conflicts(['host', 'port']),
    )
    .addOption(
      publicUrlOption(
        'the URL that clients reach this server at; every URL it hands out starts with it (default: from host and port)',
      ),
    )
    .option(
      '--metrics-listen <host:port>',
      'answer GET /metrics for Prometheus there, without a token (default: nowhere)',
    )
    .option('--no-web', 'serve no pages for people, only the API')
    .option('--trust-proxy <cidr>', 'trust X-Forwarded-For from these addresses (repeatable)', collect);

const withStorageOptions = (command: ReturnType<typeof serveOn>) =>
  withS3(
    command
      .optionsGroup('Storage options:')
      .addOption(dataDirOption())
      .addOption(databaseOption())
      .addOption(
        new Option(
          '--database-connections <n>',
          'most connections to PostgreSQL for queries, in each worker; one more listens for changes',
        )
          .env('SYNCKIT_OTA_DATABASE_CONNECTIONS')
          .default(String(DEFAULT_DATABASE_CONNECTIONS)),
      )
      .addOption(storageOption()),
  );

const withLimitOptions = (command: ReturnType<typeof withStorageOptions>) =>
  command
    .optionsGroup('Behaviour options:')
    .addOption(
      new Option('--workers <n>', 'processes that share the port; each uses about one core').default('1'),
    )
    .addOption(
      new Option(
        '--check-max-age <duration>',
        'how long caches may keep an update check: seconds, or like 5m',
      ).default('0', '0: not at all'),
    )
    .option(
      '--stale-if-error <duration>',
      `how long to serve stale update checks while the database is unavailable: seconds, or like 5m (default: ${DEFAULT_STALE_IF_ERROR} with --database, else 0)`,
    )
    .addOption(
      new Option(
        '--check-cache-size <size>',
        'memory for the answers to update checks, in each worker: bytes, or like 256MiB; apps that were not asked for lately make room',
      ).default('64MiB'),
    )
    .addOption(
      new Option(
        '--scrub-rate <size>',
        'how much of the files on the disk is read again each second to find damage: bytes, or like 4MiB; 0: nothing',
      ).default('4MiB'),
    )
    .addOption(
      new Option(
        '--max-artifact-size <size>',
        'largest file that can be uploaded, in bytes or like 4GiB',
      ).default(String(DEFAULT_MAX_ARTIFACT_BYTES), '2 GiB'),
    )
    .addOption(
      new Option(
        '--audit-retention <duration>',
        'how long entries of the audit log are kept: like 90d or 2y, or forever',
      ).default('forever'),
    )
    .option('--no-stats', 'do not count which versions of apps ask for updates')
    .option(
      '--max-connections <n>',
      `most open connections, of all workers together (default: ${DEFAULT_MAX_CONNECTIONS}, or fewer if the limit on open files is low)`,
    )
    .option(
      '--max-connections-per-client <n>',
      'most open connections of one IPv4 address or IPv6 network of 64 bits that --trust-proxy does not name (default: a quarter of --max-connections)',
    )
    .option(
      '--allow-version-reuse',
      'let a deleted version be published again with different files (development only)',
    );

const withCopyOptions = (command: ReturnType<typeof withLimitOptions>) =>
  command
    .optionsGroup('Copy options:')
    .option(
      '--backup-to <folder>',
      'back up a store on SQLite and disk into a new folder in this one, when it is time',
    )
    .addOption(new Option('--backup-every <duration>', 'how often: like 12h or 1d').default('1d'))
    .addOption(new Option('--backup-keep <n>', 'how many backups are kept').default('7'))
    .option(
      '--export <destination>',
      'keep an export of all apps fresh, in a folder or s3://bucket/prefix: what `synckit-ota export` writes',
    )
    .option('--export-base-url <url>', 'what the export is reached as; required with --export');

const withLogOptions = (command: ReturnType<typeof withCopyOptions>) =>
  withHelp(
    command
      .optionsGroup('General options:')
      .addOption(
        new Option(
          '--log-format <format>',
          'log as text or as JSON lines (default: pretty on a terminal, else json)',
        ).choices(['pretty', 'json']),
      )
      .option('-v, --verbose', 'also log every update check and download'),
  );
