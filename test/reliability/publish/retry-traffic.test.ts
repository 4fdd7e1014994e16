import { describe, expect, test } from 'vitest';
import type { Answer, Fault, ProxiedRequest } from '../../support/network/fault.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { spread, times } from '../../support/process/torture.ts';
import { startFaultWorld } from '../../support/publish/fault-world.ts';
import { LINUX, MAC, WINDOWS, writeArtifact } from '../../support/tauri/local-file.ts';

const CLIENTS = times(6, 100);
/** The number of requests of a publish that are tested one by one; all of them in torture. */
const REQUESTS = times(4, Number.POSITIVE_INFINITY);
/** When the server starts to fail, as a fraction of all requests. */
const MOMENTS = spread([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99], times(3, 7));
const TIMEOUT_MS = times(60_000, 300_000);

const RESET: Fault = { at: 'before', outcome: 'reset' };
const answering = (status: number, headers: Answer['headers'] = {}): Fault => ({
  at: 'before',
  outcome: { status, headers, body: Buffer.from('{}') },
});

/** A server, three files for it, and the requests of an undisturbed publish. */
async function startRound(concurrency: number) {
  const world = await startFaultWorld();
  const folder = await tempFolder();
  const artifacts = await Promise.all(
    [LINUX, MAC, WINDOWS].map((platform) => writeArtifact(folder, platform)),
  );
  const request = { artifacts, concurrency };
  const clean = await (await world.createApp()).publish(request);
  expect(clean.outcome).toMatchObject({ status: 'published' });

  /** Publishes with the fault that this returns for each request, counted from 1. */
  async function publishWith(faultOf: (nth: number) => Fault | undefined) {
    const app = await world.createApp();
    const { length } = world.proxy.requests;
    world.proxy.inject = ({ number }) => faultOf(number - length);
    return app.publish(request);
  }
  return { ...world, request, recorded: clean.requests, publishWith };
}

const numbers = (recorded: readonly ProxiedRequest[]) => recorded.map((_, i) => i + 1);

describe('R56 a request', () => {
  test('is sent 6 times at most, and then the run fails', async () => {
    const { publishWith } = await startRound(4);
    for (const fault of [RESET, answering(500), answering(503), answering(429)]) {
      const { outcome, requests, waits } = await publishWith(() => fault);
      expect(outcome).toMatchObject({ code: 'network' });
      expect(requests).toHaveLength(6);
      expect(new Set(requests.map(({ url }) => url)).size).toBe(1);
      expect(waits).toHaveLength(5);
    }
  });

  test.each([
    ['as long as the server asks', '7', 7000],
    ['no longer than a minute, whatever the server asks', '86400', 60_000],
  ])(
    'waits %s',
    async (_, retryAfter, wait) => {
      const { publishWith, recorded } = await startRound(1);
      for (const status of [429, 503]) {
        const fault = answering(status, { 'retry-after': retryAfter });
        for (const refused of spread(numbers(recorded), REQUESTS)) {
          const { outcome, waits } = await publishWith((nth) => (nth === refused ? fault : undefined));
          expect(outcome).toMatchObject({ status: 'published' });
          expect(waits).toEqual([wait]);
        }
      }
    },
    TIMEOUT_MS,
  );

  test.each([400, 401, 403, 404, 409, 413, 422])(
    'that is answered with %i is not sent again',
    async (status) => {
      const { publishWith, recorded } = await startRound(1);
      const count = (requests: readonly ProxiedRequest[], route: string) =>
        requests.filter((request) => routeOf(request) === route).length;
      // Public routes are used by checks, which wait for what is missing.
      const refusable = numbers(recorded).filter((nth) => {
        const { headers, method } = recorded[nth - 1] as ProxiedRequest;
        return headers.authorization !== undefined || method === 'PUT';
      });
      expect(refusable.length).toBeGreaterThan(8);
      for (const refused of spread(refusable, REQUESTS)) {
        const route = routeOf(recorded[refused - 1] as ProxiedRequest);
        const { requests } = await publishWith((nth) => (nth === refused ? answering(status) : undefined));
        expect(requests[refused - 1]?.struck).toBe(true);
        // A presigned URL that is no longer valid is requested again, once.
        const more = route === 'upload' && status === 403 ? 1 : 0;
        expect(count(requests, route), route).toBeLessThanOrEqual(count(recorded, route) + more);
      }
    },
    TIMEOUT_MS,
  );
});

describe(`R56 ${CLIENTS} clients send at most 1.5 times what they send to a healthy server`, () => {
  const everything = () => true;
  const uploads = (request: ProxiedRequest) => routeOf(request) === 'upload';

  test.each([
    ['resets all connections', RESET, everything, MOMENTS],
    ['answers 503 to everything', answering(503), everything, MOMENTS],
    ['answers 429 to everything', answering(429), everything, MOMENTS],
    ['accepts no upload', answering(503), uploads, [0]],
  ])(
    'to a server that %s',
    async (_, fault, affects, moments) => {
      const { createApp, proxy, request } = await startRound(4);
      const publishAll = async () => {
        const apps = await Promise.all(Array.from({ length: CLIENTS }, () => createApp()));
        const before = proxy.requests.length;
        const runs = await Promise.all(apps.map((app) => app.publish(request)));
        return { sent: proxy.requests.length - before, outcomes: runs.map(({ outcome }) => outcome) };
      };
      const healthy = await publishAll();
      expect(healthy.outcomes).toMatchObject(healthy.outcomes.map(() => ({ status: 'published' })));
      for (const moment of moments) {
        const from = proxy.requests.length + moment * healthy.sent;
        proxy.inject = (asked) => (asked.number > from && affects(asked) ? fault : undefined);
        const { sent, outcomes } = await publishAll();
        proxy.inject = () => undefined;
        expect(outcomes).toContainEqual(expect.objectContaining({ code: 'network' }));
        expect(sent, `from ${moment * 100} % on`).toBeLessThanOrEqual(1.5 * healthy.sent);
      }
    },
    TIMEOUT_MS,
  );
});

test.each([
  ['resets all connections', RESET],
  ['answers 503 to everything', answering(503)],
])(
  'R56 one client sends at most 1.5 times as much to a server that %s from any of its requests on',
  async (_, fault) => {
    const { publishWith, recorded } = await startRound(4);
    for (const death of spread(numbers(recorded), 3 * REQUESTS)) {
      const { outcome, requests } = await publishWith((nth) => (nth >= death ? fault : undefined));
      expect(outcome).toMatchObject({ code: 'network' });
      expect(requests.length, `from request ${death} on`).toBeLessThanOrEqual(1.5 * recorded.length);
    }
  },
  TIMEOUT_MS,
);
