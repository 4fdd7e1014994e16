import { beforeEach } from 'vitest';

/** A setup file of the tier of stores: it leaves out what the files of the other tiers declare beside it. */
beforeEach(({ task, skip }) => {
  skip(!task.tags?.includes('store'), 'it runs on no store');
});
