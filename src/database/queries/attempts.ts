import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { AGES, type Age } from '../../protocol/health/assess-release.ts';
import { HyperLogLog } from '../../protocol/stats/hyperloglog.ts';
import type { AttemptsTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { sketchOf, sketchText } from './sketch-text.ts';

const HOUR_MS = 60 * 60 * 1000;
/** How late something may be counted, in milliseconds: later it would be of another age. Then it is left out. */
const LATEST_MS = HOUR_MS / 2;
const AT_ONCE = 100;

/** The clients that began to download a release in a time, as far as they were not known before. */
export interface AttemptCell {
  readonly appId: string;
  /** Without build metadata. */
  readonly version: string;
  readonly platform: string;
  /** The key that they were hashed with, and the month that it is for. */
  readonly generation: string;
  readonly period: string;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
  readonly sketch: HyperLogLog;
}

/** Adds what a process has counted to what the store has. */
export async function addAttempts(db: Kysely<Schema>, cells: readonly AttemptCell[]): Promise<void> {
  for (let first = 0; first < cells.length; first += AT_ONCE) {
    const some = cells.slice(first, first + AT_ONCE);
    await transact(db, async (transaction) => {
      const ids = [...new Set(some.map(({ appId }) => appId))];
      const apps = await transaction.selectFrom('apps').select('id').where('id', 'in', ids).execute();
      for (const cell of some)
        if (apps.some(({ id }) => id === cell.appId)) await addAttempt(transaction, cell);
    });
  }
}

async function addAttempt(transaction: Transaction<Schema>, cell: AttemptCell): Promise<void> {
  const { appId: app_id, version, platform, generation, endsAt: ends_at, period } = cell;
  const key = { app_id, version, platform, generation, ends_at };
  const stored = await transaction
    .selectFrom('attempts')
    .select('sketch')
    .where((eb) => eb.and(key))
    .executeTakeFirst();
  const sketch = new HyperLogLog();
  sketch.merge(cell.sketch);
  if (stored !== undefined) sketch.merge(sketchOf(stored.sketch));
  const [hours] = AGES;
  await transaction
    .insertInto('attempts')
    .values({ ...key, period, hours, due_at: ends_at + hours * HOUR_MS, sketch: sketchText(sketch) })
    .onConflict((conflict) =>
      conflict
        .columns(['app_id', 'version', 'platform', 'generation', 'ends_at'])
        .doUpdateSet((eb) => ({ sketch: eb.ref('excluded.sketch') })),
    )
    .execute();
}

/**
 * Counts how many of those who downloaded a release have asked with it by now, of each time that is as old as one of
 * `AGES`. Several processes may do it at the same time: each time counts once.
 * @param isCurrent whether a key is in use: those who ask after it was lost are hashed with another one
 */
export async function countConversions(
  db: Kysely<Schema>,
  now: Date,
  isCurrent: (attempt: Pick<AttemptsTable, 'period' | 'generation'>) => boolean,
): Promise<void> {
  const due = await db
    .selectFrom('attempts')
    .select(['app_id', 'version', 'platform', 'generation', 'ends_at', 'period', 'hours', 'due_at'])
    .where('due_at', '<=', now.getTime())
    .orderBy('due_at')
    .limit(AT_ONCE)
    .execute();
  for (const attempt of due) {
    const isLate = attempt.due_at + LATEST_MS < now.getTime();
    if (!isLate && !isCurrent(attempt)) continue; // another process may have the key
    await transact(db, (transaction) => countDue(transaction, attempt, { now, counts: !isLate }));
  }
}

type DueAttempt = Omit<Selectable<AttemptsTable>, 'sketch'>;

async function countDue(
  transaction: Transaction<Schema>,
  { period, due_at, ...attempt }: DueAttempt,
  { now, counts }: { readonly now: Date; readonly counts: boolean },
): Promise<void> {
  const { hours, ...key } = attempt;
  const next = AGES.find((age) => age > hours);
  // Who changes the row first counts it.
  const taken =
    next === undefined
      ? await transaction
          .deleteFrom('attempts')
          .where((eb) => eb.and(attempt))
          .returning('sketch')
          .executeTakeFirst()
      : await transaction
          .updateTable('attempts')
          .set({ hours: next, due_at: key.ends_at + next * HOUR_MS })
          .where((eb) => eb.and(attempt))
          .returning('sketch')
          .executeTakeFirst();
  if (taken === undefined || !counts) return;
  const running = await transaction
    .selectFrom('counts')
    .select('sketch')
    .where((eb) => eb.and({ app_id: key.app_id, period, kind: 'running' }))
    .where((eb) => eb.and({ version: key.version, platform: key.platform, generation: key.generation }))
    .executeTakeFirst();
  const { known, missing } = sketchOf(taken.sketch).missingIn(
    running?.sketch == null ? new HyperLogLog() : sketchOf(running.sketch),
  );
  const { app_id, version, platform } = key;
  const values = { attempts: known, converted: Math.max(0, known - missing), changed_at: now.getTime() };
  await transaction
    .insertInto('conversions')
    .values({ app_id, version, platform, hours, ...values })
    .onConflict((conflict) =>
      conflict.columns(['app_id', 'version', 'platform', 'hours']).doUpdateSet((eb) => ({
        attempts: sql<number>`conversions.attempts + excluded.attempts`,
        converted: sql<number>`conversions.converted + excluded.converted`,
        changed_at: eb.ref('excluded.changed_at'),
      })),
    )
    .execute();
}

export interface StoredConversion {
  readonly platform: string;
  readonly hours: Age;
  readonly attempts: number;
  readonly converted: number;
}

/** Of one version, without build metadata. */
export async function readConversions(
  db: Queries,
  appId: string,
  version: string,
): Promise<StoredConversion[]> {
  const rows = await db
    .selectFrom('conversions')
    .select(['platform', 'hours', 'attempts', 'converted'])
    .where('app_id', '=', appId)
    .where('version', '=', version)
    .execute();
  return rows.flatMap(({ hours, ...row }) => {
    const age = AGES.find((one) => one === hours);
    return age === undefined ? [] : [{ ...row, hours: age }];
  });
}
