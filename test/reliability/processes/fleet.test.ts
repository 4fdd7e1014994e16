import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { describeOnFleet } from '../../support/server/fleet.ts';
import type { FleetNode } from '../../support/server/fleet-node.ts';
import { type FleetWorld, openFleetWorld } from '../../support/server/fleet-world.ts';

const PATIENCE = { timeout: 15_000, interval: 50 };

/** The node that answers the next POST to a path with that end. */
async function whoeverAnswers(nodes: readonly FleetNode[], pathEnd: string): Promise<FleetNode> {
  const answers = (node: FleetNode) =>
    node.logs().filter(({ method, path }) => method === 'POST' && String(path).endsWith(pathEnd)).length;
  const before = nodes.map(answers);
  return vi.waitFor(
    () => {
      const found = nodes.find((node, i) => answers(node) > (before[i] ?? 0));
      expect(found).toBeDefined();
      return found as FleetNode;
    },
    { ...PATIENCE, interval: 2 },
  );
}

/** Repeats something until it is stopped. @returns all results */
function keepDoing<T>(something: () => Promise<T>, pauseMs = 5): () => Promise<T[]> {
  let stopped = false;
  const outcomes: T[] = [];
  const ended = (async () => {
    for (; !stopped; await sleep(pauseMs)) outcomes.push(await something());
  })();
  ended.catch(() => {}); // reported when it is stopped
  return async () => {
    stopped = true;
    await ended;
    return outcomes;
  };
}

describeOnFleet('three nodes on one PostgreSQL and one bucket, behind nginx', (suite) => {
  const startWorld = async (serveArgs: readonly string[] = []) =>
    openFleetWorld(await suite.startFleet(serveArgs));

  const expectOffered = ({ nodes, offered }: FleetWorld, version: string, patience: object | number) =>
    vi.waitFor(async () => {
      for (const { url } of nodes) expect(await offered(url)).toBe(version);
    }, patience);

  test('all offer a release that was published on one of them', async () => {
    const world = await startWorld();
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) {
      await world.publish(version);
      await expectOffered(world, version, PATIENCE);
    }
  });

  test('continue a publish when one of them is killed in the middle of it', async () => {
    const world = await startWorld();
    const { nodes, begin, offered } = world;
    for (const [i, pathEnd] of ['/releases', '/artifacts', '/complete'].entries()) {
      const [publish, node] = await Promise.all([begin(`1.${i + 1}.0`), whoeverAnswers(nodes, pathEnd)]);
      await node.kill();
      const { code, stderr } = await publish.finished;
      expect(code, stderr).toBe(0);
      expect(await offered()).toBe(`1.${i + 1}.0`);
      await node.start();
    }
    await expectOffered(world, '1.3.0', PATIENCE);
  });

  test.each([
    ['', async () => {}],
    [
      ', also when PostgreSQL was restarted in between',
      async () => {
        await suite.postgres.pause();
        await suite.postgres.resume();
      },
    ],
  ])(
    'keep responding while one is suspended, which gives no stale offer after it resumes%s',
    async (_, action) => {
      const world = await startWorld();
      const [stopped] = world.nodes as [FleetNode];
      stopped.pause();
      await action();
      for (let i = 0; i < 50; i++) expect(await world.offered()).toBe('1.0.0');
      await world.publish('1.1.0');
      await sleep(1000);
      stopped.resume();
      expect(await world.offered(stopped.url)).toBe('1.1.0');
    },
  );

  test('are restarted one after the other without a failed request', async () => {
    const { nodes, call, offered } = await startWorld();
    let count = 0;
    const create = async () =>
      (await call('POST', '/releases', { version: `2.0.${count++}`, signature: 's' })).status;
    const load = [offered, offered, offered, create, create].map((something) => keepDoing(something));
    for (const node of nodes) {
      await sleep(500);
      expect(await node.stop()).toBe(0);
      await sleep(500);
      await node.start();
    }
    const [checks, creations] = await Promise.all([
      Promise.all(load.slice(0, 3).map((stop) => stop())),
      Promise.all(load.slice(3).map((stop) => stop())),
    ]);
    expect(new Set(checks.flat())).toEqual(new Set(['1.0.0']));
    expect(new Set(creations.flat())).toEqual(new Set([201]));
    expect(checks.flat().length).toBeGreaterThan(200);
    expect(creations.flat().length).toBeGreaterThan(20);
  });

  describe('while PostgreSQL is away', () => {
    test.each(['fast', 'crash'] as const)(
      'answer checks from memory, and continue a publish when it is back (%s)',
      async (how) => {
        const world = await startWorld();
        const { nodes, check, offered, begin } = world;
        const stops = [undefined, ...nodes.map(({ url }) => url)].map((server) =>
          keepDoing(() => offered(server)),
        );
        await suite.postgres.pause(how);
        const publish = await begin('1.1.0');
        for (const { url } of nodes) expect((await check('1.0.0', url)).status).toBe(204);
        await sleep(1500);
        await suite.postgres.resume();
        const { code, stderr } = await publish.finished;
        expect(code, stderr).toBe(0);
        await expectOffered(world, '1.1.0', PATIENCE);
        const answers = (await Promise.all(stops.map((stop) => stop()))).flat();
        expect(new Set(answers)).toEqual(new Set(['1.0.0', '1.1.0']));
      },
    );

    test('answer 503 once the stale window is over', async () => {
      const world = await startWorld(['--stale-if-error', '2']);
      const { nodes, offered } = world;
      const stops = nodes.map(({ url }) => keepDoing(() => offered(url)));
      await suite.postgres.pause();
      await vi.waitFor(async () => {
        for (const { url } of nodes) expect(await offered(url)).toBe(503);
      }, PATIENCE);
      await suite.postgres.resume();
      await expectOffered(world, '1.0.0', PATIENCE);
      const answers = (await Promise.all(stops.map((stop) => stop()))).flat();
      expect(new Set(answers)).toEqual(new Set(['1.0.0', 503]));
    });
  });
});
