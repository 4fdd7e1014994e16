import { afterAll, beforeAll, test } from 'vitest';
import { expectReply } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import type { Need, Target } from './target.ts';
import { World } from './world.ts';

export interface OpenTarget {
  readonly target: Target;
  close(): Promise<void>;
}

/**
 * Declares a test for each scenario, run one after the other on the server that `open` gives. A scenario that needs
 * what the server does not offer is skipped by name.
 * @param lacks what it is allowed not to offer; `unknown` for a server that is not our own
 */
export function runScenarios(
  open: () => Promise<OpenTarget>,
  { lacks }: { lacks: readonly Need[] | 'unknown' },
): void {
  let opened: OpenTarget;
  let offered: ReadonlySet<Need>;

  beforeAll(async () => {
    opened = await open();
    const world = new World(opened.target);
    offered = await world.offered();
    await world.setSlug(opened.target.slug);
  });
  afterAll(() => opened?.close());

  for (const { name, needs, steps } of scenarios) {
    test(name, async ({ skip }) => {
      const world = new World(opened.target);
      const missing = needs.filter((need) => !offered.has(need));
      const mayLack = lacks === 'unknown' || missing.every((need) => lacks.includes(need));
      skip(missing.length > 0 && mayLack, `the server has no ${missing.join(', ')}`);
      const answerer = { ours: offered.has('ours'), stores: offered.has('own-storage') };
      try {
        for (const { act, expected } of steps) expectReply(await act(world), expected(world), answerer);
      } finally {
        await world.cleanUp();
      }
    });
  }
}
