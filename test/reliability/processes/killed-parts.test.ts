import { expect, test } from 'vitest';
import { partSizeOf, partsOf } from '../../../src/protocol/upload/multipart.ts';
import type { Point, ProxiedRequest } from '../../support/network/fault.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { start } from '../../support/process/binary.ts';
import { writeLargeBundle } from '../../support/process/resident-memory.ts';
import { spread, times } from '../../support/process/torture.ts';
import { checkLinux, publishLinux, startWorld } from '../../support/publish/world.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3 } from '../../support/s3/s3-place.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const SIZE = 300 * 1024 * 1024;
const ALL = partsOf(SIZE).map(({ number }) => number);
const POINTS: readonly Point[] = [
  'before',
  { requestByte: 0 },
  { requestByte: partSizeOf(SIZE) / 2 },
  'applied',
];
const MOMENTS = times(2, 20);

/** The number of the part that a request sends; undefined for any other. */
function partOf({ method, url }: ProxiedRequest): number | undefined {
  const number = new URLSearchParams(url.replace(/^[^?]*/, '')).get('partNumber');
  return method === 'PUT' && number !== null && url.includes('X-Amz-Signature') ? Number(number) : undefined;
}

/** The parts among these requests that the store accepted. */
function takenOf(requests: readonly ProxiedRequest[]): number[] {
  const taken = requests.filter(({ answer }) => answer?.status === 200).map(partOf);
  return taken.filter((number) => number !== undefined).sort((a, b) => a - b);
}

describeOnS3('R65: a publish in parts', (open) => {
  test(
    `that is killed at any of ${MOMENTS} moments is finished by a re-run, which sends only the parts that are missing`,
    async () => {
      const place = await open();
      const proxy = await startFaultProxy(place.endpoint);
      const world = await startWorld(storageOptions({ ...place, endpoint: proxy.url.origin }));
      const file = await writeLargeBundle(world.folder, 'App.AppImage', SIZE);
      const moments = ALL.slice(1).flatMap((number) => POINTS.map((at) => ({ number, at })));
      for (const [i, { number, at }] of spread(moments.slice(moments.length / 3), MOMENTS).entries()) {
        const publish = publishLinux(`1.${i}.0`, file);
        const recordedCount = proxy.requests.length;
        const killed = start(publish, { cwd: world.folder, env: world.env });
        proxy.inject = (request) =>
          partOf(request) === number
            ? { at, action: () => killed.kill('SIGKILL'), outcome: 'reset' }
            : undefined;
        const { code, stderr } = await killed.finished;
        expect(code, `part ${number} ${JSON.stringify(at)} ${stderr}`).toBeNull();
        await proxy.settled();
        proxy.inject = () => undefined;
        const before = takenOf(proxy.requests.slice(recordedCount));
        expect(before.length).toBeGreaterThan(0);
        expect((await objectsIn(place)).uploads).toHaveLength(1);

        const restart = proxy.requests.length;
        const again = await world.runJson(publish);
        expect(again, again.stderr).toMatchObject({
          code: 0,
          document: { status: 'published', artifacts: [{ action: 'uploaded', verified: true }] },
        });
        const after = takenOf(proxy.requests.slice(restart));
        expect([...before, ...after].sort((a, b) => a - b)).toEqual(ALL);
        expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: i + 1, uploads: [] });
      }
      const check = await world.runJson(checkLinux('0.9.0', '--download'));
      expect(check).toMatchObject({ code: 0, document: { update: true, download: { size: SIZE } } });
    },
    times(120_000, 1_200_000),
  );
});
