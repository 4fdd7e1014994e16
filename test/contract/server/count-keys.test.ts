import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { KeyExchange } from '../../../src/server/counting/key-exchange.ts';
import { PeriodKeys } from '../../../src/server/counting/period-keys.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const NAMES = ['2026-11-29', '2026-11-23/P7D', '2026-11'];
const at = (time: string) => new Date(`2026-${time}:00Z`);

function newProcess() {
  const keys = new PeriodKeys();
  const exchange = new KeyExchange(keys);
  const secrets = (names = NAMES) => names.map((name) => keys.get(name)?.secret.toString('hex'));
  return { exchange, secrets };
}

async function rowsOf({ queries }: Database) {
  return queries.selectFrom('count_keys').selectAll().execute();
}

describeOnEachStore('the keys of processes that count', ({ start }) => {
  test('are the same, never in the store as they are, and gone when their period is over', async () => {
    const database = await (await start()).openDatabase();
    onTestFinished(() => database.close());
    const { queries } = database;
    const [one, two] = [newProcess(), newProcess()];
    const noon = at('11-29T12:00');
    await one.exchange.take(queries, noon);
    await two.exchange.take(queries, noon);
    expect(two.secrets()).toEqual([undefined, undefined, undefined]);
    await one.exchange.take(queries, noon);
    const sealed = (await rowsOf(database)).flatMap((row) => row.sealed ?? []);
    expect(sealed.length).toBe(3);
    await two.exchange.take(queries, noon);
    expect(new Set(one.secrets()).size).toBe(3);
    expect(two.secrets()).toEqual(one.secrets());
    const text = JSON.stringify([sealed, await rowsOf(database)]);
    for (const secret of one.secrets()) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret ?? '', 'hex').toString('base64'));
    }
    const before = new Set((await rowsOf(database)).map(({ node_id }) => node_id));

    const next = ['2026-11-30', '2026-11-30/P7D', '2026-11'];
    for (const time of ['11-29T23:55', '11-30T00:01']) {
      for (let round = 0; round < 3; round++)
        for (const { exchange } of [one, two]) await exchange.take(queries, at(time));
      expect(two.secrets(next)).toEqual(one.secrets(next));
      expect(one.secrets(next)).not.toContain(undefined);
    }
    const rows = await rowsOf(database);
    expect(rows.map(({ period }) => period)).not.toContain('2026-11-29');
    expect(rows.some(({ node_id }) => before.has(node_id))).toBe(false);
  });

  test('are handed to a new process, and made anew when all that had them are silent', async () => {
    const database = await (await start()).openDatabase();
    onTestFinished(() => database.close());
    const { queries } = database;
    const [one, two, three] = [newProcess(), newProcess(), newProcess()];
    await one.exchange.take(queries, at('11-29T12:00'));
    const first = one.secrets();
    await two.exchange.take(queries, at('11-29T12:01'));
    await two.exchange.take(queries, at('11-29T12:03')); // one was killed
    expect(two.secrets()).not.toContain(undefined);
    expect(two.secrets()).not.toEqual(first);
    await one.exchange.take(queries, at('11-29T12:03')); // it was only frozen
    await two.exchange.take(queries, at('11-29T12:03'));
    await one.exchange.take(queries, at('11-29T12:03'));
    expect(one.secrets()).toEqual(two.secrets());
    await two.exchange.leave(queries);
    await one.exchange.leave(queries);
    await three.exchange.take(queries, at('11-29T12:03'));
    expect(three.secrets()).not.toContain(undefined);
    expect(three.secrets()).not.toEqual(two.secrets());
  });
});
