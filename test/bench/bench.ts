import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { BINARY, run, type Serving, startServe } from '../support/process/binary.ts';
import { randomStream } from '../support/process/random-stream.ts';
import { benchS3Uploads, type LargeFile } from './bench-s3.ts';
import { benchUploadToDisk } from './bench-upload.ts';
import { benchCapacity } from './capacity.ts';
import { benchChecks } from './checks.ts';
import { elapsed, median } from './figures.ts';
import { benchLoadedChecks } from './loaded-checks.ts';
import { benchNodes } from './nodes.ts';
import { benchScale } from './scale.ts';

/*
 * Figures of this machine, for people: nothing here asserts. Each comparison runs its two sides in turn, and the
 * median is printed, because machines are noisy.
 */

const MIB = 1024 * 1024;
const FILE_SIZE = Number(process.env.BENCH_FILE_MIB ?? 1024) * MIB;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const STARTS = 15;
const PLATFORMS = ['x86_64', 'aarch64'].flatMap((arch) =>
  ['linux', 'darwin', 'windows'].map((os) => `${os}-${arch}`),
);
const PLATFORM_FILE_SIZE = Number(process.env.BENCH_PLATFORM_FILE_MIB ?? 100) * MIB;
/** Uploads at once, of `publish` as of curl. */
const CONCURRENCY = 4;

const exec = promisify(execFile);

interface App {
  readonly id: string;
  readonly token: string;
}

async function benchUploadsToS3(folder: string): Promise<void> {
  await benchS3Uploads(folder, await writeFileToUpload(folder), ROUNDS);
}

async function benchUploadsToDisk(folder: string): Promise<void> {
  await benchUploadToDisk(folder, await writeFileToUpload(folder), ROUNDS);
}

async function benchOneServer(folder: string): Promise<void> {
  const { file } = await writeFileToUpload(folder);
  const data = join(folder, 'data');
  const server = await startServe(data);
  try {
    const app: App = JSON.parse(
      (await run(['apps', 'create', 'Bench', '--slug', 'bench', '--data-dir', data, '--json'])).stdout,
    );
    await benchUploads(file, server, app);
    await benchPlatforms(folder, server, app);
    console.log(`serve: ${await peakMemory(server.pid)} MiB resident at most`);
  } finally {
    await server.stop();
  }
}

async function benchStart(): Promise<void> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    ours.push(await elapsed(() => exec(process.execPath, [BINARY, '--version'])));
    bare.push(await elapsed(() => exec(process.execPath, ['-e', '0'])));
  }
  const ratio = (median(ours) / median(bare)).toFixed(2);
  console.log(
    `start: --version ${median(ours).toFixed(0)} ms, node -e 0 ${median(bare).toFixed(0)} ms, ratio ${ratio}`,
  );
}

async function writeFileToUpload(folder: string): Promise<LargeFile> {
  const file = join(folder, 'bundle.bin');
  const hash = createHash('sha256');
  const hashed = async function* () {
    for (const chunk of randomStream(FILE_SIZE)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.from(hashed()), createWriteStream(file));
  await writeFile(`${file}.sig`, 'not checked here');
  return { file, size: FILE_SIZE, sha256: hash.digest('hex') };
}

/** The server's own time for each PUT, so that hashing before and verifying after are left out on both sides. */
async function benchUploads(file: string, server: Serving, app: App): Promise<void> {
  const speeds = { publish: [] as number[], curl: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    await uploadByPublish(server, app, [['linux-x86_64', file]], `1.${round}.0`);
    speeds.publish.push(lastUploadSpeed(server));
    await uploadByCurl(server, app, [['linux-x86_64', file]], `1.${round}.1`);
    speeds.curl.push(lastUploadSpeed(server));
  }
  const [publish, curl] = [median(speeds.publish), median(speeds.curl)];
  console.log(
    `upload of ${FILE_SIZE / MIB} MiB to disk: publish ${publish.toFixed(0)} MiB/s, ` +
      `curl -T ${curl.toFixed(0)} MiB/s, ratio ${(publish / curl).toFixed(2)}`,
  );
}

/** From the first byte of the first PUT to the answer of the last, as the server saw it. */
async function benchPlatforms(folder: string, server: Serving, app: App): Promise<void> {
  const files: [string, string][] = [];
  for (const platform of PLATFORMS) {
    const file = join(folder, `${platform}.bin`);
    await pipeline(Readable.from(randomStream(PLATFORM_FILE_SIZE)), createWriteStream(file));
    await writeFile(`${file}.sig`, 'not checked here');
    files.push([platform, file]);
  }
  const seconds = { publish: [] as number[], curl: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    await uploadByPublish(server, app, files, `2.${round}.0`);
    seconds.publish.push(lastUploadsTook(server, files.length));
    await uploadByCurl(server, app, files, `2.${round}.1`);
    seconds.curl.push(lastUploadsTook(server, files.length));
  }
  const [publish, curl] = [median(seconds.publish), median(seconds.curl)];
  console.log(
    `uploads of ${files.length} files of ${PLATFORM_FILE_SIZE / MIB} MiB, ${CONCURRENCY} at once: ` +
      `publish ${publish.toFixed(2)} s, curl ${curl.toFixed(2)} s, ratio ${(publish / curl).toFixed(2)}`,
  );
}

/** @param files platform and path of each */
async function uploadByPublish(
  server: Serving,
  app: App,
  files: readonly (readonly [string, string])[],
  version: string,
): Promise<void> {
  const env = { SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
  const artifacts = files.flatMap(([platform, file]) => ['--artifact', `${platform}=${file}`]);
  const concurrency = ['--concurrency', String(CONCURRENCY)];
  const { code, stderr } = await run(['publish', '--version', version, ...concurrency, ...artifacts], {
    env,
  });
  if (code !== 0) throw new Error(stderr);
}

async function uploadByCurl(
  server: Serving,
  app: App,
  files: readonly (readonly [string, string])[],
  version: string,
): Promise<void> {
  const call = async (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
    const url = `${server.url}/api/sync/ota/apps/${app.id}/${path}`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await response.json()) as { id: string; upload_url: string };
  };
  const { id } = await call('releases', { version, notes: '', signature: 'not checked here' });
  const uploads: string[] = [];
  for (const [platform, file] of files) {
    const [target, arch] = platform.split('-');
    const artifact = { target, arch, file_size: (await stat(file)).size };
    const { upload_url } = await call(`releases/${id}/artifacts`, artifact);
    uploads.push('--upload-file', file, upload_url);
  }
  await exec('curl', ['--silent', '--fail', '--parallel', '--parallel-max', String(CONCURRENCY), ...uploads]);
}

interface LoggedUpload {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
}

function lastUploads(server: Serving, count: number): LoggedUpload[] {
  const uploads = server
    .logs()
    .filter(({ method, path }) => method === 'PUT' && String(path).includes('/uploads/'))
    .slice(-count);
  return uploads.map(({ time, ms }) => {
    const end = Date.parse(String(time));
    return { start: end - Number(ms), end };
  });
}

/** Seconds. */
function lastUploadsTook(server: Serving, count: number): number {
  const uploads = lastUploads(server, count);
  const start = Math.min(...uploads.map((upload) => upload.start));
  return (Math.max(...uploads.map((upload) => upload.end)) - start) / 1000;
}

function lastUploadSpeed(server: Serving): number {
  return FILE_SIZE / MIB / lastUploadsTook(server, 1);
}

async function peakMemory(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  return kib === undefined ? 'unknown' : (Number(kib) / 1024).toFixed(0);
}

const BENCHES: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  start: benchStart,
  upload: benchUploadsToDisk,
  s3: benchUploadsToS3,
  server: benchOneServer,
  checks: benchChecks,
  nodes: benchNodes,
  loaded: benchLoadedChecks,
  capacity: benchCapacity,
  scale: benchScale,
};

const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-bench-'));
try {
  const [only] = process.argv.slice(2);
  for (const [name, bench] of Object.entries(BENCHES))
    if (only === undefined || name === only) await bench(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
