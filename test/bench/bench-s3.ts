import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { run, type Serving, startServe } from '../support/process/binary.ts';
import { CEPH_PACKAGES, cephIsInstalled, startCeph, stopCeph } from '../support/s3/ceph.ts';
import { S3_ENVIRONMENT } from '../support/s3/s3-credentials.ts';
import { createBucket } from '../support/s3/shared-ceph.ts';
import { elapsed, median } from './figures.ts';

const MIB = 1024 * 1024;
/** How long the store may need until the bytes of what was deleted are gone, in milliseconds. */
const STORE_REST_MS = 5000;
const WAYS = ['curl -T', 'publish by one PUT', 'publish in parts'] as const;
type Way = (typeof WAYS)[number];

export interface LargeFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/**
 * Uploads one file to Ceph by each way in turn: from the answer with its URL to the last byte's acknowledgement, so
 * that hashing before, and the server's reading and the verification after are left out on all sides.
 */
export async function benchS3Uploads(folder: string, file: LargeFile, rounds: number): Promise<void> {
  if (!cephIsInstalled) {
    console.log(`uploads to S3: skipped, needs Debian's ${CEPH_PACKAGES.join(', ')}`);
    return;
  }
  Object.assign(process.env, S3_ENVIRONMENT);
  const store = join(folder, 'ceph');
  await mkdir(store);
  try {
    const endpoint = await startCeph(store);
    await createBucket(endpoint, 'bench');
    const speeds = await measure(join(folder, 's3-data'), endpoint, file, rounds);
    const curl = median(speeds['curl -T']);
    const results = WAYS.map((way) => {
      const speed = median(speeds[way]);
      return `${way} ${speed.toFixed(0)} MiB/s (${(speed / curl).toFixed(2)} of curl)`;
    });
    console.log(`upload of ${file.size / MIB} MiB to Ceph: ${results.join(', ')}`);
  } finally {
    await stopCeph(store);
  }
}

/** @returns MiB/s of each round */
async function measure(
  dataDir: string,
  endpoint: string,
  file: LargeFile,
  rounds: number,
): Promise<Record<Way, number[]>> {
  const place = ['--storage', 's3://bench/files', '--s3-endpoint', endpoint, '--s3-force-path-style'];
  const server = await startServe(dataDir, place);
  const withoutParts = await hideMultipart(server.url);
  try {
    const created = await run([
      'apps',
      'create',
      'Bench',
      '--slug',
      'bench',
      '--data-dir',
      dataDir,
      '--json',
    ]);
    const app = new BenchApp(server, JSON.parse(created.stdout));
    const ways: Readonly<Record<Way, (version: string) => Promise<number>>> = {
      'curl -T': (version) => app.uploadByCurl(version, file),
      'publish by one PUT': (version) => app.publish(version, file, withoutParts.url),
      'publish in parts': (version) => app.publish(version, file, server.url),
    };
    const speeds: Record<Way, number[]> = { 'curl -T': [], 'publish by one PUT': [], 'publish in parts': [] };
    for (let round = 0; round < rounds; round++) {
      for (const [i, way] of WAYS.entries()) {
        speeds[way].push(file.size / MIB / (await ways[way](`1.${round}.${i}`)));
        await app.deleteAll();
        await sleep(STORE_REST_MS);
      }
    }
    return speeds;
  } finally {
    withoutParts.close();
    await server.stop();
  }
}

/** One app, and the ways to upload a file to it. Each returns its seconds. */
class BenchApp {
  readonly #server: Serving;
  readonly #app: { readonly id: string; readonly token: string };

  constructor(server: Serving, app: { id: string; token: string }) {
    this.#server = server;
    this.#app = app;
  }

  async uploadByCurl(version: string, { file, size, sha256 }: LargeFile): Promise<number> {
    const { id } = await this.#call('POST', '/releases', { version, notes: '', signature: 'not checked' });
    const artifact = { target: 'linux', arch: 'x86_64', file_size: size, sha256 };
    const { upload_url, upload_id } = await this.#call('POST', `/releases/${id}/artifacts`, artifact);
    const upload = () => promisify(execFile)('curl', ['--silent', '--fail', '-T', file, upload_url]);
    const milliseconds = await elapsed(upload);
    const complete = () => this.#call('POST', `/releases/${id}/artifacts/${upload_id}/complete`);
    while ((await complete()).status !== 'complete') await sleep(1000);
    return milliseconds / 1000;
  }

  async publish(version: string, { file }: LargeFile, server: string): Promise<number> {
    const { id, token } = this.#app;
    const env = { SYNCKIT_OTA_SERVER: server, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
    const { code, stderr } = await run(
      ['publish', '--version', version, '--artifact', `linux-x86_64=${file}`],
      { env },
    );
    if (code !== 0) throw new Error(stderr);
    return this.#lastUploadTook();
  }

  async deleteAll(): Promise<void> {
    for (const { id } of await this.#call('GET', '/releases')) await this.#call('DELETE', `/releases/${id}`);
  }

  /** From the answer with the URL to the call after the PUTs, in seconds. */
  #lastUploadTook(): number {
    const last = (suffix: string) => {
      const isOne = (line: Record<string, unknown>) =>
        line.method === 'POST' && String(line.path).endsWith(suffix);
      const { time, ms } = this.#server.logs().filter(isOne).at(-1) ?? {};
      return { answered: Date.parse(String(time)), took: Number(ms) };
    };
    const { answered, took } = last('/complete');
    return (answered - took - last('/artifacts').answered) / 1000;
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of several routes
  async #call(method: string, path: string, body?: object): Promise<any> {
    const url = `${this.#server.url}/api/sync/ota/apps/${this.#app.id}${path}`;
    const headers = {
      authorization: `Bearer ${this.#app.token}`,
      ...(body && { 'content-type': 'application/json' }),
    };
    const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text || 'null');
  }
}

/** The same server without the extension `multipart`, as older ones are. Uploads do not pass here. */
async function hideMultipart(server: string): Promise<{ url: string; close(): void }> {
  const proxy = http.createServer(async (request, response) => {
    const { method = 'GET', url = '', headers } = request;
    const body = await buffer(request);
    const onward = http.request(new URL(url, server), { method, headers }, async (answer) => {
      const text = (await buffer(answer)).toString('utf8').replace(',"multipart"]', ']');
      const { 'transfer-encoding': _, ...kept } = answer.headers;
      const length = answer.statusCode === 204 ? {} : { 'content-length': Buffer.byteLength(text) };
      response.writeHead(answer.statusCode ?? 502, { ...kept, ...length }).end(text);
    });
    onward.end(body);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    close() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}
