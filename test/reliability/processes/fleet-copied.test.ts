import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { run } from '../../support/process/binary.ts';
import { describeOnFleet } from '../../support/server/fleet.ts';
import { openFleetWorld } from '../../support/server/fleet-world.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

describeOnFleet('a fleet', (suite) => {
  test('field 15: goes on while a dump of its database is refused on its bucket', {
    timeout: 180_000,
  }, async () => {
    const fleet = await suite.startFleet();
    const { postgres } = suite;
    const world = await openFleetWorld(fleet);
    const [{ name = '' } = {}] = await postgres.sql(
      "select datname as name from pg_stat_activity where application_name = 'synckit-ota' limit 1",
    );
    const copy = await postgres.createEmptyDatabase();
    const pipe = 'pg_dump "$1" | psql --quiet --no-psqlrc --output /dev/null "$2"';
    await promisify(execFile)('sh', ['-c', pipe, 'sh', postgres.url(String(name)), copy]);
    const serve = ['serve', '--port', '0', ...storageOptions(fleet.place)];
    const staging = await run(serve, { env: { SYNCKIT_OTA_DATABASE: copy } });
    expect(staging).toMatchObject({ code: 9, stderr: expect.stringContaining('another copy of this') });
    await world.publish('2.0.0');
    for (const { url } of fleet.nodes) expect(await world.offered(url)).toBe('2.0.0');
    const claim = ['storage', 'claim', '--yes', ...storageOptions(fleet.place)];
    expect(await run(claim, { env: { SYNCKIT_OTA_DATABASE: copy } })).toMatchObject({ code: 5 });

    const forced = await run([...claim, '--force'], { env: { SYNCKIT_OTA_DATABASE: copy } });
    expect(forced.code, forced.stderr).toBe(0);
    const { document: releases } = await world.call('GET', '/releases');
    const { id } = releases.find(({ version }: { version: string }) => version === '2.0.0');
    await world.call('DELETE', `/releases/${id}`); // its bytes are not the fleet's any more
    await expect
      .poll(() => world.call('POST', '/releases', { version: '3.0.0', signature: 's' }), { timeout: 20_000 })
      .toMatchObject({ status: 503 });
    expect(await world.offered()).toBe('1.0.0');
  });
});
