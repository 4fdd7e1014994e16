import { rename } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startServer } from '../../support/publish/publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

describeOnEachStore('field 13: a server', ({ start }) => {
  test('is ready, and its storage can be asked', async () => {
    const node = await (await start()).open();
    const { services, app } = node;
    await services.storage.check();
    const reply = await app.inject('/readyz');
    expect([reply.statusCode, reply.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
  });
});

const readiness = async ({ app }: Awaited<ReturnType<typeof startServer>>) => {
  const reply = await app.inject('/readyz');
  return [reply.statusCode, reply.json().reasons.map(({ code }: { code: string }) => code)];
};
const LATER_MS = 6000;

test.each(['artifacts', 'staging', 'parts'])(
  'field 13: a server without its folder %s is not ready',
  async (folder) => {
    const dataDir = await tempFolder();
    const server = await startServer({}, dataDir);
    const now = vi.spyOn(performance, 'now');
    onTestFinished(() => now.mockRestore());
    const start = performance.now();
    expect(await readiness(server)).toEqual([200, []]);
    await rename(`${dataDir}/${folder}`, `${dataDir}/away`);
    now.mockReturnValue(start + LATER_MS);
    expect(await readiness(server)).toEqual([503, ['storage_unusable']]);
    await rename(`${dataDir}/away`, `${dataDir}/${folder}`);
    now.mockReturnValue(start + 2 * LATER_MS);
    expect(await readiness(server)).toEqual([200, []]);
  },
);

test('field 13: a server is not ready when its bucket is gone, or the store does not answer', async () => {
  const place = await fakeS3Place();
  const gone = { ...place, location: { ...place.location, bucket: 'gone' } };
  const server = await startS3Server(await tempFolder(), place);
  expect(await readiness(server)).toEqual([200, []]);
  const other = await startS3Server(await tempFolder(), gone);
  expect(await readiness(other)).toEqual([503, ['storage_unusable']]);
});
