import { expect, test } from 'vitest';
import { describeRollout } from '../../../src/cli/rollout-in-words.ts';
import type { ReleaseResponse } from '../../../src/protocol/messages.ts';

const PUBLISHED = '2026-11-30T12:00:00Z';
const DAY = 86_400;
const partial = { percent: 100, share: 25, state: 'partial' } as const;
const scheduled = { ...partial, share: 0, state: 'scheduled', at: '2026-12-01T09:00:00Z' } as const;

test.each<[string | undefined, Partial<ReleaseResponse>]>([
  [undefined, {}],
  [undefined, { rollout: { percent: 100, share: 100, state: 'complete' } }],
  ['paused', { paused_at: PUBLISHED }],
  ['offered to 25 % of the apps', { rollout: { ...partial, percent: 25 } }],
  [
    'offered to 25 % of the apps, growing to everyone until 2026-12-03T12:00:00Z',
    { rollout: { ...partial, from: 25, over: 3 * DAY } },
  ],
  [
    'offered to 25 % of the apps, growing to 50 % of the apps until 2026-12-01T21:00:00Z',
    { rollout: { ...partial, percent: 50, from: 5, over: DAY / 2, at: '2026-12-01T09:00:00Z' } },
  ],
  [
    'offered to 25 % of the apps, growing to everyone in 90 minutes',
    { rollout: { ...partial, from: 25, over: 5400 }, pub_date: null },
  ],
  ['scheduled for 2026-12-01T09:00:00Z, for everyone', { rollout: scheduled }],
  [
    'scheduled for 2026-12-01T09:00:00Z, growing from 5 % to 50 % of the apps in 12 hours',
    { rollout: { ...scheduled, percent: 50, from: 5, over: DAY / 2 } },
  ],
  ['paused (offered to 25 % of the apps)', { rollout: { ...partial, percent: 25 }, paused_at: PUBLISHED }],
])('who is offered a release: %s', (words, fields) => {
  expect(describeRollout({ pub_date: PUBLISHED, ...fields })).toBe(words);
});
