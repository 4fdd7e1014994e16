import { expect, onTestFinished, test } from 'vitest';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { isRemote } from '../../../src/storage/remote-storage.ts';
import { atGoingLive, atUpload, type Point } from '../../support/network/request-points.ts';
import { times } from '../../support/process/torture.ts';
import { type PublishWorld, startPublishWorld } from '../../support/publish/publish-world.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';
import { SIX } from '../../support/tauri/local-file.ts';

/*
 * R20: during a publish of six platforms, checkers ask for each of them continuously. A release that goes live at one
 * instant is never seen on one platform and, by a check that started later, not yet on another.
 */

/** Fewer in `npm test` if a publish is slow. */
const PUBLISHES = { disk: times(6, 500), fake: times(4, 500), Ceph: times(4, 100) };

/** A check with its response. `began` and `ended` count events of all checkers and the publish. */
interface Answered {
  readonly name: string;
  readonly version: string | undefined;
  readonly began: number;
  readonly ended: number;
}

/** Checks every platform continuously, each in its own loop, until it is stopped. */
function startCheckers(world: PublishWorld, platforms: readonly Platform[]) {
  const answered: Answered[] = [];
  let events = 0;
  let stopped = false;
  const loops = platforms.map(async (platform) => {
    const { client } = world.connect().publisher;
    while (!stopped) {
      const began = events++;
      const update = await client.check({ ...platform, slug: 'my-app', currentVersion: '0.0.0-0' });
      answered.push({ name: platformName(platform), version: update?.version, began, ended: events++ });
    }
  });
  return {
    answered,
    now: () => events++,
    async stop() {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

/** Publishes as one run, or as six jobs that start at the same instant. Calls back when going live is first requested. */
async function publishAll(world: PublishWorld, version: string, sixJobs: boolean, onGoingLive: () => void) {
  const expected = sixJobs ? { expect: SIX.map(platformName) } : {};
  const jobs = sixJobs ? world.artifacts.map((artifact) => [artifact]) : [world.artifacts];
  const goesLive: Point = sixJobs ? atUpload : atGoingLive;
  const ended = await Promise.all(
    jobs.map((artifacts) => {
      const way = world.connect();
      way.transport.before = (request) => {
        if (goesLive(request)) onGoingLive();
      };
      return world.run({ version, artifacts, concurrency: 6, ...expected }, way);
    }),
  );
  const statuses = ended.map(({ outcome }) => outcome.status ?? String(outcome));
  const published = statuses.filter((status) => status === 'published').length;
  expect(statuses).toEqual(statuses.map(() => expect.stringMatching(/^(draft|published)$/)));
  expect(published).toBeGreaterThan(0);
  // With a remote store, a job without that information can be the one: see `GoLiveResult`.
  if (!isRemote(world.server.services.storage)) expect(published).toBe(1);
}

describeOnEachStore('a publish of six platforms', ({ files, create }) => {
  const publishes = PUBLISHES[files];
  test(`pains 1: switches all platforms at one instant, in ${publishes} publishes`, {
    timeout: 60_000 + publishes * 5000,
  }, async () => {
    const world = await startPublishWorld(SIX, async (dataDir) => {
      const store = await create(dataDir);
      onTestFinished(() => store.close());
      return store.open();
    });
    await world.run({ version: '1.0.0' });
    let straddling = 0;
    for (let i = 1; i <= publishes; i++) {
      const [old, version] = [`1.${i - 1}.0`, `1.${i}.0`];
      const checkers = startCheckers(world, SIX);
      let asked = Number.POSITIVE_INFINITY;
      await publishAll(world, version, i % 2 === 0, () => {
        asked = Math.min(asked, checkers.now());
      }).catch((error) => checkers.stop().then(() => Promise.reject(error)));
      const done = checkers.now();
      await checkers.stop();

      const { answered } = checkers;
      expect(answered.every((check) => check.version === old || check.version === version)).toBe(true);
      const firstNew = Math.min(
        ...answered.filter((check) => check.version === version).map(({ ended }) => ended),
      );
      const stale = answered.filter((check) => check.version === old && check.began > firstNew);
      expect(stale, `old after ${version} was seen`).toEqual([]);
      const early = answered.filter((check) => check.version === version && check.ended < asked);
      expect(early, `${version} before it was to go live`).toEqual([]);
      const late = answered.filter((check) => check.version === old && check.began > done);
      expect(late, `old after ${version} was published`).toEqual([]);
      for (const platform of SIX) expect(await world.offered(platform)).toBe(version);
      const seen = (wanted: string) =>
        new Set(answered.filter((check) => check.version === wanted).map(({ name }) => name)).size;
      if (seen(old) === SIX.length && seen(version) === SIX.length) straddling += 1;
    }
    // Unless the checkers saw both sides of the switch on every platform, the test shows nothing.
    expect(straddling).toBeGreaterThan(publishes / 2);
  });
});
