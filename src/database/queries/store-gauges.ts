import { sql } from 'kysely';
import type { Queries } from '../schema.ts';

/** How much there is in a store of what somebody should know of. */
export interface StoreGauges {
  readonly pendingUploads: number;
  readonly lostFiles: number;
  /** Messages to webhooks. */
  readonly waitingMessages: number;
}

export async function storeGauges(db: Queries): Promise<StoreGauges> {
  const pending = await db
    .selectFrom('artifacts')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('status', '=', sql.lit('pending'))
    .executeTakeFirstOrThrow();
  const lost = await db
    .selectFrom('artifacts')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('lost_at', 'is not', null)
    .executeTakeFirstOrThrow();
  const waiting = await db
    .selectFrom('webhook_deliveries')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('outcome', '=', sql.lit('pending'))
    .executeTakeFirstOrThrow();
  return {
    pendingUploads: Number(pending.count),
    lostFiles: Number(lost.count),
    waitingMessages: Number(waiting.count),
  };
}
