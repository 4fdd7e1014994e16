import { randomInt } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Finished, start } from '../../support/process/binary.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { times } from '../../support/process/torture.ts';
import { runJson } from '../../support/publish/world.ts';
import { fillStore } from '../../support/server/small-store.ts';

const MOMENTS = times(16, 200);
const SIZES = Array.from({ length: 40 }, (_, i) => 50_000 + i * 20_000);

/** Runs a command, and kills it at that share of the time it takes undisturbed. */
async function killAt(args: readonly string[], share: number, undisturbedMs: number): Promise<Finished> {
  const running = start(args);
  await Promise.race([running.finished, sleep(share * undisturbedMs)]);
  running.kill('SIGKILL');
  return running.finished;
}

async function timeOf(run: () => Promise<{ code: number | null; stderr: string }>): Promise<number> {
  const startedAt = performance.now();
  const { code, stderr } = await run();
  expect(code, stderr).toBe(0);
  return performance.now() - startedAt;
}

test(
  `R2: a backup that is killed at any of ${MOMENTS} moments leaves the earlier one, and the next one finishes it`,
  async () => {
    const folder = await tempFolder();
    const [dataDir, backup] = [join(folder, 'data'), join(folder, 'backup')];
    await fillStore(dataDir, SIZES);
    const args = ['backup', backup, '--data-dir', dataDir];
    const undisturbedMs = await timeOf(() => runJson(args));
    await rm(backup, { recursive: true });
    let killed = 0;
    let restorable: number | undefined;
    for (let i = 0; i < MOMENTS; i++) {
      if (i % 4 === 0) {
        await rm(backup, { recursive: true, force: true }); // a first backup
        restorable = undefined;
      } else await fillStore(dataDir, [randomInt(1, 256), 300_000], `app-${i}`); // more than the earlier one has
      const { code } = await killAt(args, (i + 1) / MOMENTS, undisturbedMs);
      killed += code === null ? 1 : 0;

      const restored = join(folder, `restored-${i}`);
      await mkdir(backup, { recursive: true });
      const back = await runJson(['restore', backup, '--data-dir', restored]);
      if (restorable !== undefined) expect(back, back.stderr).toMatchObject({ code: 0 });
      if (back.code === 0) {
        expect(back.document.apps).toBeGreaterThanOrEqual(restorable ?? 0);
        expect(await runJson(['fsck', '--hashes', '--data-dir', restored])).toMatchObject({ code: 0 });
      } else {
        expect(back).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
        const artifacts = await readdir(join(backup, 'artifacts')).catch(() => []);
        if (artifacts.length > 0)
          expect((await runJson(['apps', 'list', '--data-dir', backup])).code).toBe(9);
      }
      const again = await runJson(args);
      expect(again, again.stderr).toMatchObject({ code: 0, document: { status: 'complete' } });
      restorable = again.document.apps;
      expect(await runJson(['fsck', '--hashes', '--data-dir', backup])).toMatchObject({
        code: 0,
        document: { orphans: { files: 0 }, staging: { files: 0 } },
      });
      await rm(restored, { recursive: true, force: true });
    }
    expect(killed).toBeGreaterThan(MOMENTS / 4);
  },
  times(180_000, 1_800_000),
);

test(
  `R2: a restore that is killed at any of ${MOMENTS} moments shows no store, and is finished by the next`,
  async () => {
    const folder = await tempFolder();
    const [dataDir, backup] = [join(folder, 'data'), join(folder, 'backup')];
    await fillStore(dataDir, SIZES);
    expect(await runJson(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
    const target = join(folder, 'restored');
    const args = ['restore', backup, '--data-dir', target];
    const undisturbedMs = await timeOf(() => runJson(args));
    let killed = 0;
    for (let i = 0; i < MOMENTS; i++) {
      await rm(target, { recursive: true, force: true });
      const { code } = await killAt(args, (i + 1) / MOMENTS, undisturbedMs);
      killed += code === null ? 1 : 0;
      const names = await readdir(target).catch((): string[] => []);
      if (!names.includes('synckit-ota.sqlite')) {
        const again = await runJson(args);
        expect(again, again.stderr).toMatchObject({ code: 0, document: { files: { total: SIZES.length } } });
      }
      expect(await runJson(['fsck', '--hashes', '--data-dir', target])).toMatchObject({
        code: 0,
        document: { files: { recorded: SIZES.length }, orphans: { files: 0 } },
      });
    }
    expect(killed).toBeGreaterThan(MOMENTS / 4);
  },
  times(180_000, 1_800_000),
);
