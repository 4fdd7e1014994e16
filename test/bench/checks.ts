import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Serving, startServe } from '../support/process/binary.ts';
import { createBenchApp, publishBytes } from './bench-app.ts';
import { answersPerSecond, wrkIsInstalled } from './check-load.ts';
import { cpuSeconds } from './cpu-seconds.ts';
import { median } from './figures.ts';

const SECONDS = Number(process.env.BENCH_CHECK_SECONDS ?? 4);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const CONNECTIONS = 50;
const WARM_UP = { connections: CONNECTIONS, seconds: 3 };

/** A node:http server that does nothing but send one answer. It prints its port. */
const BARE = `
const { status, headers, body } = JSON.parse(process.argv[1]);
require('node:http').createServer((request, response) => response.writeHead(status, headers).end(body))
  .listen(0, '127.0.0.1', function () { console.log(this.address().port); });
`;

/** Warm checks a second of `serve`, and of a bare `node:http` server that sends the same bytes, in turn. */
export async function benchChecks(folder: string): Promise<void> {
  const data = join(folder, 'checks');
  const server = await startServe(data);
  try {
    const app = await createBenchApp(server, 'bench', { SYNCKIT_OTA_DATA: data });
    await publishBytes(folder, app, '1.0.0', Buffer.from('some bytes'));
    const path = `${server.url}/api/sync/ota/bench/linux/x86_64`;
    const etag = (await fetch(`${path}/0.9.0`)).headers.get('etag');
    console.log(`checks, asked by ${wrkIsInstalled ? 'wrk' : 'autocannon'} on the same cores:`);
    const { pid } = server;
    await compare('an update (200)', { pid, url: `${path}/0.9.0?channel=stable` });
    await compare('no update (204)', { pid, url: `${path}/9.0.0` });
    const header = `if-none-match: ${etag}`;
    await compare('an unchanged update (304)', { pid, url: `${path}/0.9.0`, header });
  } finally {
    await server.stop();
  }
  await compareWorkers(folder);
}

interface Speeds {
  readonly perSecond: number[];
  readonly perCpuSecond: number[];
}

interface Asked {
  readonly url: string;
  /** Of the server: its CPU time is measured with that of its workers. */
  readonly pid: number;
  readonly header?: string | undefined;
}

/** What asks takes its part of the same cores, so checks for each second of CPU are measured, too. */
async function measure({ url, pid, header }: Asked, speeds: Speeds): Promise<void> {
  const pids = await processesOf(pid);
  const before = await cpuSeconds(pids);
  const load = { connections: CONNECTIONS, seconds: SECONDS, header };
  const perSecond = await answersPerSecond({ ...load, url });
  speeds.perSecond.push(perSecond);
  speeds.perCpuSecond.push((perSecond * SECONDS) / ((await cpuSeconds(pids)) - before));
}

function printed({ perSecond, perCpuSecond }: Speeds): string {
  return `${median(perSecond).toFixed(0)}/s (${median(perCpuSecond).toFixed(0)} a second of CPU)`;
}

function ratios(ours: Speeds, others: Speeds): string {
  const ratioOf = (key: keyof Speeds) => (median(ours[key]) / median(others[key])).toFixed(2);
  return `ratio ${ratioOf('perSecond')} (of CPU ${ratioOf('perCpuSecond')})`;
}

async function compareWorkers(folder: string): Promise<void> {
  const servers: Serving[] = [];
  const [one, two] = [newSpeeds(), newSpeeds()];
  for (const workers of [1, 2]) {
    const data = join(folder, `workers-${workers}`);
    const server = await startServe(data, ['--workers', String(workers)]);
    servers.push(server);
    const app = await createBenchApp(server, 'bench', { SYNCKIT_OTA_DATA: data });
    await publishBytes(folder, app, '1.0.0', Buffer.from('some bytes'));
  }
  try {
    const warmUp = ({ url }: Serving) =>
      answersPerSecond({ ...WARM_UP, url: `${url}/api/sync/ota/bench/linux/x86_64/0.9.0` });
    for (const server of servers) await warmUp(server);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, { url, pid }] of servers.entries()) {
        await measure({ url: `${url}/api/sync/ota/bench/linux/x86_64/0.9.0`, pid }, i === 0 ? one : two);
      }
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  console.log(`  --workers 1: ${printed(one)}; --workers 2: ${printed(two)}; ${ratios(two, one)}`);
}

function newSpeeds(): Speeds {
  return { perSecond: [], perCpuSecond: [] };
}

async function processesOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return [pid, ...children.split(' ').filter(Boolean).map(Number)];
}

async function compare(what: string, { url, pid, header }: Asked): Promise<void> {
  const [name = '', value = ''] = header?.split(/: (.*)/, 2) ?? [];
  const response = await fetch(url, header ? { headers: { [name]: value } } : {});
  const answer = {
    status: response.status,
    headers: Object.fromEntries(
      [...response.headers].filter(([key]) => !/^(date|connection|keep-alive)$/.test(key)),
    ),
    body: await response.text(),
  };
  const bare = spawn(process.execPath, ['-e', BARE, JSON.stringify(answer)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [ours, others] = [newSpeeds(), newSpeeds()];
  try {
    const bareUrl = `http://127.0.0.1:${await portOf(bare)}${new URL(url).pathname}`;
    // Compiled for this answer before it is measured.
    for (const warmed of [bareUrl, url]) await answersPerSecond({ ...WARM_UP, url: warmed, header });
    for (let round = 0; round < ROUNDS; round++) {
      await measure({ url: bareUrl, pid: bare.pid ?? 0, header }, others);
      await measure({ url, pid, header }, ours);
    }
  } finally {
    bare.kill();
  }
  console.log(
    `  ${what}, ${answer.status}: serve ${printed(ours)}, bare node:http ${printed(others)}, ${ratios(ours, others)}`,
  );
}

async function portOf(bare: ChildProcess): Promise<string> {
  const [port] = await once(bare.stdout ?? process.stdin, 'data');
  return String(port).trim();
}
