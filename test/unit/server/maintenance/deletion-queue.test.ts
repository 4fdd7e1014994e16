import { expect, onTestFinished, test } from 'vitest';
import { DeletionQueue } from '../../../../src/server/maintenance/deletion-queue.ts';
import type { ArtifactStorage } from '../../../../src/storage/artifact-storage.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

/** Three files of deleted releases, and a storage that removes as a test says. */
async function openRemovals(remove: (nth: number) => Promise<void>) {
  const server = await startServer();
  const app = await Publisher.on(server);
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) await app.publish(version);
  await server.database.queries
    .updateTable('artifacts')
    .set({ status: 'deleting', release_id: null })
    .execute();
  let tried = 0;
  const storage = { remove: () => remove(++tried) } as unknown as ArtifactStorage;
  const reported: unknown[] = [];
  const removals = new DeletionQueue({ ...server.services, storage }, (error) => reported.push(error));
  onTestFinished(() => removals.stop());
  return { removals, reported, tried: () => tried };
}

test('R6: a failing disk stops all removals, and is reported before any other failure', async () => {
  const lost = Object.assign(new Error('fsync'), { code: 'SQLITE_IOERR_FSYNC' });
  const failures = [new Error('busy'), lost];
  const { removals, reported, tried } = await openRemovals((nth) => Promise.reject(failures[nth - 1]));
  await removals.run();
  expect(reported).toEqual([lost]);
  expect(tried()).toBe(2);
});

test('however many releases are deleted while a store does not respond, they are retried once', async () => {
  let answer: () => void = () => {};
  const silent = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { removals, tried } = await openRemovals(async (nth) => {
    await silent;
    throw new Error(`no answer to ${nth}`);
  });
  const first = removals.run();
  const others = Array.from({ length: 20 }, () => removals.run());
  answer();
  await Promise.all([first, ...others]);
  expect(tried()).toBeLessThanOrEqual(6);
});
