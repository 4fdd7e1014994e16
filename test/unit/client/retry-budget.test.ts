import { describe, expect, test } from 'vitest';
import { RetryBudget } from '../../../src/client/retry-budget.ts';

/** How often it can be spent from until nothing is left. */
function spendAll(budget: RetryBudget): number {
  let spent = 0;
  while (budget.spend()) spent += 1;
  return spent;
}

function giveBack(budget: RetryBudget, times: number): void {
  for (let i = 0; i < times; i++) budget.giveBack();
}

describe('R56 a retry budget', () => {
  test('starts with 8 retries, which can be spent', () => {
    const budget = new RetryBudget();
    expect(spendAll(budget)).toBe(8);
    expect(budget.spend()).toBe(false);
  });

  test.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [9, 4],
    [16, 8],
  ])('gets one back for two successes: after %i successes there are %i', (successes, left) => {
    const budget = new RetryBudget();
    spendAll(budget);
    giveBack(budget, successes);
    expect(spendAll(budget)).toBe(left);
  });

  test.each([0, 8])('saves up no more than 8, after %i were spent', (spent) => {
    const budget = new RetryBudget();
    for (let i = 0; i < spent; i++) budget.spend();
    giveBack(budget, 1000);
    expect(spendAll(budget)).toBe(8);
  });

  test('allows one retry for two successes in the long run if a server fails every other time', () => {
    const budget = new RetryBudget();
    let retries = 0;
    for (let success = 0; success < 1000; success++) {
      if (budget.spend()) retries += 1;
      budget.giveBack();
    }
    expect(retries).toBe(500 + 8 - 1);
  });
});
