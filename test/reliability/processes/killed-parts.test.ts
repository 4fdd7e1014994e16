import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { partSizeOf, partsOf } from '../../../src/protocol/upload/multipart.ts';
import type { Point, ProxiedRequest } from '../../support/network/fault.ts';
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.ts';
import { routeOf } from '../../support/network/route-of.ts';
import { type Serving, start } from '../../support/process/binary.ts';
import { freePorts } from '../../support/process/free-ports.ts';
import { writeLargeBundle } from '../../support/process/resident-memory.ts';
import { spread, times } from '../../support/process/torture.ts';
import { workersOf } from '../../support/process/workers.ts';
import {
  checkLinux,
  publishLinux,
  serveUntilFinished,
  startWorld,
  type World,
} from '../../support/publish/world.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, type S3Place } from '../../support/s3/s3-place.ts';
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
/** How many parts of that size `publish` sends at once. */
const AT_ONCE = 4;

/** A server, and a proxy that its parts are sent through. */
interface PartsWorld extends World {
  readonly proxy: FaultProxy;
  /** Files where uploads arrive and where downloads read, and uploads in parts. */
  left(): Promise<{ staging: number; artifacts: number; uploads: readonly string[] }>;
}

async function openOnS3(place: S3Place): Promise<PartsWorld> {
  const proxy = await startFaultProxy(place.endpoint);
  const world = await startWorld(storageOptions({ ...place, endpoint: proxy.url.origin }));
  return { ...world, proxy, left: () => objectsIn(place) };
}

async function openOnDisk(serveArgs: readonly string[] = []): Promise<PartsWorld> {
  const proxy = await startFaultProxy();
  const world = await startWorld(['--public-url', proxy.url.origin, ...serveArgs], proxy.url);
  proxy.target = world.server.url;
  const files = (folder: string) => readdir(join(world.dataDir, folder));
  const left = async () => ({
    staging: (await files('staging')).length,
    artifacts: (await files('artifacts')).filter((name) => !name.includes('.')).length, // without the record of their owner
    uploads: await files('parts'),
  });
  return { ...world, proxy, left };
}

/** The number of the part that a request sends; undefined for any other. */
function partOf({ method, url }: ProxiedRequest): number | undefined {
  const query = new URLSearchParams(url.replace(/^[^?]*/, ''));
  const toS3 = url.includes('X-Amz-Signature') ? query.get('partNumber') : null;
  const number = toS3 ?? /\/parts\/[^/]+\/(\d+)\?/.exec(url)?.[1];
  return method === 'PUT' && number !== undefined ? Number(number) : undefined;
}

/** The parts among these requests that were stored. */
function takenOf(requests: readonly ProxiedRequest[]): number[] {
  const taken = requests.filter(({ answer }) => answer?.status === 200).map(partOf);
  return taken.filter((number) => number !== undefined).sort((a, b) => a - b);
}

function declareKilledPublish(openWorld: () => Promise<PartsWorld>): void {
  test(
    `that is killed at any of ${MOMENTS} moments is finished by a re-run, which sends only the parts that are missing`,
    async () => {
      const { proxy, left, ...world } = await openWorld();
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
        expect((await left()).uploads).toHaveLength(1);

        const restart = proxy.requests.length;
        const again = await world.runJson(publish);
        expect(again, again.stderr).toMatchObject({
          code: 0,
          document: { status: 'published', artifacts: [{ action: 'uploaded', verified: true }] },
        });
        const after = takenOf(proxy.requests.slice(restart));
        expect([...before, ...after].sort((a, b) => a - b)).toEqual(ALL);
        expect(await left()).toEqual({ staging: 0, artifacts: i + 1, uploads: [] });
      }
      const check = await world.runJson(checkLinux('0.9.0', '--download'));
      expect(check).toMatchObject({ code: 0, document: { update: true, download: { size: SIZE } } });
    },
    times(120_000, 1_200_000),
  );
}

describeOnS3('R65: a publish in parts', (open) => declareKilledPublish(async () => openOnS3(await open())));

/** What is killed while parts are uploaded, and has to be started again by the test. */
interface Victim {
  readonly kill: (server: Serving) => Promise<void>;
  readonly hasToBeStarted: boolean;
}

const SERVER: Victim = {
  kill: async (server) => {
    await server.stop('SIGKILL');
  },
  hasToBeStarted: true,
};
const killWorkers = (some: (pids: readonly number[]) => readonly number[]): Victim => ({
  kill: async (server) => {
    for (const pid of some(await workersOf(server))) process.kill(pid, 'SIGKILL');
  },
  hasToBeStarted: false,
});
const WORKERS = ['--workers', '2'];

describe.each<[string, readonly string[], string, Victim]>([
  ['the disk', [], 'the server', SERVER],
  ['workers on a disk', WORKERS, 'the process that started them', SERVER],
  ['workers on a disk', WORKERS, 'one of them', killWorkers((pids) => pids.slice(0, 1))],
  ['workers on a disk', WORKERS, 'each of them', killWorkers((pids) => pids)],
])('field 13: a publish in parts to %s', (_place, workers, what, victim) => {
  const openWorld = async () => {
    const [port] = await freePorts(1);
    return openOnDisk([...workers, '--port', String(port)]); // where workers that are replaced listen, too
  };
  if (victim === SERVER) declareKilledPublish(openWorld);

  test.each<[string, (request: ProxiedRequest) => Point | undefined, number]>([
    ['a part begins', (request) => (partOf(request) === 7 ? 'before' : undefined), 0],
    ['a part arrives', (request) => (partOf(request) === 7 ? { requestByte: 8 * 1024 ** 2 } : undefined), 0],
    ['a part is stored', (request) => (partOf(request) === 7 ? 'applied' : undefined), 0],
    ['it is to assemble them', (request) => (isCompletion(request) ? 'before' : undefined), 0],
    ['it assembles and hashes them', (request) => (isCompletion(request) ? 'before' : undefined), 150],
    ['the file is complete', (request) => (isCompletion(request) ? 'applied' : undefined), 0],
  ])(
    `goes on when ${what} is killed while %s, and sends no part again that it has an answer to`,
    async (_moment, momentOf, delay) => {
      const { proxy, left, ...world } = await openWorld();
      const file = await writeLargeBundle(world.folder, 'App.AppImage', SIZE);
      let restarted: Promise<void> | undefined;
      const restart = async () => {
        await victim.kill(world.server);
        if (!victim.hasToBeStarted) return;
        const args = ['--public-url', proxy.url.origin, ...workers];
        proxy.target = (await serveUntilFinished(world.dataDir, args)).url;
      };
      proxy.inject = (request) => {
        const at = restarted ? undefined : momentOf(request);
        if (at === undefined) return undefined;
        if (delay > 0) {
          restarted = new Promise((resolve) => setTimeout(resolve, delay)).then(restart);
          return undefined;
        }
        restarted = Promise.resolve();
        return { at, action: restart, outcome: 'reset' };
      };
      const published = await world.runJson(publishLinux('1.0.0', file));
      expect(published, published.stderr).toMatchObject({
        code: 0,
        document: { status: 'published', artifacts: [{ verified: true }] },
      });
      await restarted;
      const taken = takenOf(proxy.requests);
      expect(new Set(taken)).toEqual(new Set(ALL));
      expect(taken.length - ALL.length).toBeLessThanOrEqual(AT_ONCE); // those that got no answer
      const { staging, ...rest } = await left();
      expect(rest).toEqual({ artifacts: 1, uploads: [] });
      // A name of the file that was being hashed is known as an orphan, and removed a day later.
      expect(staging).toBeLessThanOrEqual(delay > 0 ? 1 : 0);
    },
    300_000, // a connection that was on its way to a killed worker hangs until `publish` gives up on it
  );
});

function isCompletion(request: ProxiedRequest): boolean {
  return routeOf(request) === 'completeUpload';
}
