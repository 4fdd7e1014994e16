import { existsSync } from 'node:fs';
import { databaseFailure } from '../../database/database-error.ts';
import type { AuditHead } from '../../database/queries/audit.ts';
import { nameAuditedRows } from '../../database/queries/audited-rows.ts';
import { verifyAudit } from '../../database/queries/verify-audit.ts';
import type { Queries } from '../../database/schema.ts';
import { atOneMoment } from '../../database/sqlite/copy-database.ts';
import { OtaError } from '../../errors.ts';
import {
  auditFindings,
  formatVerification,
  type VerifiedLog,
  type VerifiedStore,
  verificationDocument,
} from '../audit/verification-report.ts';
import type { Context } from '../context.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readTextFile } from '../options/remote-options.ts';
import { placeOf, readStorage, type S3Settings } from '../options/storage-options.ts';
import { whileWaiting } from '../output/spinner.ts';
import { ONLY_EXISTING, openStore, requirePostgresUrl } from '../wiring/open-store.ts';
import { openStoreWithFiles, requireUsableStore } from '../wiring/sound-store.ts';
import type { AuditVerifyOptions } from './audit-command.ts';
import { type CheckedStore, checkFiles, placeOfFolder } from './check-files.ts';

/** What is verified, and against what. */
interface Verifying {
  readonly options: AuditVerifyOptions;
  readonly s3: S3Settings | undefined;
  readonly checkpoints: readonly AuditHead[];
  readonly context: Context;
}

/** Finds what was changed by other means than this program, also while the store is served. Changes nothing. */
export async function runAuditVerify(options: AuditVerifyOptions, context: Context): Promise<void> {
  const errors = new OptionErrors();
  const s3 = readStorage(options, errors);
  errors.attempt(() => requirePostgresUrl(options.database));
  const checkpoints = readCheckpoints(options.checkpoint, errors);
  errors.throwIfAny();
  const { output } = context;
  try {
    const verifying = { options, s3, checkpoints, context };
    const result = await whileWaiting(output, 'Verifying', () =>
      options.database ? verifyOnPostgres(verifying) : verifyOnSqlite(verifying),
    );
    output.document(verificationDocument(result));
    output.result(formatVerification(result, output.style));
    const findings = auditFindings(result);
    if (findings.length === 0) return;
    throw new OtaError('verification_failed', 'the store was changed by other means:', {
      items: findings,
      hint: 'The page "Audit" of the documentation says what to do.',
    });
  } catch (error) {
    throw databaseFailure(error) ?? error;
  }
}

async function verifyOnSqlite({ options, s3, checkpoints, context }: Verifying): Promise<VerifiedStore> {
  const { dataDir } = options;
  requireUsableStore(dataDir);
  const store = await openStoreWithFiles(dataDir);
  const { queries } = store;
  try {
    const verified = await atOneMoment(store, () => verifyLog(queries, checkpoints));
    const checked = { queries, s3, clock: () => new Date(), place: s3 ? placeOf(s3) : 'disk' };
    return { ...verified, files: await verifyFiles(options, checked, context) };
  } finally {
    await store.close();
  }
}

async function verifyOnPostgres({ options, s3, checkpoints, context }: Verifying): Promise<VerifiedStore> {
  const database = await openStore(options, ONLY_EXISTING);
  try {
    const verified = await database.queries
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute((transaction) => verifyLog(transaction, checkpoints));
    if (options.skipFiles) return { ...verified, files: undefined };
    const place = s3 ? placeOf(s3) : await placeOfFolder(options.dataDir);
    return { ...verified, files: await verifyFiles(options, { s3, place, ...database }, context) };
  } finally {
    await database.close();
  }
}

async function verifyLog(queries: Queries, checkpoints: readonly AuditHead[]): Promise<VerifiedLog> {
  return { log: await verifyAudit(queries, checkpoints), names: await nameAuditedRows(queries) };
}

async function verifyFiles(
  { dataDir, skipFiles }: AuditVerifyOptions,
  store: CheckedStore,
  context: Context,
): Promise<VerifiedStore['files']> {
  return skipFiles ? undefined : checkFiles({ dataDir, hashes: true }, store, context);
}

/** Reads each `--checkpoint`: what `audit checkpoint` printed, or a file with one on each line. */
function readCheckpoints(values: readonly string[] = [], errors: OptionErrors): AuditHead[] {
  return values.flatMap((value) => {
    const isText = CHECKPOINT.test(value.trim()) && !existsSync(value);
    const text = isText ? value : (errors.attempt(() => readTextFile(value, '--checkpoint')) ?? '');
    const lines = text.split('\n').map((line) => line.trim());
    const checkpoints = lines.filter((line) => line !== '').map((line) => readCheckpoint(line, errors));
    if (checkpoints.length === 0 && text.trim() === '' && errors.isEmpty)
      errors.add(`--checkpoint ${value} is empty: it has to hold what \`audit checkpoint\` printed`);
    return checkpoints.filter((one) => one !== undefined);
  });
}

const CHECKPOINT = /^(\d{1,15}) ([0-9a-f]{64})$/;

function readCheckpoint(line: string, errors: OptionErrors): AuditHead | undefined {
  const [, seq, hash] = CHECKPOINT.exec(line) ?? [];
  if (hash !== undefined) return { seq: Number(seq), hash };
  errors.add('--checkpoint has a line that is no checkpoint: give what `audit checkpoint` printed');
  return undefined;
}
