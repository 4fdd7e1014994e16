import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { PostgresServer, postgresIsInstalled } from '../support/postgres/postgres.ts';
import { type Serving, startServe } from '../support/process/binary.ts';
import { startFakeS3 } from '../support/s3/fake-s3/start-fake-s3.ts';
import { S3_ENVIRONMENT } from '../support/s3/s3-credentials.ts';
import { placeIn } from '../support/s3/s3-place.ts';
import { storageOptions } from '../support/server/storage-options.ts';
import { createBenchApp, publishBytes } from './bench-app.ts';
import { answersPerSecond, wrkIsInstalled } from './check-load.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { median } from './figures.ts';

const NODES = 3;
const SECONDS = Number(process.env.BENCH_CHECK_SECONDS ?? 5);
const ROUNDS = 5;
/** Open connections, over all nodes. */
const CONNECTIONS = 48;

interface Measured {
  readonly perSecond: number;
  /** Checks for each second of CPU that the nodes took. */
  readonly perCpuSecond: number;
}

/**
 * Checks a second of one node and of three on the same PostgreSQL, asked past any load balancer. What asks takes its
 * part of the same cores: `wrk` a small one, so with it the figures are those of the nodes.
 */
export async function benchNodes(folder: string): Promise<void> {
  if (!postgresIsInstalled) return console.log('several nodes: skipped, needs PostgreSQL');
  const postgres = await PostgresServer.start();
  const store = await startFakeS3();
  const nodes: Serving[] = [];
  try {
    const env = { ...S3_ENVIRONMENT, SYNCKIT_OTA_DATABASE: await postgres.createDatabase() };
    const options = storageOptions(placeIn(store.url, store.bucket));
    for (let i = 0; i < NODES; i++) nodes.push(await startServe(join(folder, 'none'), options, { env }));
    const app = await createBenchApp(nodes[0] as Serving, 'nodes', env);
    await publishBytes(folder, app, '1.0.0', Buffer.from('some bytes'));
    const one: Measured[] = [];
    const all: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      one.push(await measure(nodes.slice(0, 1)));
      all.push(await measure(nodes));
    }
    logComparison(one, all);
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await store.close();
    await postgres.stop();
  }
}

function logComparison(one: readonly Measured[], all: readonly Measured[]): void {
  const of = (measured: readonly Measured[], what: keyof Measured) =>
    median(measured.map((each) => each[what]));
  const line = (measured: readonly Measured[]) =>
    `${of(measured, 'perSecond').toFixed(0)}/s, ${of(measured, 'perCpuSecond').toFixed(0)} a second of CPU`;
  const ratio = of(all, 'perSecond') / of(one, 'perSecond');
  const cores = availableParallelism();
  console.log(
    `checks on PostgreSQL, asked by ${wrkIsInstalled ? 'wrk' : 'autocannon'} on the same ${cores} cores: ` +
      `one node ${line(one)}; ${NODES} nodes ${line(all)}; ratio ${ratio.toFixed(2)}`,
  );
}

async function measure(nodes: readonly Serving[]): Promise<Measured> {
  const connections = CONNECTIONS / nodes.length;
  const pids = nodes.map(({ pid }) => pid);
  const before = await cpuSeconds(pids);
  const speeds = await Promise.all(
    nodes.map(({ url }) =>
      answersPerSecond({
        url: `${url}/api/sync/ota/nodes/linux/x86_64/0.9.0`,
        connections,
        seconds: SECONDS,
      }),
    ),
  );
  const perSecond = speeds.reduce((sum, speed) => sum + speed);
  return { perSecond, perCpuSecond: (perSecond * SECONDS) / ((await cpuSeconds(pids)) - before) };
}
