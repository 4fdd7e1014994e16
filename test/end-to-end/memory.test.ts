import { expect, test } from 'vitest';
import { peakOf, runMeasured, writeLargeBundle } from './resident-memory.ts';
import { publishLinux, startWorld } from './world.ts';

const SIZE = 1024 ** 3;

test.skipIf(process.platform !== 'linux')(
  'a 1 GiB file is published in 150 MiB and served in 200 MiB (reads /proc: Linux only)',
  async () => {
    const world = await startWorld();
    const file = await writeLargeBundle(world.folder, 'Large.AppImage', SIZE);

    const publish = [...publishLinux('1.2.0', file), '--json'];
    const { code, stdout, stderr, peaks } = await runMeasured(publish, { env: world.env });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).artifacts).toMatchObject([{ size: SIZE, action: 'uploaded', verified: true }]);
    expect(peaks.length).toBeGreaterThan(5);
    const publishPeak = Math.max(...peaks);
    const servePeak = peakOf(world.server.pid);

    console.log(
      `1 GiB: publish ${publishPeak.toFixed(0)} MiB, serve ${servePeak?.toFixed(0)} MiB resident at most`,
    );
    expect(publishPeak).toBeLessThan(150);
    expect(servePeak).toBeLessThan(200);
  },
  120_000,
);
