import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { start } from '../support/binary.ts';
import { publishLinux, startWorld, writeBundle } from './world.ts';

const MIB = 1024 * 1024;
const SIZE = 1024 * MIB;
const POLL_MS = 50;

/** The largest resident size a process has had, in MiB; undefined once it is gone. */
function peakOf(pid: number): number | undefined {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}

test.skipIf(process.platform !== 'linux')(
  'a 1 GiB file is published in 150 MiB and served in 200 MiB (reads /proc: Linux only)',
  async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'Large.AppImage');
    await truncate(file, SIZE);
    const handle = await open(file, 'r+');
    for (let offset = 0; offset < SIZE; offset += 128 * MIB)
      await handle.write(randomBytes(MIB), 0, MIB, offset);
    await handle.close();

    const publish = start([...publishLinux('1.2.0', file), '--json'], { env: world.env });
    const peaks: number[] = [];
    const poll = setInterval(() => {
      const peak = peakOf(publish.pid);
      if (peak !== undefined) peaks.push(peak);
    }, POLL_MS);
    const { code, stdout, stderr } = await publish.finished;
    clearInterval(poll);
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
