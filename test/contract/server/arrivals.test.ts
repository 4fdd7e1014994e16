import { expect, test, vi } from 'vitest';
import { bytesOf, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

/** The age of an upload that is polled for at the longest interval. */
const LATE_MS = 30 * 60 * 1000;

describeOnEachStore('a PUT without a request after it', ({ engine, files, start }) => {
  /** As many nodes as the store allows. They poll fifty times as often as `serve` does. */
  async function startNodes() {
    const store = await start();
    const open = () => store.open({ pollSchedule: { first: 20, max: 100 } });
    const nodes = [await open(), ...(engine === 'PostgreSQL' && files !== 'disk' ? [await open()] : [])];
    const app = await Publisher.on(nodes[0] as (typeof nodes)[number]);
    return { store, app, apps: nodes.map((node) => app.at(node)) };
  }

  test('R26: is offered by every node, also if it arrives late', async () => {
    const { app, apps } = await startNodes();
    const { queries } = app.server.database;
    for (const version of ['1.0.0', '2.0.0']) {
      const url = await app.promise(version, bytesOf(version).length);
      if (version === '2.0.0') {
        const created_at = app.server.services.clock().getTime() - LATE_MS;
        await queries.updateTable('artifacts').set({ created_at }).where('status', '=', 'pending').execute();
        await untilPolled();
      }
      requireStatus(await app.put(url, bytesOf(version)), 200);
      await vi.waitFor(async () => {
        for (const one of apps) expect(await one.offered()).toBe(version);
      });
      for (const one of apps) expect(await one.fetchOffer()).toEqual(bytesOf(version));
    }

    /** After a poll that found nothing, an upload of that age waits for the longest interval. */
    async function untilPolled() {
      if (files === 'disk') return; // where nothing is polled
      const pollAt = async () => {
        const query = queries.selectFrom('artifacts').select('poll_at').where('status', '=', 'pending');
        return (await query.executeTakeFirstOrThrow()).poll_at ?? 0;
      };
      const first = await pollAt();
      await vi.waitFor(async () => expect(await pollAt()).toBeGreaterThan(first));
    }
  });
});
