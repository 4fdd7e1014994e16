import { join } from 'node:path';
import { requireRestorableBackup } from '../../backup/backup-folder.ts';
import { repairHint } from '../../backup/damaged-file.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { backupIdentity } from '../../database/queries/backup-record.ts';
import { requireStoredNames } from '../../database/queries/stored-names.ts';
import { statDatabase } from '../../database/sqlite/database-file.ts';
import { DATABASE_FILE } from '../../database/sqlite/open-sqlite.ts';
import { openSqliteFile } from '../../database/sqlite/sqlite-connection.ts';
import { findBrokenReferences, findCorruption } from '../../database/sqlite/threads/check-integrity.ts';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { placeOf, readStorage, type S3Settings } from '../options/storage-options.ts';
import { type FsckResult, findingsOf, formatFsck, fsckDocument } from '../output/fsck-report.ts';
import { ONLY_EXISTING, openStore, requirePostgresUrl } from '../wiring/open-store.ts';
import { openStoreWithFiles, requireUsableStore } from '../wiring/sound-store.ts';
import { checkFiles, placeOfFolder } from './check-files.ts';
import type { FsckOptions } from './fsck-command.ts';

/** Checks a store, which may be served, and changes nothing. */
export async function runFsck(options: FsckOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const s3 = readStorage(options, errors);
  errors.attempt(() => requirePostgresUrl(options.database));
  errors.throwIfAny();
  try {
    const result = await (options.database
      ? checkOnPostgres(options, s3, context)
      : checkOnSqlite(options, s3, context));
    const { output } = context;
    output.document(fsckDocument(result));
    output.result(formatFsck(result, output.style));
    requireSound(result);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  }
}

async function checkOnSqlite(
  options: FsckOptions,
  s3: S3Settings | undefined,
  context: Context,
): Promise<FsckResult> {
  const { dataDir } = options;
  const file = join(dataDir, DATABASE_FILE);
  requireUsableStore(dataDir);
  const problems = statDatabase(file) ? await findDatabaseProblems(file) : [];
  const database = { location: file, problems };
  if (problems.length > 0) return { database, storage: undefined, hashes: false, files: undefined };
  const { queries, close } = await openStoreWithFiles(dataDir);
  try {
    if ((await backupIdentity(queries)).madeAt !== undefined) await requireRestorableBackup(dataDir);
    const store = { queries, clock: () => new Date(), place: s3 ? placeOf(s3) : 'disk' };
    return { database, ...(await checkFiles(options, { s3, ...store }, context)) };
  } finally {
    await close();
  }
}

async function findDatabaseProblems(file: string): Promise<string[]> {
  const connection = await openSqliteFile(file, { readonly: true, keepsAll: true });
  try {
    const problems = findCorruption(connection);
    return problems.length > 0 ? problems : findBrokenReferences(connection);
  } finally {
    connection.close();
  }
}

/** PostgreSQL checks itself what SQLite has to be asked for: foreign keys, and pages by their checksums. */
async function checkOnPostgres(
  options: FsckOptions,
  s3: S3Settings | undefined,
  context: Context,
): Promise<FsckResult> {
  const { dataDir } = options;
  const database = await openStore(options, ONLY_EXISTING);
  try {
    await requireStoredNames(database.queries);
    const place = s3 ? placeOf(s3) : await placeOfFolder(dataDir);
    const files = await checkFiles(options, { s3, place, ...database }, context);
    return { database: { location: database.location, problems: undefined }, ...files };
  } finally {
    await database.close();
  }
}

/** @throws OtaError `verification_failed` naming what is damaged */
function requireSound(result: FsckResult): void {
  const findings = findingsOf(result);
  if (findings === undefined) return;
  const { message, items } = findings;
  throw new OtaError('verification_failed', message, { items, hint: remedyFor(result) });
}

function remedyFor({ database, files }: FsckResult): string {
  if (files === undefined || (database.problems ?? []).length > 0)
    return 'Stop the server, and restore a backup into another folder with `synckit-ota restore`. The files were not checked.';
  return repairHint(files.damaged);
}
