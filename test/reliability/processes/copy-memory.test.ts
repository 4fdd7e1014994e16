import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { runMeasured } from '../../support/process/resident-memory.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { describeOnCeph } from '../../support/s3/s3-place.ts';
import { copyArgs, fillStore } from '../../support/server/small-store.ts';

const SIZES = [256 * 1024 ** 2, ...Array.from({ length: 8 }, () => 10_000_000)];

describeOnPostgres('copy', () => {
  const postgres = usePostgres();

  describeOnCeph('to a bucket', (open) => {
    test.skipIf(process.platform !== 'linux')(
      'copies large and small files in 250 MiB (reads /proc: Linux only)',
      async () => {
        const dataDir = join(await tempFolder(), 'data');
        await fillStore(dataDir, SIZES);
        const env = { SYNCKIT_OTA_DATABASE: await postgres.server.createDatabase() };
        const started = Date.now();
        const { code, stderr, peaks } = await runMeasured(copyArgs(dataDir, await open()), { env });
        const megabytes = SIZES.reduce((sum, size) => sum + size, 0) / 1e6;
        const seconds = (Date.now() - started) / 1000;
        console.log(
          `copy: ${megabytes.toFixed(0)} MB in ${seconds.toFixed(1)} s, read back included; ${Math.max(...peaks).toFixed(0)} MiB resident at most`,
        );
        expect(code, stderr).toBe(0);
        expect(Math.max(...peaks)).toBeLessThan(250);
      },
      120_000,
    );
  });
});
