import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../../../src/client/transfer/buffer-pool.ts';
import { platformName } from '../../../../src/protocol/platform.ts';
import type { PlannedArtifact } from '../../../../src/publish/plan/planned-artifact.ts';
import { uploadAll } from '../../../../src/publish/upload/upload-all.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { APP_ID, BUCKET, SERVER } from '../../../support/publish/base-server.ts';
import { release } from '../../../support/publish/plan-inputs.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { DEB, LINUX, MAC, writeArtifact } from '../../../support/tauri/local-file.ts';

const RELEASE = release('1.2.0');
const RELEASES = `${SERVER}/api/sync/ota/apps/${APP_ID}/releases`;
const FILES = [LINUX, DEB, MAC];

interface Script {
  /** What a platform's upload URL or its upload is refused with. */
  readonly refuse?: Readonly<Record<string, () => Response>>;
  readonly wentLive?: Readonly<Record<string, boolean>>;
  readonly skip?: boolean;
  readonly grantsFirst?: boolean;
}

/** Uploads three files; the server names its upload URLs for the platforms. */
async function upload({ refuse = {}, wentLive, skip = false, grantsFirst = false }: Script) {
  const folder = await tempFolder();
  const artifacts = await Promise.all(
    FILES.map(async (platform): Promise<PlannedArtifact> => {
      const { bundleType: bundle_type, ...fields } = platform;
      const file = await writeArtifact(folder, platform);
      const body = { ...fields, ...(bundle_type && { bundle_type }), file_size: file.size };
      return { ...file, action: skip ? 'skip' : 'upload', servedSignature: file.signature, body };
    }),
  );
  const transport = new ScriptedTransport(
    http.post(`${RELEASES}/${RELEASE.id}/artifacts`, async ({ request }) => {
      const { target, arch, bundle_type } = (await request.json()) as Record<string, string>;
      const name = [target, arch, ...(bundle_type ? [bundle_type] : [])].join('-');
      return refuse[`url of ${name}`]?.() ?? HttpResponse.json({ upload_url: `${BUCKET}/${name}` });
    }),
    http.put(`${BUCKET}/*`, ({ request }) => {
      const name = new URL(request.url).pathname.slice(1);
      const answer = { status: 'complete', size: 1, sha256: 'ab', went_live: wentLive?.[name] };
      return refuse[name]?.() ?? HttpResponse.json(answer);
    }),
    http.get(RELEASES, () => HttpResponse.json([{ ...RELEASE, artifacts: [] }])),
  );
  const publisher = publisherOver(transport);
  const context = { publisher, release: RELEASE, slug: undefined, buffers: new BufferPool() };
  const options = { concurrency: 1, grantsFirst };
  const outcome = await uploadAll(context, artifacts, options).catch((error: unknown) => error);
  const calls = transport.requests.map(({ method, url }) => `${method} ${url.pathname.split('/').at(-1)}`);
  return { outcome, calls, events: publisher.events };
}

const refused = (status: number) => () => HttpResponse.json({ detail: `refused with ${status}` }, { status });
const PUTS = FILES.map((platform) => `PUT ${platformName(platform)}`);
/** What all apps of a platform get comes before the other kinds of bundles for it. */
const MAINS_FIRST = ['PUT linux-x86_64', 'PUT darwin-aarch64', 'PUT linux-x86_64-deb'];

describe('uploads', () => {
  test('ask for each URL just before it is used', async () => {
    const { calls } = await upload({});
    expect(calls).toEqual(MAINS_FIRST.flatMap((put) => ['POST artifacts', put]));
  });

  test('send each file once', async () => {
    const { calls } = await upload({});
    expect(calls.filter((call) => call.startsWith('PUT ')).toSorted()).toEqual(PUTS.toSorted());
  });

  test('all get a grant before the first starts, if the server makes the release live by itself', async () => {
    const { calls } = await upload({ grantsFirst: true });
    expect(calls).toEqual([...FILES.map(() => 'POST artifacts'), ...PUTS]);
  });

  test('of files that the server already has are neither granted nor sent', async () => {
    const { outcome, calls, events } = await upload({ grantsFirst: true, skip: true });
    expect(calls).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(['skipped', 'skipped', 'skipped']);
    expect(outcome).toMatchObject({ wentLive: false, artifacts: FILES });
  });

  test.each([
    ['one of them did', { 'linux-x86_64': false, 'linux-x86_64-deb': true, 'darwin-aarch64': false }, true],
    [
      'none of them did',
      { 'linux-x86_64': false, 'linux-x86_64-deb': false, 'darwin-aarch64': false },
      false,
    ],
    ['one does not say', { 'linux-x86_64': false, 'darwin-aarch64': false }, undefined],
    ['one did, and another does not say', { 'darwin-aarch64': true }, true],
  ])('report whether they made the release live: %s', async (_, wentLive, expected) => {
    expect((await upload({ wentLive })).outcome).toMatchObject({ wentLive: expected });
  });
});

describe('an upload that fails', () => {
  test('does not stop those of other platforms, and is the error', async () => {
    const { outcome, calls } = await upload({ refuse: { 'linux-x86_64': refused(422) } });
    expect(outcome).toMatchObject({ code: 'preflight_refused', message: expect.stringContaining('422') });
    const [, darwin] = MAINS_FIRST;
    expect(calls).toContain(darwin);
    expect(calls).not.toContain('PUT linux-x86_64-deb'); // it would be what all apps of its platform get
  });

  test('and needs a person is the error before one that may be retried; all are reported', async () => {
    const refuse = { 'linux-x86_64': refused(503), 'darwin-aarch64': refused(422) };
    const { outcome, events } = await upload({ refuse });
    expect(outcome).toMatchObject({ code: 'preflight_refused' });
    expect(events).toContainEqual({ type: 'warning', message: expect.stringContaining('503') });
  });

  test('because it gets no grant stops all others, if the server makes the release live by itself', async () => {
    const refuse = { 'url of linux-x86_64-deb': refused(413) };
    const { outcome, calls } = await upload({ grantsFirst: true, refuse });
    expect(outcome).toMatchObject({ code: 'preflight_refused', message: expect.stringContaining('413') });
    expect(calls.filter((call) => call.startsWith('PUT'))).toEqual([]);
  });

  test('because another job was faster is resolved in its turn, and does not stop the others', async () => {
    const refuse = { 'url of linux-x86_64-deb': refused(409) };
    const { outcome, calls } = await upload({ grantsFirst: true, refuse });
    expect(outcome).toMatchObject({ code: 'conflict' }); // and the server lists nothing of these bytes
    expect(calls.filter((call) => call.startsWith('PUT'))).toEqual([PUTS[0], PUTS[2]]);
    expect(calls).toContain('GET releases');
  });
});
