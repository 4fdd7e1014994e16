import { afterAll, beforeAll, test } from 'vitest';
import { expectReply } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import type { Target } from './target.ts';
import { World } from './world.ts';

export interface OpenTarget {
  readonly target: Target;
  close(): Promise<void>;
}

/**
 * Declares a test for each scenario, run one after the other on the server that `open` gives. What the server does
 * not offer is skipped; with `complete` it has to offer everything.
 */
export function runScenarios(open: () => Promise<OpenTarget>, { complete }: { complete: boolean }): void {
  let opened: OpenTarget;

  beforeAll(async () => {
    opened = await open();
    await new World(opened.target).setSlug(opened.target.slug);
  });
  afterAll(() => opened?.close());

  for (const { name, needs, steps } of scenarios) {
    test(name, async ({ skip }) => {
      const world = new World(opened.target);
      const missing = complete ? [] : await world.missing(needs);
      skip(missing.length > 0, `the server has no ${missing.join(', ')}`);
      const ours = complete || (await world.missing(['ours'])).length === 0;
      try {
        for (const { act, expected } of steps) expectReply(await act(world), expected(world), ours);
      } finally {
        await world.cleanUp();
      }
    });
  }
}
