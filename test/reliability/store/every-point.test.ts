import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished } from 'vitest';
import { DisturbedStore } from '../../support/faults/disturbed-store.ts';
import { type Fault, Faults, testWithFaults } from '../../support/faults/shim.ts';
import { start } from '../../support/process/binary.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { ofShard, spread, times } from '../../support/process/torture.ts';
import { OPERATIONS } from './operations.ts';

/** Points of each operation at night; all of them with `test:torture`. */
const POINTS = times(5, Number.MAX_SAFE_INTEGER);
const KILLS: readonly Fault[] = times(1, 2) === 2 ? ['kill before', 'kill after'] : ['kill after'];
const TIMEOUT_MS = times(120_000, 3_600_000);
const STOPPING_MS = 20_000;
/** Where the server's own work, such as renewals, is counted too. */
const BESIDES = 4;

async function openStore() {
  const dataDir = join(await tempFolder(), 'data');
  await mkdir(dataDir, { mode: 0o700 });
  const store = new DisturbedStore(dataDir);
  const faults = await Faults.in(dataDir);
  onTestFinished(() => store.end());
  return { store, faults };
}

/** Every number up to that, or as many as are tried at night; of these the shard's. */
function pointsUpTo(count: number, what: string): Iterable<number> {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  return ofShard(what, spread(numbers, POINTS));
}

describe('R2: a server that is killed at any write, fsync, rename, link or unlink', () => {
  for (const { name, prepare } of OPERATIONS) {
    testWithFaults(
      `of ${name} has everything that it acknowledged when it is started again`,
      async () => {
        const { store, faults } = await openStore();
        await store.start(faults.env);
        const undisturbed = await prepare(store);
        faults.arm();
        await undisturbed();
        const { count } = faults;
        faults.disarm();
        expect(count).toBeGreaterThan(2);
        let [tried, killed] = [0, 0];
        for (const at of pointsUpTo(count, name)) {
          tried++;
          for (const fault of KILLS) {
            const run = await prepare(store);
            faults.arm({ at, fault });
            await run().catch(() => {});
            killed += faults.fired;
            faults.disarm();
            await store.server.stop('SIGKILL');
            await store.start(faults.env);
            await store.verify();
            await store.verifyOffer();
          }
        }
        if (tried > 0) expect(killed).toBeGreaterThan(0);
        expect(await store.server.stop()).toBe(0);
      },
      TIMEOUT_MS,
    );
  }

  testWithFaults(
    'of a first start, or of any other, is started again',
    async () => {
      const { store, faults } = await openStore();
      faults.arm();
      await store.start(faults.env);
      const first = faults.count;
      const version = await store.prepare('live');
      await store.delete(version);
      await store.prepare('live');
      faults.arm();
      expect(await store.server.stop()).toBe(0);
      const stopping = faults.count;
      faults.arm();
      await store.start(faults.env);
      const later = faults.count - BESIDES;
      for (const at of pointsUpTo(later, 'a later start')) {
        for (const fault of KILLS) {
          await store.server.stop('SIGKILL');
          faults.arm({ at, fault });
          await store.start(faults.env).catch(() => {});
          faults.disarm();
          await store.server.stop('SIGKILL');
          await store.start(faults.env);
          await store.verify();
          await store.verifyOffer();
        }
      }
      for (const at of pointsUpTo(stopping, 'a stop')) {
        for (const fault of KILLS) {
          await store.prepare('draft with file');
          faults.arm({ at, fault });
          await Promise.race([store.server.stop(), sleep(STOPPING_MS)]);
          faults.disarm();
          await store.start(faults.env);
          await store.verify();
        }
      }
      for (const at of pointsUpTo(first, 'a first start')) await killFirstStart(at);
    },
    TIMEOUT_MS,
  );

  async function killFirstStart(at: number): Promise<void> {
    const folder = await tempFolder();
    const dataDir = join(folder, 'new', 'data');
    const faults = await Faults.in(folder);
    faults.arm({ at, fault: 'kill after' });
    const store = new DisturbedStore(dataDir);
    await store.start(faults.env).catch(() => {});
    await store.end();
    await store.start();
    await store.prepare('live');
    await store.verify();
    expect(await store.server.stop()).toBe(0);
  }

  testWithFaults(
    'of `apps create` has the app whole, or not at all',
    async () => {
      const folder = await tempFolder();
      /** It creates a store in the folder where it is run only. */
      const create = async (name: string, env: Readonly<Record<string, string>>) => {
        const cwd = join(folder, name);
        await mkdir(cwd, { recursive: true });
        return start(['apps', 'create', 'My App', '--json'], { env, cwd }).finished;
      };
      const faults = await Faults.in(folder);
      faults.arm();
      expect(await create('undisturbed', faults.env)).toMatchObject({ code: 0 });
      for (const at of pointsUpTo(faults.count, 'apps create')) {
        faults.arm({ at, fault: 'kill after' });
        const killed = await create(`at-${at}`, faults.env);
        faults.disarm();
        const again = await create(`at-${at}`, {});
        expect(again, again.stderr).toMatchObject({ code: 0 });
        const list = await start(['apps', 'list', '--json'], { cwd: join(folder, `at-${at}`) }).finished;
        const { length } = JSON.parse(list.stdout);
        expect([1, 2]).toContain(length);
        if (killed.stdout !== '') expect(length).toBe(2);
      }
    },
    TIMEOUT_MS,
  );
});

describe('R2: a checkpoint that is killed', () => {
  testWithFaults(
    'at any write or fsync loses nothing',
    async () => {
      const { store } = await openStore();
      await store.start();
      expect(await store.server.stop()).toBe(0);
      const faults = await Faults.in(store.dataDir, 'synckit-ota.sqlite');
      await store.start(faults.env);
      faults.arm();
      await fillWal(store, () => faults.count > 0);
      await sleep(1000);
      const { count } = faults;
      for (const at of pointsUpTo(count, 'a checkpoint')) {
        faults.arm({ at, fault: 'kill after' });
        await fillWal(store, () => faults.fired > 0).catch(() => {});
        faults.disarm();
        await store.server.stop('SIGKILL');
        await store.start(faults.env);
        await store.verify();
      }
    },
    TIMEOUT_MS,
  );
});

/** Creates drafts with long notes until a checkpoint is made. */
async function fillWal(store: DisturbedStore, isDone: () => boolean): Promise<void> {
  const notes = 'x'.repeat(60_000);
  for (let i = 0; i < 400 && !isDone(); i++) await store.create(store.newVersion(), { notes });
}
