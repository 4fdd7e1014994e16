import { randomInt } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { recordSeen } from '../../../src/database/queries/last-seen.ts';
import { DisturbedStore } from '../../support/faults/disturbed-store.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { openTestServer } from '../../support/server/server.ts';

const KILLS = times(12, 500);
const PUBLISHERS = 4;
const LONGEST_MS = 700;
const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;
/** More than one round removes. */
const ROUNDS = times(1, 10);

/** Publishes and deletes until the server is gone. */
async function publishUntilGone(store: DisturbedStore): Promise<void> {
  try {
    for (;;) {
      const version = await store.prepare('live');
      if (randomInt(2) === 0) await store.delete(version);
    }
  } catch {
    // the server is gone, and what it did not answer happened or did not
  }
}

test(
  `R1, R29: after ${KILLS} kills at random moments under load nothing that was acknowledged is missing, and one collection leaves no orphan`,
  async () => {
    const dataDir = join(await tempFolder(), 'data');
    await mkdir(dataDir, { mode: 0o700 });
    const store = new DisturbedStore(dataDir);
    onTestFinished(async () => {
      await store.server.stop('SIGKILL');
    });
    await store.start();
    for (let kill = 0; kill < KILLS; kill++) {
      const publishers = Array.from({ length: PUBLISHERS }, () => publishUntilGone(store));
      await sleep(randomInt(20, LONGEST_MS));
      await store.server.stop('SIGKILL');
      await Promise.all(publishers);
      await store.start();
      await store.verify();
      if (kill % 10 === 0) await store.verifyOffer();
    }
    await store.verifyOffer();
    expect(await store.server.stop()).toBe(0);

    const clock = () => new Date(Date.now() + TWO_DAYS_MS);
    const server = await openTestServer(dataDir, { clock });
    await server.app.close();
    await recordSeen(server.database.queries, clock()); // it was served since
    for (let round = 0; round < ROUNDS; round++) expect(await maintainOnce(server.services)).toEqual([]);
    const { count } = await server.database.queries
      .selectFrom('artifacts')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('status', '=', 'complete')
      .executeTakeFirstOrThrow();
    await server.close();
    const isFile = (name: string) => !name.includes('.');
    expect((await readdir(join(dataDir, 'artifacts'))).filter(isFile)).toHaveLength(count);
    expect(await readdir(join(dataDir, 'staging'))).toEqual([]);
  },
  times(180_000, 7_200_000),
);
