import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type Transport,
  type TransportRequest,
  UndiciTransport,
} from '../../../src/client/transport/transport.ts';
import type * as Multipart from '../../../src/protocol/upload/multipart.ts';
import { MULTIPART_FROM } from '../../../src/protocol/upload/multipart.ts';
import { type PublishRequest, publish } from '../../../src/publish/publish.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startPublishWorld } from '../../support/publish/publish-world.ts';
import { publisherOver, publishRequest } from '../../support/publish/test-publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { NEVER, openS3Server } from '../../support/s3/s3-server.ts';
import { DEB, LINUX, MAC, writeArtifact } from '../../support/tauri/local-file.ts';

/** A large file has 16 parts of 64 KiB, for client and server alike, instead of 8 MiB. */
vi.mock('../../../src/protocol/upload/multipart.ts', async (importOriginal) => {
  const original = await importOriginal<typeof Multipart>();
  const partSize = 64 * 1024;
  return {
    ...original,
    MULTIPART_FROM: 16 * partSize,
    partSizeOf: () => partSize,
    partsOf: (fileSize: number, size = partSize) => original.partsOf(fileSize, size),
  };
});

/** Real HTTP that keeps what was sent, as `METHOD path`; what only a response contains is a placeholder, as in a plan. */
class ListingTransport implements Transport {
  readonly inner = new UndiciTransport();
  sent: string[] = [];
  newRelease = false;

  async send(request: TransportRequest) {
    const { pathname, search } = request.url;
    const withPlaceholder = (text: string) =>
      text.replace(/(?<=\/releases\/|\/download\/|[?]release=)[0-9a-f-]{36}/, (id) =>
        this.newRelease ? '{release_id}' : id,
      );
    const path = withPlaceholder(pathname);
    const shown = /\/(uploads|staging)\//.test(pathname)
      ? '{upload_url}'
      : /\/downloads\/|\/artifacts\/[^/]+$/.test(pathname)
        ? '{storage_url}'
        : path.replace(/[^/]+(?=\/complete$)/, '{upload_id}') + withPlaceholder(search);
    this.sent.push(`${request.method} ${shown}`);
    return this.inner.send(request);
  }
}

/** What a dry run says that it would send, and what the publish after it sends. */
async function planAndSend(world: Awaited<ReturnType<typeof startWorld>>, fields: Partial<PublishRequest>) {
  const { publisher, transport } = world;
  const request = publishRequest({ concurrency: 1, ...fields });
  transport.newRelease = fields.version !== undefined;
  transport.sent = [];
  const { requests } = await publish(publisher, { ...request, dryRun: true });
  const looked = transport.sent.filter((sent) => !sent.endsWith('/simulate')); // which changes nothing
  transport.sent = [];
  await publish(publisher, request);
  return { planned: requests, sent: transport.sent.slice(looked.length), looked };
}

async function startWorld(open?: Parameters<typeof startPublishWorld>[1]) {
  const { url, app, artifacts } = await startPublishWorld([LINUX, MAC, DEB], open);
  const transport = new ListingTransport();
  onTestFinished(() => transport.inner.close());
  const publisher = publisherOver(transport, { server: url, appId: app.id, token: app.token });
  return { publisher, transport, artifacts };
}

test('a dry run only reads, and lists in order every request that the publish then sends', async () => {
  const world = await startWorld();
  const { artifacts } = world;
  const first = await planAndSend(world, { version: '1.2.0', artifacts: artifacts.slice(0, 2) });
  expect(first.looked.every((request) => request.startsWith('GET '))).toBe(true);
  expect(first.sent.length).toBeGreaterThan(10);
  expect(first.planned).toEqual(first.sent);

  const again = await planAndSend(world, { artifacts: artifacts.slice(0, 2) });
  expect(again.sent.filter((request) => !request.startsWith('GET '))).toEqual([]);
  expect(again.planned).toEqual(again.sent);

  const added = await planAndSend(world, { artifacts, allowStranding: true });
  expect(added.sent.filter((request) => request.startsWith('PUT '))).toHaveLength(1);
  expect(added.sent.filter((request) => request.startsWith('PATCH '))).toHaveLength(1);
  expect(added.planned).toEqual(added.sent);

  await publish(
    world.publisher,
    publishRequest({ version: '1.1.0', allowLower: true, draft: true, notes: undefined, artifacts }),
  );
  const filled = await planAndSend(world, { version: '1.1.0', allowLower: true, artifacts });
  expect(filled.sent.filter((request) => request.startsWith('PATCH '))).toHaveLength(1);

  const higher = await planAndSend(world, { version: '1.3.0-beta.1', channel: 'beta', artifacts });
  expect(higher.sent.filter((request) => request.includes('/1.2.0?channel=beta')).length).toBeGreaterThan(0);
  expect(higher.planned).toEqual(higher.sent);

  const stable = await planAndSend(world, { version: '1.3.0', channel: 'stable', artifacts });
  expect(stable.planned).toEqual(stable.sent);

  const expected = ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'];
  const awaited = await planAndSend(world, { version: '1.3.1', expect: expected, artifacts });
  expect(awaited.planned).toEqual(awaited.sent);

  const draft = await planAndSend(world, { version: '1.4.0', draft: true, artifacts });
  expect(draft.sent.at(-2)).toBe('PUT {upload_url}');
  expect(draft.planned).toEqual(draft.sent);
});

test('a dry run lists the request after each PUT if files are uploaded to a remote store', async () => {
  const place = await fakeS3Place();
  const world = await startWorld((dataDir) => openS3Server(dataDir, place, { pollSchedule: NEVER }));
  const first = await planAndSend(world, { version: '1.2.0', artifacts: world.artifacts });
  expect(first.sent.filter((request) => request.endsWith('/{upload_id}/complete'))).toHaveLength(3);
  expect(first.planned).toEqual(first.sent);
});

test('a dry run that fails shows which files are refused and which are valid', async () => {
  const { publisher, artifacts } = await startWorld();
  await publish(publisher, publishRequest({ artifacts: artifacts.slice(0, 2) }));
  const [linux, mac] = artifacts;
  if (!linux || !mac) throw new Error('two files were written');
  const changed = await writeArtifact(await tempFolder(), LINUX);
  const outcome = publish(publisher, publishRequest({ artifacts: [changed, mac], dryRun: true }));
  await expect(outcome).rejects.toMatchObject({ code: 'conflict' });
  expect(publisher.events).toContainEqual({
    type: 'refused',
    artifacts: [
      expect.objectContaining({ ...LINUX, refused: true }),
      expect.objectContaining({ ...MAC, refused: false }),
    ],
  });
});

test('a dry run shows the number of parts of a large file', async () => {
  const place = await fakeS3Place();
  place.fake.store.minPart = 1;
  const world = await startWorld((dataDir) => openS3Server(dataDir, place, { pollSchedule: NEVER }));
  const large = await writeArtifact(
    await tempFolder(),
    LINUX,
    'signature',
    Buffer.alloc(MULTIPART_FROM, 'x'),
  );
  const { planned, sent } = await planAndSend(world, { version: '1.2.0', artifacts: [large] });
  const isPut = (request: string) => request === 'PUT {upload_url}';
  expect(sent.filter(isPut)).toHaveLength(16);
  const shown = sent.filter((request, i) => !isPut(request) || !isPut(sent[i - 1] ?? ''));
  expect(planned).toEqual(shown.map((request) => (isPut(request) ? 'PUT {part_url} (16 parts)' : request)));
});
