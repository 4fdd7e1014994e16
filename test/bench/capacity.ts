import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { PostgresServer, postgresIsInstalled } from '../support/postgres/postgres.ts';
import { type Serving, startServe } from '../support/process/binary.ts';
import { CEPH_PACKAGES, cephIsInstalled, startCeph, stopCeph } from '../support/s3/ceph.ts';
import { S3_ENVIRONMENT } from '../support/s3/s3-credentials.ts';
import { placeIn } from '../support/s3/s3-place.ts';
import { createBucket } from '../support/s3/shared-ceph.ts';
import { storageOptions } from '../support/server/storage-options.ts';
import { createBenchApp, publishBytes } from './bench-app.ts';
import { cpuSeconds } from './cpu-seconds.ts';

const SECONDS = Number(process.env.BENCH_CHECK_SECONDS ?? 5);
const CONNECTIONS = 50;
const PUBLISHES = 20;
const MIB = 1024 * 1024;
const LARGE_FILE_MIB = 256;

interface Bench {
  readonly folder: string;
  readonly server: Serving;
  readonly postgres: PostgresServer;
  /** The environment of a client that publishes. */
  readonly app: Readonly<Record<string, string>>;
}

/**
 * What each request costs a node and PostgreSQL, on PostgreSQL and Ceph: in time of a processor and not of the clock, so
 * that it is the same whoever else uses the machine, what asks included.
 */
export async function benchCapacity(folder: string): Promise<void> {
  if (!postgresIsInstalled || !cephIsInstalled) {
    return console.log(`capacity: skipped, needs PostgreSQL and Debian's ${CEPH_PACKAGES.join(', ')}`);
  }
  Object.assign(process.env, S3_ENVIRONMENT);
  const postgres = await PostgresServer.start();
  const store = join(folder, 'capacity-ceph');
  try {
    const endpoint = await startCeph(store);
    await createBucket(endpoint, 'bench');
    const env = { SYNCKIT_OTA_DATABASE: await postgres.createDatabase() };
    const server = await startServe(join(folder, 'none'), storageOptions(placeIn(endpoint, 'bench')), {
      env,
    });
    try {
      const app = await createBenchApp(server, 'capacity', env);
      await measureAll({ folder, server, postgres, app });
    } finally {
      await server.stop();
    }
  } finally {
    await stopCeph(store);
    await postgres.stop();
  }
}

async function measureAll(bench: Bench): Promise<void> {
  const { folder, app } = bench;
  const publish = (version: string, size: number) => publishBytes(folder, app, version, randomBytes(size));
  const release = await publish('0.1.0', 1000);
  await logCost(bench, 'publish of a small file', async () => {
    for (let i = 0; i < PUBLISHES; i++) await publish(`1.${i}.0`, 1000);
    return PUBLISHES;
  });
  await logCost(bench, 'MiB published', async () => {
    await publish('2.0.0', LARGE_FILE_MIB * MIB);
    return LARGE_FILE_MIB;
  });
  for (const [name, path] of [
    ['check with an update', 'linux/x86_64/0.9.0'],
    ['check without', 'linux/x86_64/9.0.0'],
    ['download', `download/${release}/linux/x86_64`],
  ] as const) {
    await logCost(bench, name, async () => {
      const url = `${bench.server.url}/api/sync/ota/capacity/${path}`;
      const {
        requests,
        errors,
        '4xx': refused,
        '5xx': failed,
      } = await autocannon({
        url,
        connections: CONNECTIONS,
        duration: SECONDS,
      });
      if (errors + refused + failed > 0) throw new Error(`${errors + refused + failed} of ${url} failed`);
      return requests.total;
    });
  }
}

/** @param work resolves to how many were done */
async function logCost(
  { server, postgres }: Bench,
  what: string,
  work: () => Promise<number>,
): Promise<void> {
  const taken = async () => [
    await cpuSeconds([server.pid]),
    await cpuSeconds(await processesOf(postgres)), // its connections stay open all the time
  ];
  const before = await taken();
  const count = await work();
  const after = await taken();
  const [serve, database] = after.map((seconds, i) => (1000 * (seconds - (before[i] ?? 0))) / count);
  console.log(
    `${what}: serve ${serve?.toFixed(3)} ms of a processor each, PostgreSQL ${database?.toFixed(3)} ms`,
  );
}

async function processesOf({ dataFolder }: PostgresServer): Promise<number[]> {
  const pid = (await readFile(join(dataFolder, 'postmaster.pid'), 'utf8')).split('\n')[0] ?? '';
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return [pid, ...children.trim().split(' ')].map(Number);
}
