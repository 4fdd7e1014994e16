import { statSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { DisturbedStore } from '../../support/faults/disturbed-store.ts';
import { type Kept, type RecordedCall, readCalls, StrictDisk } from '../../support/faults/power-loss.ts';
import { recordCalls, testWithFaults } from '../../support/faults/shim.ts';
import { verifyStore } from '../../support/faults/verify-store.ts';
import { run, startServe } from '../../support/process/binary.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { spread, times } from '../../support/process/torture.ts';

/** Moments at which the power is lost; after every call with `test:torture`. */
const MOMENTS = times(40, Number.MAX_SAFE_INTEGER);
/** Of those, on how many the real server is started. */
const STARTS = times(3, 100);
const TIMEOUT_MS = times(120_000, 3_600_000);
const KEPT: readonly Kept[] = ['nothing', 'some', 'everything'];

/** Some of everything that clients do, twice the size of a -wal that is merged. */
async function useStore(store: DisturbedStore): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const first = await store.prepare('live');
    const second = await store.prepare('promised', { expect: ['linux-x86_64'] });
    await store.upload(second, 'live');
    await store.yank(first);
    const third = await store.prepare('live');
    await store.delete(third);
  }
}

describe('R3: after a loss of power, whatever the disk has kept of what was not fsynced,', () => {
  testWithFaults(
    'everything is there that was acknowledged',
    async () => {
      const folder = await realpath(await tempFolder());
      const [dataDir, before] = [join(folder, 'data'), join(folder, 'before')];
      await mkdir(dataDir, { mode: 0o700 });
      const { env, record } = await recordCalls(dataDir);
      const store = new DisturbedStore(dataDir, () => statSync(record).size);
      await store.start();
      await store.prepare('live');
      expect(await store.server.stop()).toBe(0);
      await cp(dataDir, before, { recursive: true });
      await store.start(env);
      await useStore(store);
      expect(await store.server.stop()).toBe(0);

      const calls = readCalls(await readFile(record));
      expect(calls.length).toBeGreaterThan(200);
      const moments = spread([...calls.keys()], MOMENTS);
      const started = new Set(spread(moments, STARTS));
      const disk = new StrictDisk(dataDir, before);
      let next = 0;
      for (const moment of moments) {
        for (; next <= moment; next++) disk.apply(calls[next] as RecordedCall);
        const expected = store.expectedAt(calls[moment]?.end ?? 0);
        for (const kept of KEPT) {
          const left = join(folder, 'left');
          disk.writeTo(left, kept);
          if (started.has(moment)) await verifyStarted(left, expected);
          else await verifyStore(left, expected, false);
          await rm(left, { recursive: true });
        }
      }
    },
    TIMEOUT_MS,
  );

  testWithFaults(
    'crash C4: a store and an app are there that were acknowledged, with the folders above, or the store is created again',
    async () => {
      const folder = await realpath(await tempFolder());
      const root = join(folder, 'root');
      await mkdir(root);
      const dataDir = join(root, 'new', 'data');
      const { env, record } = await recordCalls(root);
      const serving = await startServe(dataDir, [], { env });
      const created = await run(['apps', 'create', 'My App', '--data-dir', dataDir, '--json'], { env });
      expect(created, created.stderr).toMatchObject({ code: 0 });
      await serving.stop('SIGKILL');
      const calls = readCalls(await readFile(record));
      const disk = new StrictDisk(root);
      const moments = new Set(spread([...calls.keys()], times(8, calls.length)));
      for (const [moment, call] of calls.entries()) {
        disk.apply(call);
        const isLast = moment === calls.length - 1;
        if (!isLast && !moments.has(moment)) continue;
        const left = join(folder, 'left');
        for (const kept of isLast ? (['nothing'] as const) : KEPT) {
          disk.writeTo(left, kept);
          const store = join(left, 'new', 'data');
          const again = await startServe(store);
          const list = await run(['apps', 'list', '--data-dir', store, '--json']);
          if (isLast) expect(JSON.parse(list.stdout)).toHaveLength(1);
          expect(await again.stop()).toBe(0);
          await rm(left, { recursive: true });
        }
      }
    },
    TIMEOUT_MS,
  );
});

async function verifyStarted(dataDir: string, expected: Parameters<typeof verifyStore>[1]): Promise<void> {
  const server = await startServe(dataDir);
  await verifyStore(dataDir, expected);
  expect(await server.stop()).toBe(0);
}
