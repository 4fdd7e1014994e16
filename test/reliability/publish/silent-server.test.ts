import { describe, expect, test } from 'vitest';
import type { Fault, Point, ProxiedRequest } from '../../support/network/fault.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { spread, times } from '../../support/process/torture.ts';
import { startFaultWorld } from '../../support/publish/fault-world.ts';
import { LINUX, writeArtifact } from '../../support/tauri/local-file.ts';

/** The number of requests of a publish that each silence is tested on; all of them in torture. */
const REQUESTS = times(2, Number.POSITIVE_INFINITY);
/** Replaces the client's timeout of a minute. */
const PATIENCE_MS = 300;

const SILENCES: readonly (readonly [string, (answerSize: number) => Point])[] = [
  ['never begins', () => 'applied'],
  ['stalls in its head', () => ({ answerByte: 20 })],
  ['stalls before its last byte', (answerSize) => ({ answerByte: answerSize - 1 })],
];

/** An upload has no limit while it moves: test/unit/client/transfer/upload-file.test.ts covers it with a fake clock. */
const isLimited = (request: ProxiedRequest) => routeOf(request) !== 'upload';

async function startRound() {
  const world = await startFaultWorld();
  const artifacts = [await writeArtifact(await tempFolder(), LINUX)];
  const publishWith = async (faultOf: (nth: number, request: ProxiedRequest) => Fault | undefined) => {
    const app = await world.createApp();
    const { length } = world.proxy.requests;
    world.proxy.inject = (request) => faultOf(request.number - length, request);
    return app.publish({ artifacts }, PATIENCE_MS);
  };
  return { publishWith, recorded: (await publishWith(() => undefined)).requests };
}

describe('R57 a publish to a silent server', () => {
  test.each(SILENCES)(
    'succeeds if one response %s',
    async (_, pointOf) => {
      const { publishWith, recorded } = await startRound();
      for (const { number, answer } of spread(recorded.filter(isLimited), REQUESTS)) {
        const fault: Fault = { at: pointOf(answer?.size ?? 0), outcome: 'hold' };
        const { outcome, requests } = await publishWith((nth) => (nth === number ? fault : undefined));
        expect(requests[number - 1]?.struck).toBe(true);
        expect(outcome).toMatchObject({ status: 'published' });
      }
    },
    times(60_000, 300_000),
  );

  test('field 3: that does not hold back what is wrong with the files', async () => {
    const world = await startFaultWorld();
    const artifacts = [{ ...LINUX, file: 'missing.AppImage' }];
    const app = await world.createApp();
    world.proxy.inject = () => ({ at: 'before', outcome: 'hold' });
    const start = performance.now();
    const { outcome } = await app.publish({ artifacts });
    expect(outcome).toMatchObject({ code: 'usage', issueIds: ['file.missing'] });
    expect(performance.now() - start).toBeLessThan(20_000); // the client alone would wait for a minute
  }, 30_000);

  test('fails after 6 attempts if no response comes', async () => {
    const { publishWith } = await startRound();
    const { outcome, requests } = await publishWith(() => ({ at: 'before', outcome: 'hold' }));
    expect(outcome).toMatchObject({ code: 'network', message: expect.stringContaining('timeout') });
    expect(requests).toHaveLength(6);
  });
});
