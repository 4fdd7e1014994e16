import { Command } from '@commander-js/extra-typings';
import { withExamples } from '../options/help-format.ts';
import { databaseOption, dataDirOption, type OptionsOf, withOutput } from '../options/shared-options.ts';

export type BackupOptions = OptionsOf<typeof backupCommand>;
export type RestoreOptions = OptionsOf<typeof restoreCommand>;

export const backupCommand = () =>
  withExamples(
    withOutput(
      new Command('backup')
        .argument('<destination>')
        .summary('back up a store on SQLite and disk')
        .description(
          'Back up a store on SQLite and disk into a folder, also while `serve` runs. Every file that is copied is verified by its hash. Run again with the same folder, it copies only what is new.',
        )
        .optionsGroup('Store options:')
        .addOption(dataDirOption())
        .addOption(databaseOption().hideHelp()), // refused: a server that has it is not on SQLite
    ),
    [
      'synckit-ota backup /mnt/backup/synckit-ota --data-dir /var/lib/synckit-ota',
      'synckit-ota backup /mnt/backup/synckit-ota --json',
    ],
  );

export const restoreCommand = () =>
  withExamples(
    withOutput(
      new Command('restore')
        .argument('<backup>')
        .summary('restore a backup into an empty folder')
        .description(
          'Restore a backup into a data folder that is empty or missing. The database and every file are verified first.',
        )
        .optionsGroup('Store options:')
        .addOption(dataDirOption())
        .option('--allow-damaged', 'leave out files that are damaged in the backup'),
    ),
    [
      'synckit-ota restore /mnt/backup/synckit-ota --data-dir /var/lib/synckit-ota',
      'synckit-ota restore /mnt/backup/synckit-ota --data-dir ./restored \\\n      --allow-damaged',
    ],
  );
