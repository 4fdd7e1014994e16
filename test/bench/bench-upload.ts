import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Serving, startServe } from '../support/process/binary.ts';
import { peakOf, runMeasured } from '../support/process/resident-memory.ts';
import { createBenchApp } from './bench-app.ts';
import type { LargeFile } from './bench-s3.ts';
import { elapsed, median } from './figures.ts';

const BARE_SERVER = join(import.meta.dirname, 'bare-put-server.ts');
const exec = promisify(execFile);

interface Bench {
  readonly file: LargeFile;
  readonly server: Serving;
  readonly dataDir: string;
  readonly bareUrl: string;
  readonly bareFolder: string;
  /** The environment of a client that publishes. */
  readonly app: Readonly<Record<string, string>>;
}

interface Round {
  readonly bare: number;
  readonly put: number;
  readonly publish: number;
}

/**
 * Uploads of one large file to the disk, each in turn: by curl to a bare PUT handler, by curl to our server, and by a
 * whole `publish`, which hashes the file before and downloads it after. In seconds; and the memory of both sides.
 */
export async function benchUploadToDisk(folder: string, file: LargeFile, rounds: number): Promise<void> {
  const [dataDir, bareFolder] = [join(folder, 'upload-data'), join(folder, 'bare')];
  await mkdir(bareFolder);
  const bare = spawn(process.execPath, [BARE_SERVER, bareFolder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const server = await startServe(dataDir);
  try {
    const [port] = await once(bare.stdout, 'data');
    const bareUrl = `http://127.0.0.1:${String(port).trim()}/`;
    const app = await createBenchApp(server, 'upload', { SYNCKIT_OTA_DATA: dataDir });
    const bench = { file, server, dataDir, bareUrl, bareFolder, app };
    const all: Round[] = [];
    const client: number[] = [];
    for (let round = 0; round < rounds; round++) all.push(await runRound(bench, round, client));
    print(all);
    console.log(`publish: ${Math.max(...client).toFixed(0)} MiB resident at most`);
    console.log(`serve: ${peakOf(server.pid)?.toFixed(0)} MiB resident at most`);
  } finally {
    bare.kill();
    await server.stop();
  }
}

async function runRound(bench: Bench, round: number, client: number[]): Promise<Round> {
  const { file, bareUrl, bareFolder, app, dataDir } = bench;
  const bare = await elapsed(() => exec('curl', ['-sf', '-T', file.file, bareUrl]));
  await emptied(bareFolder);
  const url = await uploadUrl(bench, `1.${round}.0`);
  const put = await elapsed(() => exec('curl', ['-sf', '-T', file.file, url]));
  await emptied(join(dataDir, 'artifacts'));
  const artifact = ['--version', `1.${round}.1`, '--artifact', `linux-x86_64=${file.file}`];
  const publish = await elapsed(async () => {
    const { code, stderr, peaks } = await runMeasured(['publish', ...artifact], { env: app });
    if (code !== 0) throw new Error(stderr);
    client.push(...peaks);
  });
  await emptied(join(dataDir, 'artifacts'));
  return { bare: bare / 1000, put: put / 1000, publish: publish / 1000 };
}

/** An upload URL for the file in a new release. */
async function uploadUrl({ server, app, file }: Bench, version: string): Promise<string> {
  const call = async (path: string, body: unknown) => {
    const headers = {
      authorization: `Bearer ${app.SYNCKIT_OTA_TOKEN}`,
      'content-type': 'application/json',
    };
    const url = `${server.url}/api/sync/ota/apps/${app.SYNCKIT_OTA_APP}/${path}`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await response.json()) as { id: string; upload_url: string };
  };
  const { id } = await call('releases', { version, notes: '', signature: 'not checked here' });
  const artifact = { target: 'linux', arch: 'x86_64', file_size: file.size, sha256: file.sha256 };
  return (await call(`releases/${id}/artifacts`, artifact)).upload_url;
}

/** Rounds do not fill the disk. */
async function emptied(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name));
}

function print(rounds: readonly Round[]): void {
  for (const name of ['bare', 'put', 'publish'] as const) {
    const seconds = median(rounds.map((round) => round[name]));
    const ratio = median(rounds.map((round) => round[name] / round.bare));
    const what = { bare: 'curl -T to a bare handler', put: 'curl -T to serve', publish: 'publish, verified' };
    console.log(
      `${what[name]}: ${seconds.toFixed(2)} s, ${ratio.toFixed(2)} times the bare handler in its round`,
    );
  }
}
