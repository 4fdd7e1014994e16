import type { Transaction } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { recordAudit } from './audit.ts';
import { ISSUER_KEYS, URL_KEYS } from './audited-rows.ts';
import { deleteSetting, saveSetting, setting } from './settings.ts';

/** The state of a copy into a database: `done` once its rows are there, which have the digest. */
export type CopyState = { readonly state: 'started' } | { readonly state: 'done'; readonly digest: string };

/** How long a copy that was interrupted may be continued, in milliseconds. */
const ABANDONED_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

/** Undefined when no copy was ever started. */
export async function copyState(db: Queries): Promise<CopyState | undefined> {
  const value = await setting(db, 'copy');
  if (value === undefined) return undefined;
  const [, digest] = value.split(' ');
  return digest === undefined ? { state: 'started' } : { state: 'done', digest };
}

/** Records the start of a copy. A database that has a finished copy stays `done`, and may be served during another. */
export async function recordCopyStarted(db: Queries, now: Date): Promise<void> {
  if ((await copyState(db))?.state !== 'done') await saveSetting(db, 'copy', 'started');
  await saveSetting(db, 'copy-started-at', now.toISOString());
}

/** @param digest of the rows as they were copied */
export async function recordCopyDone(
  transaction: Transaction<Schema>,
  digest: string,
  by: Attribution,
): Promise<void> {
  await saveSetting(transaction, 'copy', `done ${digest}`);
  await recordCopyEnded(transaction);
  // The keys of the store that was copied are not those of this one.
  const rows = [URL_KEYS, ISSUER_KEYS] as const;
  recordAudit(transaction, { by, action: 'store.copied', appId: null, rows });
}

/** Records that no copy is running any more, also where it had nothing to do. */
export async function recordCopyEnded(db: Queries): Promise<void> {
  await deleteSetting(db, 'copy-started-at');
}

/**
 * Whether a running copy may have imported files that no row refers to yet. One that was interrupted counts for a week
 * after its start.
 */
export async function isCopyUnderWay(db: Queries, now: Date): Promise<boolean> {
  const startedAt = await setting(db, 'copy-started-at');
  return startedAt !== undefined && now.getTime() - Date.parse(startedAt) < ABANDONED_AFTER_MS;
}

/**
 * Refuses a database with an unfinished copy: it would be served as if it were empty.
 * @throws OtaError `store_unavailable`
 */
export async function requireNoUnfinishedCopy(db: Queries): Promise<void> {
  if ((await copyState(db))?.state !== 'started') return;
  throw new OtaError('store_unavailable', 'a copy into this database has not finished', {
    hint: 'Run the same `synckit-ota copy` again until it succeeds; to give it up, use another database and prefix.',
  });
}
