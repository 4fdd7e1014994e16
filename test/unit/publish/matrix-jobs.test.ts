import { describe, expect, test } from 'vitest';
import { type Platform, platformName } from '../../../src/protocol/platform.ts';
import { dyingWay } from '../../support/network/dying-way.ts';
import { type PublishWorld, startPublishWorld, type Way } from '../../support/publish/publish-world.ts';
import { namesOf, ReleaseWatch } from '../../support/publish/release-watch.ts';
import { DEB, LINUX, MAC, SIX, WINDOWS } from '../../support/tauri/local-file.ts';

/*
 * Jobs of a matrix, without a coordinator: each publishes what it has built, and names all platforms there are to be.
 */

const APPIMAGE: Platform = { ...LINUX, bundleType: 'appimage' };
const RPM: Platform = { ...LINUX, bundleType: 'rpm' };
const NSIS: Platform = { ...WINDOWS, bundleType: 'nsis' };
const MSI: Platform = { ...WINDOWS, bundleType: 'msi' };
const THREE = [LINUX, MAC, WINDOWS];

type Jobs = readonly (readonly Platform[])[];

const permutations = <T>(items: readonly T[]): T[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((others) => [item, ...others]));

/** Expects one release with each file in it, live, and each offered. */
async function expectWhole(world: PublishWorld, platforms: readonly Platform[], version = '1.2.0') {
  const releases = (await world.releases()).filter((release) => release.version === version);
  expect(releases).toMatchObject([{ version, status: 'published' }]);
  expect(releases[0]?.artifacts).toHaveLength(platforms.length);
  for (const platform of platforms) expect(await world.offered(platform)).toBe(version);
}

describe('jobs that start at the same instant', () => {
  test.each<[string, Jobs, string[]]>([
    ['one for each platform', THREE.map((platform) => [platform]), namesOf(THREE)],
    ['two platforms in one of them', [[LINUX, MAC], [WINDOWS]], namesOf(THREE)],
    ['all platforms in one', [THREE], namesOf(THREE)],
    ['one for each of six platforms', SIX.map((platform) => [platform]), namesOf(SIX)],
    [
      'several bundle types for an expected platform',
      [[APPIMAGE, DEB, RPM], [MAC], [NSIS, MSI]],
      namesOf(THREE),
    ],
    [
      'several bundle types, each expected by name, from separate jobs',
      [[APPIMAGE], [DEB], [MAC]],
      namesOf([APPIMAGE, DEB, MAC]),
    ],
    ['the same job twice', [[LINUX], [LINUX], [MAC]], namesOf([LINUX, MAC])],
  ])('pains 1: create one release, which one of them publishes: %s', async (_, jobs, expected) => {
    const platforms = [
      ...new Map(jobs.flat().map((platform) => [platformName(platform), platform])).values(),
    ];
    const world = await startPublishWorld(platforms);
    const watch = new ReleaseWatch(world, expected, platforms);
    const ended = await Promise.all(
      jobs.map((job) =>
        world.run({ artifacts: world.filesOf(...job), expect: expected }, watch.on(world.connect())),
      ),
    );
    const statuses = ended.map(({ outcome }) => outcome.status ?? outcome);
    expect(statuses.toSorted()).toEqual([...jobs.slice(1).map(() => 'draft'), 'published']);
    expect(watch.wrong).toEqual([]);
    await expectWhole(world, platforms);
    // The job that took it live has verified the files of all jobs.
    const published = ended[statuses.indexOf('published')]?.outcome;
    expect(namesOf(published.artifacts)).toEqual(namesOf(platforms));
    expect(published.artifacts.every(({ verified }: { verified: boolean }) => verified)).toBe(true);
    for (const { publisher } of ended) expect(publisher.waits.every((ms) => ms >= 1000)).toBe(true);
  });

  test('can all be re-run without sending anything', async () => {
    const world = await startPublishWorld(THREE);
    const publishAll = () =>
      Promise.all(THREE.map((job) => world.run({ artifacts: world.filesOf(job), expect: namesOf(THREE) })));
    await publishAll();
    const again = await publishAll();
    expect(again.map(({ outcome }) => outcome.status)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(again.flatMap(({ transport }) => transport.writes)).toEqual([]);
  });
});

test.each(permutations(THREE).map((order) => ({ order, names: order.map(platformName).join(', then ') })))(
  'pains 1: jobs one after the other: $names; the release goes live with the last',
  async ({ order }) => {
    const world = await startPublishWorld(THREE);
    const statuses: unknown[] = [];
    for (const job of order) {
      for (const platform of THREE) expect(await world.offered(platform)).toBeUndefined();
      const { outcome } = await world.run({ artifacts: world.filesOf(job), expect: namesOf(THREE) });
      statuses.push(outcome.status);
    }
    expect(statuses).toEqual(['draft', 'draft', 'published']);
    await expectWhole(world, THREE);
  },
);

describe('a job that is killed', () => {
  const jobs = [[APPIMAGE, DEB], [MAC]] as const;
  const [LINUX_JOB, MAC_JOB] = jobs;
  const all = [...LINUX_JOB, ...MAC_JOB];
  const expected = ['linux-x86_64', 'darwin-aarch64'];

  test.each([
    ['before', 'first'],
    ['after', 'first'],
    ['before', 'last'],
    ['after', 'last'],
  ] as const)('%s any of its requests, as the %s job, is finished by a re-run', async (at, place) => {
    const world = await startPublishWorld(all);
    const dying = place === 'first' ? LINUX_JOB : MAC_JOB;
    const other = place === 'first' ? MAC_JOB : LINUX_JOB;
    for (let nth = 1, survived = false; !survived; nth++) {
      const version = `1.${nth}.0`;
      const watch = new ReleaseWatch(world, expected, all, version);
      const job = (platforms: readonly Platform[], way: Way = world.connect()) => {
        const request = { version, expect: expected, concurrency: 1, artifacts: world.filesOf(...platforms) };
        return world.run(request, watch.on(way));
      };
      if (place === 'last') await job(other);
      const way = dyingWay(world, nth, at);
      await job(dying, way);
      survived = !way.died();
      if (place === 'first') await job(other);
      const again = await job(dying);
      expect(again.outcome, way.transport.calls.at(-1)).toMatchObject({
        status: expect.stringMatching(/^(published|draft|unchanged)$/),
      });
      expect(watch.wrong, way.transport.calls.at(-1)).toEqual([]);
      await expectWhole(world, all, version);
      expect(nth).toBeLessThan(50);
    }
  });

  test('anywhere, repeatedly and at the same time as the others, leaves one complete release', async () => {
    const world = await startPublishWorld(all);
    for (const round of [1, 2, 3, 4, 5, 6]) {
      const version = `2.${round}.0`;
      const watch = new ReleaseWatch(world, expected, all, version);
      const untilDone = async (platforms: readonly Platform[], offset: number) => {
        const statuses: string[] = [];
        for (let nth = offset; ; nth += 3) {
          const way = dyingWay(world, nth, nth % 2 ? 'after' : 'before');
          const request = { version, expect: expected, artifacts: world.filesOf(...platforms) };
          const { outcome } = await world.run(request, watch.on(way));
          if (way.died()) continue;
          statuses.push(outcome.status ?? String(outcome));
          return statuses;
        }
      };
      const statuses = await Promise.all(jobs.map((platforms, i) => untilDone(platforms, round + i)));
      for (const [status] of statuses) expect(status).toMatch(/^(published|draft|unchanged)$/);
      expect(statuses.flat().filter((status) => status === 'published').length).toBeLessThan(2);
      expect(watch.wrong).toEqual([]);
      await expectWhole(world, all, version);
    }
  });
});

describe('jobs without expected platforms', () => {
  test('create one release at the same second, and each platform is offered', async () => {
    const world = await startPublishWorld(SIX);
    const ended = await Promise.all(SIX.map((job) => world.run({ artifacts: world.filesOf(job) })));
    expect(ended.map(({ outcome }) => outcome)).toMatchObject(
      SIX.map((job) => ({ status: 'published', artifacts: [{ ...job, verified: true }] })),
    );
    await expectWhole(world, SIX);
  });

  test('go live with the first of them, and the others are added', async () => {
    const world = await startPublishWorld(THREE);
    for (const job of THREE) {
      const { outcome } = await world.run({ artifacts: world.filesOf(job) });
      expect(outcome).toMatchObject({ status: 'published' });
      expect(await world.offered(job)).toBe('1.2.0');
    }
    await expectWhole(world, THREE);
  });
});
