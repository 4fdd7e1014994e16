import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { CreateArtifactResponse } from '../../src/protocol/messages.ts';
import { partSizeOf } from '../../src/protocol/upload/multipart.ts';
import { RawConnection } from '../support/network/raw-connection.ts';
import { run } from '../support/process/binary.ts';
import { freePorts } from '../support/process/free-ports.ts';
import { isRunning, workersOf } from '../support/process/workers.ts';
import { serveUntilFinished, startWorld, type World } from '../support/publish/world.ts';
import { sha256Of } from '../support/tauri/local-file.ts';

const PART_SIZE = partSizeOf(0);
/** Of two parts. */
const BYTES = randomBytes(PART_SIZE + 1000);
const PARTS = [BYTES.subarray(0, PART_SIZE), BYTES.subarray(PART_SIZE)];
const WORKERS = ['--workers', '2'];

/** A call of the API. On a connection of its own, as all requests here, so that the workers take turns. */
async function call({ server, app, env }: World, path: string, body: object): Promise<Response> {
  return fetch(`${env.SYNCKIT_OTA_SERVER ?? server.url}/api/sync/ota/apps/${app.id}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${app.token}`,
      'content-type': 'application/json',
      connection: 'close',
    },
    body: JSON.stringify(body),
  });
}

interface Parted {
  readonly urlOf: (number: number) => string;
  put(number: number, bytes?: Buffer, options?: RequestInit): Promise<Response>;
  complete(etags: readonly string[]): Promise<Response>;
}

async function grant(
  world: World,
  releaseId: string,
): Promise<Parted & { readonly done: readonly object[] }> {
  const path = `/releases/${releaseId}/artifacts`;
  const declared = { target: 'linux', arch: 'x86_64', file_size: BYTES.length, sha256: sha256Of(BYTES) };
  const response = await call(world, path, { ...declared, multipart: true });
  const { upload_id, multipart } = (await response.json()) as CreateArtifactResponse;
  const urlOf = (number: number) => multipart?.parts.find((part) => part.number === number)?.url ?? '';
  return {
    urlOf,
    done: multipart?.done ?? [],
    put: (number, bytes = PARTS[number - 1] ?? Buffer.alloc(0), options = {}) =>
      fetch(urlOf(number), {
        method: 'PUT',
        headers: { connection: 'close' },
        body: new Uint8Array(bytes),
        ...options,
      }),
    complete: (parts) => call(world, `${path}/${upload_id}/complete`, { parts }),
  };
}

async function openUpload() {
  const [port] = await freePorts(1);
  const world = await startWorld([...WORKERS, '--port', String(port)]); // where workers that are replaced listen, too
  const release = { version: '1.0.0', signature: 'of 1.0.0' };
  const { id } = (await (await call(world, '/releases', release)).json()) as { id: string };
  return { world, releaseId: id, parted: await grant(world, id) };
}

const etagOf = (response: Response) => response.headers.get('etag') ?? '';

/** A request that sends the beginning of a part, and then nothing. */
async function stall({ urlOf }: Parted, number: number, dataDir: string): Promise<RawConnection> {
  const url = new URL(urlOf(number));
  const connection = await RawConnection.to(url.href);
  connection.sendHead(
    `PUT ${url.pathname}${url.search} HTTP/1.1`,
    `Content-Length: ${PARTS[number - 1]?.length}`,
    'Expect: 100-continue',
  );
  await connection.until(/100 Continue/); // it is its turn
  connection.send(randomBytes(100));
  expect(await readdir(join(dataDir, 'parts'))).toHaveLength(1);
  return connection;
}

async function requireOffered(world: World): Promise<void> {
  const check = await fetch(`${world.server.url}/api/sync/ota/my-app/linux/x86_64/0.9.0`);
  const { url } = (await check.json()) as { url: string };
  expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(BYTES)).toBe(true);
}

test('field 13: parts that arrive at different workers become one file, and others sent at once do no harm', async () => {
  const { world, releaseId, parted } = await openUpload();
  await world.run(['publish', 'slug', 'my-app']);
  const other = randomBytes(PART_SIZE);
  const racing = await Promise.all([1, 2, 3, 4].map((i) => parted.put(1, i % 2 ? other : undefined)));
  expect(racing.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const etags = [etagOf(await parted.put(1)), etagOf(await parted.put(2))];
  expect((await grant(world, releaseId)).done).toHaveLength(2);
  const completions = await Promise.all([1, 2, 3].map(() => parted.complete(etags)));
  expect(completions.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await readdir(join(world.dataDir, 'parts'))).toEqual([]);
  expect(await readdir(join(world.dataDir, 'staging'))).toEqual([]);
  await requireOffered(world);
});

test('field 13: a part that stalls at one worker is taken over by another, which hears of it', async () => {
  const { world, parted } = await openUpload();
  const stalled = await stall(parted, 1, world.dataDir);
  const second = await parted.put(1);
  expect(second.status).toBe(200);
  expect(await stalled.until(/ 503 /)).toContain('Another request has taken over this part.');
  expect((await parted.complete([etagOf(second), etagOf(await parted.put(2))])).status).toBe(200);
});

test('field 13: a worker that is killed leaves its parts to others', async () => {
  const { world, parted } = await openUpload();
  const first = etagOf(await parted.put(1));
  await stall(parted, 2, world.dataDir);
  for (const pid of await workersOf(world.server)) process.kill(pid, 'SIGKILL');
  // A connection that was on its way to one of them hangs, and the port is closed until there is another.
  const second = await vi.waitFor(() => parted.put(2, PARTS[1], { signal: AbortSignal.timeout(3000) }));
  expect(second.status).toBe(200);
  expect((await parted.complete([first, etagOf(second)])).status).toBe(200);
});

test('field 13: a new server waits for workers of one that was killed, and has what they acknowledged', async () => {
  const { world, releaseId, parted } = await openUpload();
  expect((await parted.put(1)).status).toBe(200);
  const [frozen = 0, ...workers] = await workersOf(world.server);
  process.kill(frozen, 'SIGSTOP'); // it cannot notice that the others end
  process.kill(world.server.pid, 'SIGKILL');
  await vi.waitFor(() => expect([world.server.pid, ...workers].filter(isRunning)).toEqual([]));

  const refused = await run(['serve', '--data-dir', world.dataDir, '--port', '0']);
  expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining('is using') });
  process.kill(frozen, 'SIGCONT');
  const again = await serveUntilFinished(world.dataDir, WORKERS);
  await vi.waitFor(() => expect(isRunning(frozen)).toBe(false));
  const resumed = await grant({ ...world, env: { SYNCKIT_OTA_SERVER: again.url } }, releaseId);
  expect(resumed.done).toMatchObject([{ number: 1 }]);
});
