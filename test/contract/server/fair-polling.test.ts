import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { describe, expect, test, vi } from 'vitest';
import { DEFAULT_POLL_SCHEDULE } from '../../../src/server/uploads/poll-schedule.ts';
import { bytesOf, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const PENDING = 20_000;
/** Of one app: docs/self-hosting/capacity.md. */
const MAX_POLLS_PER_SECOND = 32;

describeOnEachStore('field 15: one app with 20,000 uploads that never come', ({ files, start }) => {
  describe.skipIf(files === 'disk')('in a bucket', () => {
    test('attack L2: does not delay the upload of another, and its polls are bounded', async () => {
      const store = await start();
      const node = await store.open({ pollSchedule: DEFAULT_POLL_SCHEDULE });
      const flooding = await Publisher.on(node);
      await flooding.promise('1.0.0', 5);
      const { queries } = node.database;
      const [row] = await queries.selectFrom('artifacts').selectAll().execute();
      if (row === undefined) throw new Error('there is one');
      const since = performance.now();
      for (let left = PENDING; left > 0; left -= 1000) {
        const rows = Array.from({ length: 1000 }, () => ({ ...row, id: randomUUID() }));
        await queries.insertInto('artifacts').values(rows).execute();
      }
      const app = await Publisher.on(node, { slug: 'other' });
      const url = await app.promise('1.0.0', bytesOf('1.0.0').length);
      requireStatus(await app.put(url, bytesOf('1.0.0')), 200);
      await vi.waitFor(async () => expect(await app.offered()).toBe('1.0.0'));
      const [{ polled = 0 } = {}] = (
        await sql<{ polled: number }>`
          select count(*) as polled from artifacts where poll_at <> ${row.poll_at}`.execute(queries)
      ).rows;
      expect(Number(polled)).toBeGreaterThan(0);
      const seconds = (performance.now() - since) / 1000;
      expect(Number(polled) / (seconds + 1)).toBeLessThan(MAX_POLLS_PER_SECOND);
    });
  });
});
