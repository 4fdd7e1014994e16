import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BufferPool } from '../../../src/client/transfer/buffer-pool.ts';
import { OtaError } from '../../../src/errors.ts';
import type { PlannedArtifact } from '../../../src/publish/plan/planned-artifact.ts';
import type { Publisher } from '../../../src/publish/publisher.ts';
import { uploadArtifact } from '../../../src/publish/upload/upload-artifact.ts';
import { uploadMultipart } from '../../../src/publish/upload/upload-multipart.ts';
import { RecordingTransport } from '../../support/network/recording-transport.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { publisherOver } from '../../support/publish/test-publisher.ts';
import { flipped } from '../../support/s3/fake-s3/object-store.ts';
import type { Answer, Operation } from '../../support/s3/fake-s3/operations.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, startS3Server } from '../../support/s3/s3-server.ts';
import { LINUX, sha256Of, writeArtifact } from '../../support/tauri/local-file.ts';

/** What the server asks for; S3 itself wants more of it. */
const PART_SIZE = 256 * 1024;
/** Three parts of that, and one of 5 bytes. */
const BYTES = randomBytes(3 * PART_SIZE + 5);

/** A file that is planned to go in parts, a real server on the fake store with its release, and jobs that publish it. */
async function openWorld() {
  const place = await fakeS3Place();
  const { fake } = place;
  fake.store.minPart = PART_SIZE;
  const server = await startS3Server(await tempFolder(), place, {
    pollSchedule: NEVER,
    partSizeOf: () => PART_SIZE,
  });
  const { url } = await server.listen();
  const { id: appId, token } = await server.createApp({ slug: 'my-app' });
  const local = await writeArtifact(await tempFolder(), LINUX, 'signature', BYTES);
  const { target, arch, size: file_size, sha256, signature } = local;
  const body = { target, arch, file_size, sha256, signature, multipart: true };
  const artifact: PlannedArtifact = {
    ...local,
    action: 'upload',
    body,
    servedSignature: signature,
    completed: true,
  };
  const job = () => {
    const transport = new RecordingTransport();
    onTestFinished(() => transport.close());
    return { transport, publisher: publisherOver(transport, { server: url, appId, token }) };
  };
  const { client } = job().publisher;
  const release = await client.createRelease(appId, { version: '1.2.0', signature: 'of release' });
  const contextOf = (publisher: Publisher, buffers = new BufferPool()) => {
    return { publisher, release, slug: undefined, buffers };
  };
  const upload = async ({ transport, publisher } = job()) => {
    const outcome = await uploadArtifact(contextOf(publisher), artifact).catch((error: unknown) => error);
    return { outcome, transport, publisher };
  };
  /** Numbers of the parts that were taken, in the order that they were. */
  const taken: number[] = [];
  const intercept = (act: (operation: Operation, number: number) => Answer | undefined) => {
    fake.intercept = (operation) => {
      const { method, query } = operation;
      const number = query.has('partNumber') && method === 'PUT' ? Number(query.get('partNumber')) : 0;
      const answer = act(operation, number);
      if (number > 0 && answer === undefined) taken.push(number);
      return answer;
    };
  };
  intercept(() => undefined);
  return {
    place,
    fake,
    client,
    appId,
    release,
    artifact,
    job,
    contextOf,
    upload,
    taken,
    intercept,
    /** That the file is there, and nothing else. */
    async expectServed() {
      const [listed] = await client.listReleases(appId);
      expect(listed?.artifacts).toMatchObject([{ sha256, file_size }]);
      expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 1, uploads: [] });
    },
  };
}

type World = Awaited<ReturnType<typeof openWorld>>;

/** Answers the first requests for a part like this. */
function strike(world: World, part: number, count: number, answer: Answer): void {
  let left = count;
  world.intercept((_, number) => (number === part && left-- > 0 ? answer : undefined));
}

const isCompletion = ({ url }: { url: URL }) => url.pathname.endsWith('/complete');

describe('a file that is uploaded in parts', () => {
  test('is read once, sent part by part, finalized, and reported from start to end', async () => {
    const world = await openWorld();
    const { outcome, publisher, transport } = await world.upload();
    expect(outcome).toEqual({ servedSignature: 'signature', wentLive: false });
    expect(world.taken.sort()).toEqual([1, 2, 3, 4]);
    expect(transport.writes).toHaveLength(1 + 4 + 1);
    const sent = publisher.events.flatMap((event) =>
      event.type === 'upload_progress' ? [event.sentBytes] : [],
    );
    expect(sent).toEqual([...sent].sort((a, b) => a - b));
    expect(sent.at(-1)).toBe(BYTES.length);
    const types = publisher.events.map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['upload_started', 'uploaded']);
    await world.expectServed();
  });

  test('has no more parts in flight than fit into memory', async () => {
    const world = await openWorld();
    const { transport, publisher } = world.job();
    let underWay = 0;
    let most = 0;
    const events = new EventEmitter();
    const secondBegan = once(events, 'second');
    transport.before = async ({ method }) => {
      if (method !== 'PUT') return;
      most = Math.max(most, ++underWay);
      if (underWay === 2) events.emit('second');
      await secondBegan;
    };
    transport.after = ({ method }) => {
      if (method === 'PUT') underWay -= 1;
    };
    await uploadMultipart(world.contextOf(publisher, new BufferPool(2 * PART_SIZE)), world.artifact);
    expect(most).toBe(2);
    await world.expectServed();
  });

  test.each<[string, Answer]>([
    ['fails with 500', { status: 500 }],
    ['fails with 503', { status: 503, headers: { 'retry-after': '1' } }],
    ['has no answer', { status: 200, body: 'cut off', cutAt: 0 }],
    [
      'is answered with half an answer',
      { status: 200, body: 'cut off', headers: { 'content-length': '7' }, cutAt: 3 },
    ],
  ])('R55: has only that part sent again if its PUT %s', async (_, answer) => {
    const world = await openWorld();
    strike(world, 2, 2, answer);
    const { outcome, publisher } = await world.upload();
    expect(outcome).toMatchObject({ servedSignature: 'signature' });
    expect(world.taken.sort()).toEqual([1, 2, 3, 4]);
    expect(publisher.events.filter(({ type }) => type === 'retrying')).toHaveLength(2);
    await world.expectServed();
  });

  test('R56: is given up when a part keeps failing, and the next run sends only the missing parts', async () => {
    const world = await openWorld();
    strike(world, 3, Number.POSITIVE_INFINITY, { status: 500 });
    const { outcome, publisher } = await world.upload();
    expect(outcome).toMatchObject({ code: 'network' });
    const tries = world.fake.requests.filter(({ line }) => line.includes('partNumber=3'));
    expect(tries.length).toBeLessThanOrEqual(6);
    expect(publisher.events.at(-1)?.type).not.toBe('uploaded');
    expect(world.taken.sort()).toEqual([1, 2, 4]);
    world.intercept(() => undefined);
    world.taken.length = 0;
    const again = await world.upload();
    expect(again.outcome).toMatchObject({ servedSignature: 'signature' });
    expect(world.taken).toEqual([3]);
    const first = again.publisher.events.find(({ type }) => type === 'upload_progress');
    expect(first).toMatchObject({ sentBytes: expect.any(Number) });
    expect((first as { sentBytes: number }).sentBytes).toBeGreaterThan(2 * PART_SIZE);
    await world.expectServed();
  });

  test('gets a fresh URL for a part if its URL is refused, once', async () => {
    const world = await openWorld();
    strike(world, 1, 1, { status: 403 });
    expect((await world.upload()).outcome).toMatchObject({ servedSignature: 'signature' });
    await world.expectServed();
  });

  test('is given up when a fresh URL is refused too', async () => {
    const world = await openWorld();
    strike(world, 1, 2, { status: 403 });
    expect((await world.upload()).outcome).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('the storage refused'),
    });
    expect(await objectsIn(world.place)).toMatchObject({ staging: 0, artifacts: 0 });
  });

  test('is sent again when the store aborts the upload, and given up when it does so again', async () => {
    const world = await openWorld();
    let endings = 1;
    world.intercept((_, number) => {
      if (number === 4 && endings-- > 0) world.fake.store.uploads.clear();
      return undefined;
    });
    expect((await world.upload()).outcome).toMatchObject({ servedSignature: 'signature' });
    await world.expectServed();

    const other = await openWorld();
    other.intercept((_, number) => {
      if (number === 4) other.fake.store.uploads.clear();
      return undefined;
    });
    expect((await other.upload()).outcome).toMatchObject({
      code: 'network',
      message: expect.stringContaining('twice'),
    });
  });

  test('R63: is not assembled when it changes during the upload', async () => {
    const world = await openWorld();
    const way = world.job();
    let inFlight = 0;
    way.transport.before = async ({ url, method }) => {
      if (method === 'PUT') inFlight += 1;
      if (url.search.includes('partNumber=1')) await appendFile(world.artifact.file, 'more');
    };
    way.transport.after = ({ method }) => {
      if (method === 'PUT') inFlight -= 1;
    };
    const { outcome } = await world.upload(way);
    expect(inFlight).toBe(0);
    expect(outcome).toMatchObject({
      code: 'preflight_refused',
      message: expect.stringContaining('changed while'),
    });
    expect(way.transport.requests.some(isCompletion)).toBe(false);
    expect(await objectsIn(world.place)).toMatchObject({
      staging: 0,
      artifacts: 0,
      uploads: [expect.any(String)],
    });
  });

  test('is sent again if an earlier run uploaded a different file', async () => {
    const world = await openWorld();
    strike(world, 2, Number.POSITIVE_INFINITY, { status: 500 });
    await world.upload();
    for (const { parts } of world.fake.store.uploads.values()) {
      const part = parts.get(1);
      if (part) parts.set(1, { ...part, bytes: flipped(part.bytes) });
    }
    world.intercept(() => undefined);
    world.taken.length = 0;
    expect((await world.upload()).outcome).toMatchObject({ servedSignature: 'signature' });
    expect(world.taken).toContain(1);
    await world.expectServed();
  });

  test('is refused when different bytes arrive, and is not sent again by that run', async () => {
    const world = await openWorld();
    world.fake.defects.add('put_flips_a_bit');
    expect((await world.upload()).outcome).toMatchObject({ code: 'preflight_refused' });
    expect(world.taken).toHaveLength(4);
    expect(await objectsIn(world.place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test.each([
    ['was not sent', 'before'],
    ['was answered, and the answer was lost,', 'after'],
  ] as const)('is complete although the call to assemble it %s at first', async (_, when) => {
    const world = await openWorld();
    const way = world.job();
    let failures = 1;
    way.transport[when] = (request) => {
      if (isCompletion(request) && failures-- > 0) throw new OtaError('network', 'the answer was lost');
    };
    expect((await world.upload(way)).outcome).toMatchObject({ servedSignature: 'signature' });
    expect(world.taken).toHaveLength(4);
    await world.expectServed();
  });

  test('is finalized without sending any of it if it was assembled before', async () => {
    const world = await openWorld();
    const way = world.job();
    const cannotBeTaken = ({ header }: Operation) => header('x-amz-copy-source') !== undefined;
    world.intercept((operation) => (cannotBeTaken(operation) ? { status: 400 } : undefined));
    expect((await world.upload(way)).outcome).toMatchObject({ code: 'network' });
    expect(await objectsIn(world.place)).toMatchObject({ staging: 1, artifacts: 0 });
    world.taken.length = 0;
    world.intercept(() => undefined);
    expect((await world.upload()).outcome).toMatchObject({ servedSignature: 'signature' });
    expect(world.taken).toEqual([]);
    await world.expectServed();
  });

  test('and that another job sends at the same time is complete for both', async () => {
    const world = await openWorld();
    const outcomes = await Promise.all([world.upload(), world.upload(), world.upload()]);
    for (const { outcome } of outcomes) expect(outcome).toMatchObject({ servedSignature: 'signature' });
    await world.expectServed();
  });

  test('is a conflict if another job has uploaded a different file', async () => {
    const world = await openWorld();
    const way = world.job();
    const other = Buffer.from('other');
    way.transport.before = async (request) => {
      if (!isCompletion(request)) return;
      way.transport.before = () => {};
      const { client, appId, release } = world;
      const sha256 = sha256Of(other);
      const body = { target: 'linux', arch: 'x86_64', file_size: 5, sha256, signature: 's' } as const;
      const granted = await client.createArtifact(appId, release.id, body);
      await fetch(granted.upload_url, { method: 'PUT', body: other });
      await client.completeUpload(appId, { releaseId: release.id, uploadId: granted.upload_id ?? '' });
    };
    expect((await world.upload(way)).outcome).toMatchObject({ code: 'conflict' });
    expect(await objectsIn(world.place)).toEqual({ staging: 0, artifacts: 1, uploads: [] });
  });
});
