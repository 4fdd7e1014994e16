import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Serving, startServe } from '../support/process/binary.ts';
import { writeLargeBundle } from '../support/process/resident-memory.ts';
import { createBenchApp, publishBytes } from './bench-app.ts';
import { elapsed } from './figures.ts';

const CHECKER = join(import.meta.dirname, 'check-latency.ts');
const FILE_SIZE = 200_000_000;
const UPLOADS = Number(process.env.BENCH_UPLOADS ?? 20);
/** As fast as the machine can, and as fast as a gigabit link lets them together. */
const RATES: readonly (number | undefined)[] = [undefined, 6_000_000];
const IDLE_MS = 3000;
const exec = promisify(execFile);

/** How long update checks take while many large files are uploaded to the disk. */
export async function benchLoadedChecks(folder: string): Promise<void> {
  const dataDir = join(folder, 'loaded-data');
  const server = await startServe(dataDir);
  try {
    const env = await createBenchApp(server, 'loaded', { SYNCKIT_OTA_DATA: dataDir });
    await publishBytes(folder, env, '0.5.0', Buffer.alloc(1000));
    const file = await writeLargeBundle(folder, 'upload.bin', FILE_SIZE);
    const url = `${server.url}/api/sync/ota/loaded/linux/x86_64/0.0.1`;
    print('no uploads', await latenciesDuring(url, () => sleep(IDLE_MS)));
    for (const [round, rate] of RATES.entries()) {
      const urls: string[] = [];
      for (let i = 0; i < UPLOADS; i++) urls.push(await uploadUrl(server, env, `1.${round}.${i}`));
      const limit = rate === undefined ? [] : ['--limit-rate', String(rate)];
      const upload = (to: string) => exec('curl', ['-sf', ...limit, '-T', file, to]);
      let seconds = 0;
      const latencies = await latenciesDuring(url, async () => {
        seconds = (await elapsed(() => Promise.all(urls.map(upload)))) / 1000;
      });
      const speed = ((UPLOADS * FILE_SIZE) / 1e6 / seconds).toFixed(0);
      print(`${UPLOADS} uploads of 200 MB, ${speed} MB/s together`, latencies);
      for (const name of await readdir(join(dataDir, 'artifacts'))) {
        if (!name.includes('.')) await rm(join(dataDir, 'artifacts', name)); // rounds do not fill the disk
      }
    }
  } finally {
    await server.stop();
  }
}

async function latenciesDuring(url: string, work: () => Promise<unknown>): Promise<number[]> {
  const checker = spawn(process.execPath, [CHECKER, url], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  checker.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  await work();
  checker.stdin.end();
  await once(checker, 'close');
  return JSON.parse(output);
}

async function uploadUrl(
  server: Serving,
  env: Readonly<Record<string, string>>,
  version: string,
): Promise<string> {
  const call = async (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${env.SYNCKIT_OTA_TOKEN}`, 'content-type': 'application/json' };
    const to = `${server.url}/api/sync/ota/apps/${env.SYNCKIT_OTA_APP}/${path}`;
    const response = await fetch(to, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await response.json()) as { id: string; upload_url: string };
  };
  const { id } = await call('releases', { version, signature: 'not checked here', draft: true });
  const artifact = { target: 'linux', arch: 'x86_64', file_size: FILE_SIZE };
  return (await call(`releases/${id}/artifacts`, artifact)).upload_url;
}

function print(what: string, latencies: readonly number[]): void {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  console.log(
    `${what}: checks p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(0.9999)} ms (${latencies.length})`,
  );
}
