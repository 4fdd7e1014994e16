import {
  type CopyPlan,
  type CopySource,
  copyStore,
  planCopy,
  requireUsableTarget,
} from '../../copy/copy-store.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { openPostgres } from '../../database/postgres/open-postgres.ts';
import { storageBinding } from '../../database/queries/storage-binding.ts';
import { openSqliteReadOnly } from '../../database/sqlite/open-read-only.ts';
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { placeOf, readStorage, type S3Settings } from '../options/storage-options.ts';
import { type CopyResult, copyDocument, formatCopy } from '../output/copy-report.ts';
import { CopyReporter } from '../output/copy-reporter.ts';
import { requirePostgresUrl } from '../wiring/open-store.ts';
import { openProbedS3 } from '../wiring/server-storage.ts';
import type { CopyOptions } from './copy-command.ts';

interface CopySettings {
  readonly dataDir: string;
  readonly database: string;
  readonly s3: S3Settings;
}

const SERVED_HINT =
  'Stop it first, with SIGTERM: uploads that arrive during the copy would be missing. Nothing was copied yet.';

/** Migrates a single machine's store to PostgreSQL and S3. */
export async function runCopy(options: CopyOptions, { output, signal }: Context): Promise<void> {
  const settings = readSettings(options);
  process.umask(0o077); // for the lock file, should it be missing
  const { dataDir, s3 } = settings;
  const queries = await openSqliteReadOnly({ dataDir });
  let unlock = () => {};
  try {
    // A plan changes nothing, so it is possible while the folder is served.
    if (!options.dryRun) unlock = await lockForServing({ dataDir, hint: SERVED_HINT });
    await requireOnDisk(queries, dataDir);
    const source = { dataDir, queries };
    const plan = await planCopy(source);
    const result: CopyResult = options.dryRun
      ? { plan, status: 'planned', sent: { files: 0, bytes: 0 }, database: undefined, s3 }
      : await copy({ source, plan, settings }, { output, signal });
    output.document(copyDocument(result));
    output.result(formatCopy(result, output.style));
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await queries.destroy();
    unlock();
  }
}

function readSettings(options: CopyOptions): CopySettings {
  const errors = new OptionErrors();
  const { fromDataDir: dataDir, toDatabase: database } = options;
  if (!dataDir) errors.add('no store given: pass --from-data-dir DIR');
  if (!database) {
    errors.add(
      'no target database given: pass --to-database postgres://… or set SYNCKIT_OTA_DATABASE; database and files move together',
    );
  } else errors.attempt(() => requirePostgresUrl(database, '--to-database'));
  const s3 = readTargetStorage(options, errors);
  if (!errors.isEmpty || !dataDir || !database || !s3) throw errors.toError();
  return { dataDir, database, s3 };
}

function readTargetStorage(options: CopyOptions, errors: OptionErrors): S3Settings | undefined {
  const { toStorage: storage } = options;
  if (!storage) {
    errors.add(
      'no target bucket given: pass --to-storage s3://bucket/prefix; database and files move together',
    );
    return undefined;
  }
  if (storage === 'disk') {
    errors.add(
      '--to-storage must be a bucket, like s3://bucket/prefix: files that stay on disk need no copy',
    );
    return undefined;
  }
  return readStorage({ ...options, storage, option: '--to-storage' }, errors);
}

async function requireOnDisk(queries: CopySource['queries'], dataDir: string): Promise<void> {
  const place = await storageBinding(queries);
  if (place === undefined || place === 'disk') return;
  throw new OtaError('usage', `the files of ${dataDir} are in ${place}, not in the folder`, {
    hint: 'Only a store with its database and its files in one folder can be copied.',
  });
}

interface Copy {
  readonly source: CopySource;
  readonly plan: CopyPlan;
  readonly settings: CopySettings;
}

async function copy(
  { source, plan, settings: { database: url, s3 } }: Copy,
  { output, signal }: Pick<Context, 'output' | 'signal'>,
): Promise<CopyResult> {
  const place = placeOf(s3);
  const target = await openPostgres({ url });
  try {
    await requireUsableTarget(plan, target, place);
    const { storage } = await openProbedS3(s3, target.clock);
    const reporter = new CopyReporter(output, plan);
    try {
      const { onBytes, onFile, sent } = reporter;
      const status = await copyStore(plan, { source, target, storage, place, signal, onBytes, onFile });
      return { plan, status, sent, database: target.location, s3 };
    } finally {
      reporter.stop();
      storage.close();
    }
  } finally {
    await target.close();
  }
}
