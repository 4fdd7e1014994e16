import { expect, test } from 'vitest';
import { type Outcome, simulateRollout, type World } from './simulated-rollout.ts';

/** `SIMULATED_ROLLOUTS=1000 npx vitest run --project unit simulated-rollout` takes others, and more of them. */
const RUNS = Number(process.env.SIMULATED_ROLLOUTS ?? 300);
const FIRST_SEED = RUNS === 300 ? 1 : 50_000;

const GOOD: World = { installs: 20_000, failing: 0, afterFailure: 'silent', reporting: 0 };

function simulate(world: Partial<World>, runs = RUNS): Outcome[] {
  return Array.from({ length: runs }, (_, run) => simulateRollout(FIRST_SEED + run, { ...GOOD, ...world }));
}

function share(outcomes: readonly Outcome[], isOne: (outcome: Outcome) => boolean): number {
  return outcomes.filter(isOne).length / outcomes.length;
}

const isPaused = ({ cause }: Outcome) => cause !== undefined;
const isPausedInTime = ({ cause, share: exposed }: Outcome) => cause !== undefined && exposed < 20;

test('a release that fails in 5 % of its installs is paused before a fifth of them is offered it', () => {
  const outcomes = simulate({ failing: 0.05 });
  expect(share(outcomes, isPausedInTime)).toBeGreaterThanOrEqual(0.95);
  expect(new Set(outcomes.map(({ cause }) => cause?.kind))).toEqual(new Set(['conversion']));
}, 120_000);

test('of good releases at most one in a hundred is paused', () => {
  expect(share(simulate({}), isPaused)).toBeLessThanOrEqual(0.01);
}, 120_000);

test('where half of the failing installs report it, half as many installs do', () => {
  const outcomes = simulate({ installs: 10_000, failing: 0.05, reporting: 0.5 }, RUNS / 4);
  expect(share(outcomes, isPausedInTime)).toBeGreaterThanOrEqual(0.95);
}, 120_000);

test('a release that fails everywhere is paused before a twelfth is offered it, of few installs too', () => {
  const outcomes = simulate({ installs: 2000, failing: 1 }, RUNS / 4);
  expect(outcomes.every(({ cause, share: exposed }) => cause !== undefined && exposed < 12)).toBe(true);
}, 60_000);
