import type { Kysely, Transaction } from 'kysely';
import { HyperLogLog } from '../../protocol/stats/hyperloglog.ts';
import { isoDay } from '../../protocol/stats/period.ts';
import type { CountKind, CountsTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { sketchOf, sketchText } from './sketch-text.ts';

/**
 * `seen`: asked for updates, at any version. `running`: asked with this version. `offered` it, `downloaded` it.
 * `looping`: downloaded it again and again. `reported`: says how an update ended. `converted`: downloaded it, and asked with
 * it; `failed`: downloaded it, and reports that it failed or crashed: both are computed from the others.
 */
export type CellKind = Exclude<CountKind, 'converted' | 'failed'>;

/** What names a count. */
export interface CellName {
  readonly appId: string;
  /** A name of `Period`. */
  readonly period: string;
  /** When that ends, in milliseconds since 1970. */
  readonly periodEnd: number;
  readonly kind: CellKind;
  /** Empty for all of them. */
  readonly version: string;
  /** As `platformName`; empty for all of them. */
  readonly platform: string;
  /** Of reports: what they say; else empty. */
  readonly outcome?: string;
  /** Which key it was counted with. */
  readonly generation: string;
}

export interface CountedCell extends CellName {
  readonly sketch: HyperLogLog;
}

/** Fewer clients than this are not stored or shown. */
export const FEWEST_CLIENTS = 10;
/** Cells of one app in one period that are stored: those that come later are left out. */
const MAX_STORED = 5000;
const CELLS_AT_ONCE = 20;
/** How long after the end of a period processes still add what they have counted in it, in milliseconds. */
export const LATE_MS = 60 * 60 * 1000;

/** Adds what a process has counted to what the store has, and takes what the store has into its sketches. */
export async function mergeCounts(db: Kysely<Schema>, cells: readonly CountedCell[]): Promise<void> {
  for (let first = 0; first < cells.length; first += CELLS_AT_ONCE) {
    const some = cells.slice(first, first + CELLS_AT_ONCE);
    await transact(db, async (transaction) => {
      const apps = await existingApps(transaction, some);
      const left = new Map<string, number>();
      for (const cell of some) if (apps.has(cell.appId)) await mergeCount(transaction, cell, left);
    });
  }
}

async function existingApps(transaction: Queries, cells: readonly CellName[]): Promise<ReadonlySet<string>> {
  const ids = [...new Set(cells.map(({ appId }) => appId))];
  const rows = await transaction.selectFrom('apps').select('id').where('id', 'in', ids).execute();
  return new Set(rows.map(({ id }) => id));
}

/** @param left how many more cells an app may have in a period, by both */
async function mergeCount(
  transaction: Transaction<Schema>,
  cell: CountedCell,
  left: Map<string, number>,
): Promise<void> {
  const { sketch } = cell;
  const stored = await readSketch(transaction, cell);
  if (stored !== undefined) {
    sketch.merge(stored);
    if (!stored.merge(sketch)) return;
  } else if (!(await mayAdd(transaction, cell, left))) return;
  const clients = Math.round(sketch.estimate());
  const sketch_until = cell.periodEnd + LATE_MS;
  await saveCount(transaction, cell, { clients, sketch: sketchText(sketch), sketch_until });
  if (cell.kind === 'running' || cell.kind === 'downloaded')
    await countBoth(transaction, cell, { kind: 'converted', of: [{ kind: 'running' }] });
  if (cell.kind === 'downloaded' || isFailure(cell))
    await countBoth(transaction, cell, { kind: 'failed', of: FAILURES });
}

async function mayAdd(
  transaction: Queries,
  { appId, period }: CellName,
  left: Map<string, number>,
): Promise<boolean> {
  const key = `${appId}\n${period}`;
  const free = left.get(key) ?? MAX_STORED - (await countStored(transaction, { appId, period }));
  left.set(key, free - 1);
  return free > 0;
}

async function countStored(
  transaction: Queries,
  { appId, period }: Pick<CellName, 'appId' | 'period'>,
): Promise<number> {
  const row = await transaction
    .selectFrom('counts')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('app_id', '=', appId)
    .where('period', '=', period)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

async function readSketch(transaction: Queries, cell: CellName): Promise<HyperLogLog | undefined> {
  const { appId, ...name } = cell;
  const row = await transaction
    .selectFrom('counts')
    .select('sketch')
    .where('app_id', '=', appId)
    .where('period', '=', name.period)
    .where('kind', '=', name.kind)
    .where('version', '=', name.version)
    .where('platform', '=', name.platform)
    .where('outcome', '=', name.outcome ?? '')
    .where('generation', '=', name.generation)
    .executeTakeFirst();
  return row?.sketch == null ? undefined : sketchOf(row.sketch);
}

const FAILURES = (['failed', 'crashed'] as const).map((outcome) => ({ kind: 'reported' as const, outcome }));

function isFailure({ kind, outcome }: Pick<CellName, 'kind' | 'outcome'>): boolean {
  return FAILURES.some((failure) => failure.kind === kind && failure.outcome === outcome);
}

/** Of those who have downloaded a release: those who are in one of some others: those in all, less those in either. */
async function countBoth(
  transaction: Transaction<Schema>,
  cell: CountedCell,
  {
    kind,
    of: others,
  }: { readonly kind: CountKind; readonly of: readonly Pick<CellName, 'kind' | 'outcome'>[] },
): Promise<void> {
  const downloaded = await readSketch(transaction, { ...cell, kind: 'downloaded', outcome: '' });
  const either = new HyperLogLog();
  for (const other of others) {
    const stored = await readSketch(transaction, { ...cell, outcome: '', ...other });
    if (stored !== undefined) either.merge(stored);
  }
  const inEither = either.estimate();
  if (downloaded === undefined || inEither === 0) return;
  const both = downloaded.estimate() + inEither;
  either.merge(downloaded);
  const clients = Math.max(0, Math.round(both - either.estimate()));
  const computed = { ...cell, kind, outcome: '' };
  await saveCount(transaction, computed, { clients, sketch: null, sketch_until: null });
}

async function saveCount(
  transaction: Queries,
  name: Omit<CellName, 'kind'> & Pick<CountsTable, 'kind'>,
  values: Pick<CountsTable, 'clients' | 'sketch' | 'sketch_until'>,
): Promise<void> {
  const { appId, period, kind, version, platform, outcome = '', generation } = name;
  await transaction
    .insertInto('counts')
    .values({ app_id: appId, period, kind, version, platform, outcome, generation, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(['app_id', 'period', 'kind', 'version', 'platform', 'outcome', 'generation'])
        .doUpdateSet((eb) => ({
          clients: eb.ref('excluded.clients'),
          sketch: eb.ref('excluded.sketch'),
          sketch_until: eb.ref('excluded.sketch_until'),
        })),
    )
    .execute();
}

/** A count of clients: at least the larger one where a key was lost, at most the sum. */
export interface StoredCount extends Pick<CountsTable, 'period' | 'kind' | 'version' | 'platform'> {
  readonly outcome: string;
  readonly clients: number;
  readonly atMost: number;
}

export interface CountFilter {
  readonly appId: string;
  /** Only periods with this month or later in their names, like `2026-11`. */
  readonly since: string;
  readonly version?: string | undefined;
}

/** An app's counts, without those that are not shown, the latest period first. */
export async function readCounts(
  db: Queries,
  { appId, since, version }: CountFilter,
): Promise<StoredCount[]> {
  const rows = await db
    .selectFrom('counts')
    .select(['period', 'kind', 'version', 'platform', 'outcome', 'clients'])
    .where('app_id', '=', appId)
    .where('period', '>=', since)
    .$if(version !== undefined, (query) => query.where('version', '=', version ?? ''))
    .execute();
  const counts = new Map<string, StoredCount>();
  for (const { clients, ...row } of rows) {
    const key = [row.period, row.kind, row.version, row.platform, row.outcome].join('\n');
    const { clients: most = 0, atMost = 0 } = counts.get(key) ?? {};
    counts.set(key, { ...row, clients: Math.max(most, clients), atMost: atMost + clients });
  }
  return [...counts.values()]
    .filter(({ clients }) => clients >= FEWEST_CLIENTS)
    .sort((a, b) => (a.period < b.period ? 1 : a.period > b.period ? -1 : 0));
}

/** How many counts there are by a key. */
export async function countsOf(db: Queries, generation: string): Promise<number> {
  const row = await db
    .selectFrom('counts')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('generation', '=', generation)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long counts are kept, in days. */
const KEPT_DAYS = 400;

/** Forgets old counts, and the sketches of periods that have ended, of which the counts stay. */
export async function forgetOldCounts(db: Queries, now: Date): Promise<void> {
  const oldest = isoDay(now.getTime() - KEPT_DAYS * DAY_MS);
  await db.deleteFrom('counts').where('period', '<', oldest.slice(0, 7)).execute();
  await db
    .deleteFrom('conversions')
    .where('changed_at', '<', now.getTime() - KEPT_DAYS * DAY_MS)
    .execute();
  await db
    .updateTable('counts')
    .set({ sketch: null, sketch_until: null })
    .where('sketch_until', 'is not', null)
    .where('sketch_until', '<', now.getTime())
    .execute();
}
