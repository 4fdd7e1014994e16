import {
  type CopyPlan,
  type CopySource,
  copyStore,
  planCopy,
  requireFitTarget,
} from '../../copy/copy-store.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { openPostgres } from '../../database/postgres/open-postgres.ts';
import { storageBinding } from '../../database/queries/storage-binding.ts';
import { openSqliteReadOnly } from '../../database/sqlite/open-read-only.ts';
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { placeOf, readStorage, type S3Settings, type StorageOptions } from '../options/storage-options.ts';
import { type CopyResult, copyDocument, formatCopy } from '../output/copy-report.ts';
import { CopyReporter } from '../output/copy-reporter.ts';
import type { Context } from '../program.ts';
import { requirePostgresUrl } from '../wiring/open-store.ts';
import { openProbedS3 } from '../wiring/server-storage.ts';

interface CopyOptions extends Omit<StorageOptions, 'storage'> {
  readonly fromDataDir?: string;
  readonly toDatabase?: string;
  readonly toStorage?: string;
  readonly dryRun?: boolean;
}

interface CopySettings {
  readonly dataDir: string;
  readonly database: string;
  readonly s3: S3Settings;
}

const SERVED_HINT =
  'Stop it first, with SIGTERM: what it took while it is copied would be missing. Nothing was copied yet.';

/** Takes a single machine's store to PostgreSQL and S3. */
export async function runCopy(options: CopyOptions, context: Context): Promise<void> {
  const settings = readSettings(options);
  const { output } = context;
  process.umask(0o077); // for the lock, should it be missing
  const { dataDir, s3 } = settings;
  const queries = await openSqliteReadOnly({ dataDir });
  // A plan changes nothing, so it can be had while the folder is served.
  const unlock = options.dryRun
    ? () => {}
    : await lockForServing({ dataDir, hint: SERVED_HINT }).catch(closing(queries));
  try {
    await requireOnDisk(queries, dataDir);
    const source = { dataDir, queries };
    const plan = await planCopy(source);
    const result: CopyResult = options.dryRun
      ? { plan, status: 'planned', sent: { files: 0, bytes: 0 }, database: undefined, s3 }
      : await copy(source, plan, settings, context);
    output.document(copyDocument(result));
    output.result(formatCopy(result));
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await queries.destroy();
    unlock();
  }
}

function readSettings(options: CopyOptions): CopySettings {
  const problems = new OptionErrors();
  const { fromDataDir: dataDir, toDatabase: database, toStorage: storage } = options;
  if (!dataDir) problems.add('name the store to be copied: --from-data-dir DIR');
  if (!database) {
    problems.add(
      'name the database it is copied to: --to-database postgres://… or SYNCKIT_OTA_DATABASE; database and files move together',
    );
  } else problems.attempt(() => requirePostgresUrl(database, '--to-database'));
  if (!storage) {
    problems.add(
      'name the bucket it is copied to: --to-storage s3://bucket/prefix; database and files move together',
    );
  } else if (storage === 'disk') {
    problems.add('--to-storage is a bucket, like s3://bucket/prefix: files that stay on disk need no copy');
  }
  const s3 =
    storage && storage !== 'disk'
      ? readStorage({ ...options, storage }, problems, '--to-storage')
      : undefined;
  problems.throwIfAny();
  return { dataDir, database, s3 } as CopySettings;
}

async function requireOnDisk(queries: CopySource['queries'], dataDir: string): Promise<void> {
  const place = await storageBinding(queries);
  if (place === undefined || place === 'disk') return;
  throw new OtaError('usage', `the files of ${dataDir} are in ${place}, not in the folder`, {
    hint: 'Only a store that has both its database and its files in one folder can be copied.',
  });
}

async function copy(
  source: CopySource,
  plan: CopyPlan,
  { database: url, s3 }: CopySettings,
  { output, signal }: Context,
): Promise<CopyResult> {
  const place = placeOf(s3);
  const target = await openPostgres({ url });
  try {
    await requireFitTarget(plan, target, place);
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

function closing(queries: CopySource['queries']) {
  return async (error: unknown): Promise<never> => {
    await queries.destroy();
    throw error;
  };
}
