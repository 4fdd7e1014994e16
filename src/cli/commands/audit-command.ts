import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { appOption, collect, type OptionsOf, withFiles, withStore } from '../options/shared-options.ts';

export type AuditOptions = OptionsOf<typeof auditCommand>;
export type AuditVerifyOptions = OptionsOf<typeof auditVerifyCommand>;
export type AuditCheckpointOptions = OptionsOf<typeof auditCheckpointCommand>;

export const auditCommand = () =>
  withExamples(
    withStore(
      new Command('audit')
        .summary('show who changed what (run on the server)')
        .description(
          'Show the audit log, the latest change last: who changed what, when, from where and with which token. Run this on the server: it opens the store directly, also while `serve` runs.',
        )
        .optionsGroup('Audit options:')
        .addOption(appOption("only this app's changes: its id, slug or name"))
        .option(
          '--since <time>',
          'only changes since then: a date, a time in UTC, or how long ago, like 24h or 7d',
        )
        .option('--limit <n>', 'how many entries to show', '50'),
    ),
    ['synckit-ota audit --app my-app', 'synckit-ota audit --since 7d --json'],
  )
    .commandsGroup('Commands:')
    .helpCommand('help [command]', 'show the help of a command');

export const auditVerifyCommand = () =>
  withExamples(
    withFiles(
      new Command('verify')
        .summary('find changes that were made by other means')
        .description(
          'Recompute the chain of hashes of the audit log, and compare the database and every published file with what the log says. What was changed by other means than this program is found. Nothing is changed.',
        )
        .optionsGroup('Verify options:')
        .option(
          '--checkpoint <file or text>',
          'require that the log still contains what `audit checkpoint` printed (repeatable; a file may have several, one on each line)',
          collect,
        )
        .option('--skip-files', 'compare only the database, without reading the files'),
    ),
    [
      'synckit-ota audit verify --data-dir /var/lib/synckit-ota',
      'synckit-ota audit verify --checkpoint checkpoints.txt',
    ],
  );

export const auditCheckpointCommand = () =>
  withExamples(
    withStore(
      new Command('checkpoint')
        .summary('print the end of the log, to keep elsewhere')
        .description(
          'Print the number and the hash of the last entry of the audit log. Kept where no one who can write to this database can change it, it proves later that nothing before it was changed or removed.',
        ),
    ),
    ['synckit-ota audit checkpoint >> checkpoints.txt'],
  );
