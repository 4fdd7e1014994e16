import { once } from 'node:events';
import { beforeAll, expect, test } from 'vitest';
import type { RouteName } from '../../../src/protocol/routes.ts';
import type { Fault, ProxiedRequest } from '../../support/network/fault.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { times } from '../../support/process/torture.ts';
import { publishLinux, startWorld } from '../../support/publish/world.ts';
import { listReleases } from '../../support/server/list-releases.ts';
import { fetchServed, type ServedUpdate } from '../../support/server/served-update.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';
import { type SignedBundle, signBundles, writeBundles } from '../../support/tauri/signed-bundles.ts';

/** Six routes can be the start line on disk, and one more with a remote store. */
const RACES = { disk: times(6, 200), fake: times(4, 200), Ceph: times(4, 200) };

const LINUX = { target: 'linux', arch: 'x86_64' } as const;

/** Two files for one platform, from two jobs. */
/** Bundles of other platforms stand for the builds of two jobs. */
const ANY_FILE = '--allow-mismatch';

let jobs: readonly SignedBundle[];

beforeAll(async () => {
  jobs = (await signBundles(300_000)).bundles.slice(0, 2);
});

/** The job that has these bytes and this signature; undefined if neither has, or if they are mixed. */
function ownerOf(served: ServedUpdate): SignedBundle | undefined {
  return jobs.find(({ signature, bytes }) => served.signature === signature && served.bytes.equals(bytes));
}

/** Delays requests for one route until both jobs have reached it, or one of them has ended. */
function startLine(route: RouteName | undefined) {
  let arrived = 0;
  const line = new AbortController();
  return {
    inject: (request: ProxiedRequest): Fault | undefined => {
      const ofJob = request.headers['user-agent'] !== 'node';
      if (line.signal.aborted || !ofJob || routeOf(request) !== route) return undefined;
      arrived += 1;
      if (arrived === jobs.length) line.abort();
      return { at: 'before', action: () => line.signal.aborted || once(line.signal, 'abort') };
    },
    open: () => line.abort(),
  };
}

describeOnEachStore('jobs', ({ files, start }) => {
  const races = RACES[files];
  test(
    `R21 with different files for one platform: one job wins and the other gets a conflict, in ${races} races`,
    async () => {
      const proxy = await startFaultProxy();
      const world = await startWorld(['--public-url', proxy.url.href], proxy.url, await start());
      proxy.target = world.server.url;
      const files = (await writeBundles(world.folder, jobs)).map(({ file }) => file);
      expect(await world.run(publishLinux('1.0.0', files[0] ?? '', ANY_FILE))).toMatchObject({ code: 0 });
      const routes = [undefined, ...new Set(proxy.requests.map(routeOf))];
      const wins = new Map(jobs.map((job) => [job, 0]));

      for (let race = 1; race <= races; race++) {
        const version = `1.${race}.0`;
        const route = routes[race % routes.length];
        const what = `race ${race}, from ${route ?? 'the start'} on`;
        const { inject, open } = startLine(route);
        proxy.inject = inject;
        const racing = files.map((file) =>
          world.runJson(publishLinux(version, file, ANY_FILE)).finally(open),
        );
        let over = false;
        const finished = Promise.all(racing).finally(() => {
          over = true;
        });
        while (!over) {
          const served = await fetchServed(world.server.url, 'my-app', LINUX);
          if (served !== undefined) expect(ownerOf(served), what).toBeDefined();
        }

        const codes = (await finished).map(({ code }) => code);
        expect([...codes].sort(), what).toEqual([0, 5]);
        const winner = jobs[codes.indexOf(0)] as SignedBundle;
        const served = await fetchServed(world.server.url, 'my-app', LINUX);
        expect(served?.version, what).toBe(version);
        expect(ownerOf(served as ServedUpdate), what).toBe(winner);
        wins.set(winner, (wins.get(winner) ?? 0) + 1);
      }
      const releases = await listReleases(world.server.url, world.app);
      expect(releases.map(({ artifacts }) => artifacts?.length)).toEqual(Array(races + 1).fill(1));
      console.log(`${races} races were won ${[...wins.values()].join(' and ')} times`);
    },
    60_000 + races * 8000,
  );
});
