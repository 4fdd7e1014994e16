import { expect, test } from 'vitest';
import { startBehindProxy } from '../../support/network/proxied-world.ts';
import { peakOf, runMeasured, writeLargeBundle } from '../../support/process/resident-memory.ts';
import { publishLinux, startWorld } from '../../support/publish/world.ts';
import { describeOnCeph } from '../../support/s3/s3-place.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const SIZE = 1024 ** 3;
const TIMEOUT_MS = 180_000;

/** Publishes 1 GiB. @returns the peak resident sizes, in MiB */
async function publishLarge(serveArgs: readonly string[] = []) {
  const world = await startWorld(serveArgs);
  const file = await writeLargeBundle(world.folder, 'Large.AppImage', SIZE);
  const publish = [...publishLinux('1.2.0', file), '--json'];
  const { code, stdout, stderr, peaks } = await runMeasured(publish, { env: world.env });
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout).artifacts).toMatchObject([{ size: SIZE, action: 'uploaded', verified: true }]);
  expect(peaks.length).toBeGreaterThan(5);
  return { publish: Math.max(...peaks), serve: peakOf(world.server.pid) ?? Number.NaN };
}

function logPeaks(where: string, { publish, serve }: { publish: number; serve: number }): void {
  console.log(
    `1 GiB to ${where}: publish ${publish.toFixed(0)} MiB, serve ${serve.toFixed(0)} MiB resident at most`,
  );
}

test.skipIf(process.platform !== 'linux')(
  'a 1 GiB file is published in 150 MiB and received in 165 MiB (reads /proc: Linux only)',
  async () => {
    const peak = await publishLarge();
    logPeaks('disk', peak);
    expect(peak.publish).toBeLessThan(150);
    expect(peak.serve).toBeLessThan(165); // some 17 of it are the thread that writes to SQLite
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== 'linux')(
  'a 512 MiB file is published in 150 MiB through a proxy that requires a password (reads /proc: Linux only)',
  async () => {
    const { world, env } = await startBehindProxy('https');
    const file = await writeLargeBundle(world.folder, 'Large.AppImage', 512 * 1024 ** 2);
    const { code, stderr, peaks } = await runMeasured(publishLinux('1.2.0', file), {
      env: { ...world.env, ...env },
    });
    expect(code, stderr).toBe(0);
    console.log(`512 MiB through a proxy's tunnel: ${Math.max(...peaks).toFixed(0)} MiB resident at most`);
    expect(peaks.length).toBeGreaterThan(5);
    expect(Math.max(...peaks)).toBeLessThan(150);
  },
  TIMEOUT_MS,
);

describeOnCeph('a 1 GiB file', (open) => {
  test(
    'is published in parts in 200 MiB, and received by the server in 200 MiB',
    async () => {
      const peak = await publishLarge(storageOptions(await open()));
      logPeaks('Ceph', peak);
      expect(peak.publish).toBeLessThan(200);
      expect(peak.serve).toBeLessThan(200);
    },
    TIMEOUT_MS,
  );
});
