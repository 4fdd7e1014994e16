import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { OfferCache } from '../../../../src/server/update-check/offer-cache.ts';
import { UnreliableDatabase } from '../../../support/postgres/unreliable-database.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { LINUX } from '../../../support/publish/publisher.ts';
import { StoreWithApp } from '../../../support/server/store-with-app.ts';

const START = Date.parse('2026-03-13T12:00:00Z');
const SECOND = 1000;

/** Offers with 1.0.0 in memory, on a database that can be broken (`database` cannot), and a movable clock. */
async function startOffers(staleIfError = 300) {
  const dataDir = await tempFolder();
  const [database, own] = [await openSqlite({ dataDir }), await openSqlite({ dataDir })];
  onTestFinished(async () => void (await Promise.all([database.close(), own.close()])));
  const store = await StoreWithApp.in(database);
  await store.publish(await store.release('1.0.0'));
  const unreliable = new UnreliableDatabase(own);
  const time = { now: START };
  const onStale = vi.fn();
  const offers = new OfferCache({
    database: unreliable.database,
    publicUrl: () => 'https://updates.example.com',
    clock: () => new Date(time.now),
    staleIfError,
    onStale,
  });
  const find = async (slug = 'my-app', currentVersion = '0.9.0') => {
    const { offer: found } = await offers.find(slug, { platform: LINUX, currentVersion, channel: 'stable' });
    return typeof found === 'string' ? found : found.version;
  };
  expect(await find()).toBe('1.0.0');
  const publish = async (version: string) => {
    await store.publish(await store.release(version));
    unreliable.raiseCounter();
  };
  return { database, unreliable, time, onStale, find, publish };
}

describe('while the database is unavailable', () => {
  test('a check gets the stale offer, for as long as the operator says', async () => {
    const { unreliable, time, find } = await startOffers(300);
    unreliable.break();
    for (const seconds of [0, 1, 100, 299.9]) {
      time.now = START + seconds * SECOND;
      expect(await find()).toBe('1.0.0');
      expect(await find('my-app', '1.0.0')).toBe('no_update');
    }
    time.now = START + 300 * SECOND;
    await expect(find()).rejects.toThrow('away');
    await expect(find('my-app', '1.0.0')).rejects.toThrow('away');
  });

  test('that time counts from when the offer was last known to be current, not from when it was loaded', async () => {
    const { unreliable, time, find } = await startOffers(300);
    time.now = START + 200 * SECOND;
    expect(await find('my-app')).toBe('1.0.0');
    unreliable.break();
    time.now = START + 499 * SECOND;
    expect(await find()).toBe('1.0.0');
    time.now = START + 500 * SECOND;
    await expect(find()).rejects.toThrow('away');
  });

  test('an offer is known to be current as long as any app’s check saw that nothing changed', async () => {
    const { database, unreliable, time, find } = await startOffers(300);
    await StoreWithApp.in(database, 'other-app');
    time.now = START + 200 * SECOND;
    expect(await find('other-app')).toBe('no_update');
    unreliable.break();
    time.now = START + 499 * SECOND;
    expect(await find()).toBe('1.0.0');
  });

  test('a check fails for an unknown slug, and for an app that was not loaded before', async () => {
    const { database, unreliable, find } = await startOffers();
    await StoreWithApp.in(database, 'other-app');
    expect(await find('unknown')).toBe('unknown_slug');
    unreliable.break();
    await expect(find('unknown')).rejects.toThrow('away');
    await expect(find('other-app')).rejects.toThrow('away');
  });

  test('a check fails if the operator does not want stale offers', async () => {
    const { unreliable, find } = await startOffers(0);
    unreliable.break();
    await expect(find()).rejects.toThrow('away');
  });

  test('it is queried once a second for an app, however many checks there are', async () => {
    const { unreliable, time, find } = await startOffers();
    unreliable.break();
    unreliable.queries = 0;
    for (let tenth = 0; tenth < 30; tenth++) {
      time.now += SECOND / 10;
      if (tenth % 10 === 0) unreliable.raiseCounter();
      await Promise.all([find(), find(), find()]);
    }
    expect(unreliable.queries).toBe(3);
  });

  test('an outage is reported once, and once more when it happens again', async () => {
    const { unreliable, time, onStale, find } = await startOffers();
    for (let outage = 1; outage <= 2; outage++) {
      unreliable.break();
      for (let i = 0; i < 3; i++) {
        time.now += 2 * SECOND;
        await find();
      }
      expect(onStale).toHaveBeenCalledTimes(outage);
      unreliable.mend();
      time.now += 2 * SECOND;
      expect(await find()).toBe('1.0.0');
    }
    expect(onStale).toHaveBeenCalledWith(expect.objectContaining({ message: 'away' }));
  });

  test('a change counter that cannot be read counts as an outage', async () => {
    const { unreliable, time, find } = await startOffers(300);
    unreliable.breakCounter();
    expect(await find()).toBe('1.0.0');
    await expect(find('unknown')).rejects.toThrow('the counter cannot be read');
    time.now += 300 * SECOND;
    await expect(find()).rejects.toThrow('the counter cannot be read');
    unreliable.mend();
    expect(await find()).toBe('1.0.0');
  });
});

describe('when the database is available again', () => {
  test('what changed during the outage is offered a second later', async () => {
    const { unreliable, time, find, publish } = await startOffers();
    unreliable.break();
    expect(await find()).toBe('1.0.0');
    await publish('2.0.0');
    unreliable.mend();
    time.now += SECOND;
    expect(await find()).toBe('2.0.0');
  });

  test('the next check gets the new offer at once if there was no stale one', async () => {
    const { unreliable, find, publish } = await startOffers(0);
    unreliable.break();
    await expect(find()).rejects.toThrow('away');
    await publish('2.0.0');
    unreliable.mend();
    expect(await find()).toBe('2.0.0');
  });

  test('the stale window starts again', async () => {
    const { unreliable, time, find } = await startOffers(300);
    unreliable.break();
    time.now += 299 * SECOND;
    expect(await find()).toBe('1.0.0');
    unreliable.mend();
    time.now += 299 * SECOND;
    expect(await find()).toBe('1.0.0');
    unreliable.break();
    time.now += 299 * SECOND;
    expect(await find()).toBe('1.0.0');
  });
});

describe('while the database does not respond', () => {
  test('a check waits for it for a second, later checks not at all', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { unreliable, time, find, publish } = await startOffers();
    const letGo = unreliable.hold();
    await publish('2.0.0');
    const pass = async (ms: number) => {
      time.now += ms;
      await vi.advanceTimersByTimeAsync(ms);
    };
    const first = find();
    await pass(SECOND / 2);
    const second = find();
    await pass(SECOND / 2);
    expect(await first).toBe('1.0.0');
    await pass(1);
    unreliable.raiseCounter();
    expect(await find()).toBe('1.0.0');
    await pass(SECOND / 2);
    expect(await second).toBe('1.0.0');

    letGo();
    await vi.waitFor(async () => {
      time.now += SECOND;
      expect(await find()).toBe('2.0.0');
    });
  });

  test('a check waits as long as it takes if there is no stale offer', async () => {
    const { unreliable, find, publish } = await startOffers(0);
    const letGo = unreliable.hold();
    await publish('2.0.0');
    const found = find();
    setTimeout(letGo, 1100);
    expect(await found).toBe('2.0.0');
  });

  test.each([
    ['succeeds', undefined],
    ['fails', new Error('away')],
  ])(
    'and this process was paused, a query from before that %s afterwards does not count',
    async (_, failure) => {
      const { unreliable, time, find, publish } = await startOffers();
      unreliable.raiseCounter();
      const letGo = unreliable.hold();
      const before = find();
      await vi.waitFor(() => expect(unreliable.queries).toBeGreaterThan(0));
      time.now += 30 * SECOND;
      await publish('2.0.0');
      const after = find();
      letGo(failure);
      expect(await before).toBe('1.0.0');
      expect(await find()).toBe('2.0.0');
      expect(await after).toBe('2.0.0');
    },
  );
});

test('a check after a change sees it, even while an earlier one is still loading', async () => {
  const { unreliable, find, publish } = await startOffers(0);
  unreliable.raiseCounter();
  const letGo = unreliable.hold();
  const before = find(); // has found out that there is nothing new, but not heard it yet
  await vi.waitFor(() => expect(unreliable.queries).toBeGreaterThan(0));
  await publish('2.0.0');
  unreliable.queries = 0;
  const after = [find(), find(), find()];
  letGo();
  expect(await before).toBe('1.0.0');
  expect(await Promise.all(after)).toEqual(['2.0.0', '2.0.0', '2.0.0']);
  expect(unreliable.queries).toBe(12); // once for all of them
});
