import { AbortedTransactionError, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { mayBeCommitted } from '../../../src/database/database-error.ts';
import { createApp, listApps } from '../../../src/database/queries/apps.ts';
import { transact } from '../../../src/database/transaction.ts';
import { by } from '../../support/server/by.ts';

/** What PostgreSQL does at a commit, and SQLite does not. */
export function describeCommits(open: () => Promise<Database>): void {
  describe('the commit of a transaction with a query that failed', () => {
    /** Goes on after the error, as if the query had succeeded. */
    const commitAfterError = async ({ queries }: Database) => {
      const outcome = transact(queries, async (transaction) => {
        await transaction
          .insertInto('apps')
          .values({
            id: 'a',
            name: 'Test',
            slug: null,
            pubkey: null,
            approval: 0,
            require_bound_signatures: 0,
            revision: 0,
            trusted_only: 0,
            cohort_fallback: 'hold' as const,
            created_at: 0,
          })
          .execute();
        await sql`select 1 / 0`.execute(transaction).catch(() => {});
        return 'committed';
      });
      return outcome.catch((error: unknown) => error);
    };

    test('fails, and surely rolls back', async () => {
      const database = await open();
      const error = await commitAfterError(database);
      expect(error).toBeInstanceOf(AbortedTransactionError);
      expect(mayBeCommitted(error)).toBe(false);
      expect(await listApps(database.queries)).toEqual([]);
    });

    test('is not counted as a change, and leaves the connection usable', async () => {
      const database = await open();
      const before = database.changeCounter();
      await commitAfterError(database);
      expect(database.changeCounter()).toBe(before);
      expect(await createApp(database.queries, { name: 'Test' }, by())).toMatchObject({ name: 'Test' });
      expect(database.changeCounter()).not.toBe(before);
    });
  });
}
