import { beforeEach } from 'vitest';

/** A setup file of the tier `stores`: it skips the tests of other tiers in the same files. */
beforeEach(({ task, skip }) => {
  skip(!task.tags?.includes('store'), 'it runs on no store');
});
