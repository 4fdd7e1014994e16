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
import { lockForServing } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { placeOf, readStorage, type S3Settings } from '../options/storage-options.ts';
import { type CopyResult, copyDocument, formatCopy } from '../output/copy-report.ts';
import { CopyReporter } from '../output/copy-reporter.ts';
import { thisOperator } from '../this-operator.ts';
import { requirePostgresUrl } from '../wiring/open-store.ts';
import { openProbedS3 } from '../wiring/server-storage.ts';
import { openStoreWithFiles } from '../wiring/sound-store.ts';
import type { CopyOptions } from './copy-command.ts';

interface CopySettings {
  readonly dataDir: string;
  readonly database: string;
  readonly s3: S3Settings;
  readonly concurrency: number;
}

/** As many connections as the SDK has to a store. */
const MAX_CONCURRENCY = 50;

const SERVED_HINT =
  'Stop it first, with SIGTERM: uploads that arrive during the copy would be missing. Nothing was copied yet.';

/** Migrates a single machine's store to PostgreSQL and S3. */
export async function runCopy(options: CopyOptions, { output, signal, environment }: Context): Promise<void> {
  const settings = readSettings(options);
  process.umask(0o077); // for the lock file, should it be missing
  const { dataDir, s3 } = settings;
  const { queries, close } = await openStoreWithFiles(dataDir);
  let unlock = () => {};
  try {
    // A plan changes nothing, so it is possible while the folder is served.
    if (!options.dryRun) unlock = await lockForServing({ dataDir, hint: SERVED_HINT });
    await requireOnDisk(queries, dataDir);
    const source = { dataDir, queries };
    const plan = await planCopy(source);
    const result: CopyResult = options.dryRun
      ? { plan, status: 'planned', sent: { files: 0, bytes: 0 }, database: undefined, s3 }
      : await copy({ source, plan, settings }, { output, signal, environment });
    output.document(copyDocument(result));
    output.result(formatCopy(result, output.style));
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await close();
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
  const text = options.concurrency;
  const concurrency = readInteger({ option: '--concurrency', text, min: 1, max: MAX_CONCURRENCY }, errors);
  if (!errors.isEmpty || !dataDir || !database || !s3) throw errors.toError();
  return { dataDir, database, s3, concurrency };
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
  { source, plan, settings: { database: url, s3, concurrency } }: Copy,
  { output, signal, environment }: Context,
): Promise<CopyResult> {
  const place = placeOf(s3);
  const target = await openPostgres({ url, option: '--to-database' });
  try {
    await requireUsableTarget(plan, target, place);
    const { storage, warnings } = await openProbedS3(s3, target.clock);
    for (const warning of warnings) output.warning(warning);
    const reporter = new CopyReporter(output, plan);
    const noteWait = ({ message }: OtaError) => output.note(`Waiting: ${message}`);
    try {
      const { onBytes, onFile, sent } = reporter;
      const by = thisOperator(environment);
      const to = { source, target, storage, place, by, onWait: noteWait };
      const status = await copyStore(plan, { ...to, signal, concurrency, onBytes, onFile });
      return { plan, status, sent, database: target.location, s3 };
    } finally {
      reporter.stop();
      storage.close();
    }
  } finally {
    await target.close();
  }
}
