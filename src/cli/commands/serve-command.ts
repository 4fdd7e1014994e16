import { Command, Option } from '@commander-js/extra-typings';
import { DEFAULT_MAX_ARTIFACT_BYTES, DEFAULT_STALE_IF_ERROR } from '../defaults.ts';
import { withExamples } from '../options/help-format.ts';
import {
  collect,
  databaseOption,
  dataDirOption,
  type OptionsOf,
  withHelp,
  withS3,
} from '../options/shared-options.ts';

export type ServeOptions = OptionsOf<typeof serveCommand>;

export const serveCommand = () =>
  withExamples(withLogOptions(withLimitOptions(withStorageOptions(serveOn()))), [
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
    .addOption(new Option('--host <host>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <port>', 'port to listen on; 0 picks a free one').default('4680'))
    .addOption(
      new Option(
        '--public-url <url>',
        'the URL that clients reach this server at; every URL it hands out starts with it (default: from host and port)',
      ).env('SYNCKIT_OTA_PUBLIC_URL'),
    )
    .option('--trust-proxy <cidr>', 'trust X-Forwarded-For from these addresses (repeatable)', collect);

const withStorageOptions = (command: ReturnType<typeof serveOn>) =>
  withS3(
    command
      .optionsGroup('Storage options:')
      .addOption(dataDirOption())
      .addOption(databaseOption())
      .addOption(
        new Option(
          '--storage <where>',
          'where artifacts are stored: disk, or s3://bucket/prefix with credentials from the AWS environment',
        ).default('disk', 'disk, in the data folder'),
      ),
  );

const withLimitOptions = (command: ReturnType<typeof withStorageOptions>) =>
  command
    .optionsGroup('Behaviour options:')
    .addOption(
      new Option('--check-max-age <seconds>', 'how long caches may keep an update check').default(
        '0',
        '0: not at all',
      ),
    )
    .option(
      '--stale-if-error <seconds>',
      `how long to serve stale update checks while the database is unavailable (default: ${DEFAULT_STALE_IF_ERROR} with --database, else 0)`,
    )
    .addOption(
      new Option('--max-artifact-size <bytes>', 'largest file that can be uploaded').default(
        String(DEFAULT_MAX_ARTIFACT_BYTES),
        '2 GiB',
      ),
    )
    .option(
      '--allow-version-reuse',
      'let a deleted version be published again with different files (development only)',
    );

const withLogOptions = (command: ReturnType<typeof withLimitOptions>) =>
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
