import { readFile, rm } from 'node:fs/promises';
import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../../../src/client/transfer/buffer-pool.ts';
import type { LocalArtifact } from '../../../../src/publish/inspect/local-artifact.ts';
import { uploadArtifact } from '../../../../src/publish/upload/upload-artifact.ts';
import type { UploadGrant } from '../../../../src/publish/upload/upload-grant.ts';
import { inOrder, ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { APP_ID, BUCKET, SERVER } from '../../../support/publish/base-server.ts';
import { publisherOver, TOKEN } from '../../../support/publish/test-publisher.ts';
import { LINUX, writeArtifact } from '../../../support/tauri/local-file.ts';

const DOWNLOAD = `${SERVER}/api/sync/ota/my-app/download/r1/linux/x86_64`;
const RELEASES = `${SERVER}/api/sync/ota/apps/${APP_ID}/releases`;

const ok = () => new HttpResponse();
const tookLive = () => HttpResponse.json({ status: 'complete', size: 1, sha256: 'ab', went_live: true });
const DONE = { servedSignature: 'signature of linux-x86_64' };
const status = (code: number) => () => new HttpResponse(null, { status: code });
const immutable = () => HttpResponse.json({ code: 'immutable' }, { status: 409 });

/** Uploads a file; the server gives the upload URLs /1, /2 and so on unless it refuses, and takes PUTs so. */
async function upload(script: {
  mint?: (() => Response)[];
  put: (() => Response)[];
  listed?: (artifact: LocalArtifact) => unknown[];
  /** On a server that lists no artifacts: what it serves for the platform, under the slug. */
  served?: (file: Buffer) => Response;
  grant?: UploadGrant;
  /** Changes the file after it was planned. */
  spoil?: (artifact: LocalArtifact) => Promise<void>;
  /** The server's responses to the call that completes the upload. */
  complete?: (() => Response)[];
}) {
  const artifact = await writeArtifact(await tempFolder(), LINUX);
  let minted = 0;
  const mint = () => {
    const upload_url = `${BUCKET}/${++minted}?sig=secret`;
    return HttpResponse.json({
      upload_url,
      s3_key: 'k',
      ...(script.complete && { upload_id: `u${minted}` }),
    });
  };
  const { id, version } = { id: 'r1', version: '1.2.0' };
  const file = await readFile(artifact.file);
  const transport = new ScriptedTransport(
    http.get(DOWNLOAD, () => script.served?.(file)),
    http.post(`${RELEASES}/r1/artifacts`, inOrder(...(script.mint ?? script.put.map(() => mint)))),
    http.put(`${BUCKET}/*`, inOrder(...script.put)),
    http.post(`${RELEASES}/r1/artifacts/:upload/complete`, inOrder(...(script.complete ?? []))),
    http.get(RELEASES, () =>
      HttpResponse.json([
        { id: 'r0', version: '1.1.0' },
        script.served ? { id, version } : { id, version, artifacts: script.listed?.(artifact) ?? [] },
      ]),
    ),
  );
  const publisher = publisherOver(transport);
  const { target, arch, size: file_size } = artifact;
  const body = { target, arch, file_size };
  const planned = { ...artifact, action: 'upload', servedSignature: artifact.signature, body } as const;
  await script.spoil?.(artifact);
  const slug = script.served && 'my-app';
  const context = { publisher, release: { id, version }, slug, buffers: new BufferPool() };
  const outcome = await uploadArtifact(context, planned, script.grant).catch((error: unknown) => error);
  return { outcome, publisher, transport, artifact };
}

const stored = ({ target, arch, size, sha256, signature }: LocalArtifact) => [
  { target, arch, file_size: size, sha256, signature },
];
const mintOnce = () => HttpResponse.json({ upload_url: `${BUCKET}/1`, s3_key: 'k' });
const storedOther = (artifact: LocalArtifact) => stored({ ...artifact, sha256: 'b'.repeat(64) });

describe('a file', () => {
  test('pains 4: is sent to a URL requested just before, and reported from start to end', async () => {
    const { outcome, publisher, transport, artifact } = await upload({ put: [ok] });
    expect(outcome).toMatchObject(DONE);
    expect(transport.calls).toEqual([`POST ${new URL(RELEASES).pathname}/r1/artifacts`, 'PUT /1']);
    const types = publisher.events.map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['upload_started', 'uploaded']);
    expect(publisher.events).toContainEqual(
      expect.objectContaining({ type: 'upload_progress', sentBytes: artifact.size }),
    );
  });

  test.each([
    ['403', status(403)],
    ['500', status(500)],
    ['no response', () => HttpResponse.error()],
  ])('pains 4: is sent to a fresh URL after %s', async (_, answer) => {
    const { outcome, transport, artifact } = await upload({ put: [answer, ok] });
    expect(outcome).toMatchObject(DONE);
    expect(transport.calls.filter((call) => call.startsWith('PUT'))).toEqual(['PUT /1', 'PUT /2']);
    expect(transport.requests.at(-1)?.body).toHaveLength(artifact.size);
  });

  test('that makes its release live reports it', async () => {
    expect((await upload({ put: [tookLive] })).outcome).toEqual({ ...DONE, wentLive: true });
    expect((await upload({ put: [ok] })).outcome).toEqual({ ...DONE, wentLive: undefined });
  });

  test('is sent to the URL that was granted before, and to a fresh one when that is refused', async () => {
    const granted = await upload({ mint: [], put: [ok], grant: { upload_url: `${BUCKET}/granted` } });
    expect(granted.transport.calls).toEqual(['PUT /granted']);
    const refused = await upload({
      mint: [mintOnce],
      put: [status(403), ok],
      grant: { upload_url: `${BUCKET}/granted` },
    });
    expect(refused.outcome).toMatchObject(DONE);
    expect(refused.transport.calls.filter((call) => call.startsWith('PUT'))).toEqual([
      'PUT /granted',
      'PUT /1',
    ]);
  });

  test('is not sent again if its upload URL is not found', async () => {
    const { outcome, transport } = await upload({ put: [status(404)] });
    expect(outcome).toMatchObject({ code: 'store_unavailable', status: 404 });
    expect(transport.calls.filter((call) => call.startsWith('PUT'))).toHaveLength(1);
    expect(transport.calls.at(-1)).toBe(`GET ${new URL(RELEASES).pathname}`); // is the release still there?
  });

  test('that cannot be read any more is not mistaken for one of a deleted release', async () => {
    const { outcome, transport } = await upload({ put: [ok], spoil: ({ file }) => rm(file) });
    expect(outcome).toMatchObject({ code: 'usage', status: undefined });
    expect(transport.calls).not.toContain(`GET ${new URL(RELEASES).pathname}`);
  });

  test('is given up when its fresh URL is refused too', async () => {
    const { outcome } = await upload({ put: [status(403), status(403)] });
    expect(outcome).toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('linux-x86_64'),
    });
    expect(String(outcome)).not.toContain('secret');
  });

  test('pains 15: is sent to its upload URL without the token', async () => {
    const { transport } = await upload({ put: [status(403), ok] });
    const puts = transport.requests.filter(({ method }) => method === 'PUT');
    expect(puts).toHaveLength(2);
    for (const { headers } of puts) expect(JSON.stringify(headers)).not.toContain(TOKEN);
  });
});

describe('a file that is uploaded to a remote store', () => {
  const taken = () => HttpResponse.json({ status: 'complete', went_live: true }) as Response;
  const pending = () => HttpResponse.json({ status: 'pending' }, { status: 202 });
  const tooEarly = () => HttpResponse.json({ code: 'not_uploaded' }, { status: 425 });
  const completions = (calls: readonly string[]) => calls.filter((call) => call.endsWith('/complete'));

  test('is finalized by one call after its PUT, which says whether the release went live', async () => {
    const { outcome, transport } = await upload({ put: [ok], complete: [taken] });
    expect(outcome).toEqual({ ...DONE, wentLive: true });
    const artifacts = `${new URL(RELEASES).pathname}/r1/artifacts`;
    expect(transport.calls).toEqual([`POST ${artifacts}`, 'PUT /1', `POST ${artifacts}/u1/complete`]);
  });

  test('is awaited while the server processes it, and polled at most once a second', async () => {
    const { outcome, publisher, transport } = await upload({
      put: [ok],
      complete: [pending, pending, taken],
    });
    expect(outcome).toMatchObject(DONE);
    expect(completions(transport.calls)).toHaveLength(3);
    expect(publisher.waits).toEqual([1000, 1000]);
  });

  test('is given up if the server never finishes', async () => {
    const { outcome } = await upload({ put: [ok], complete: Array(10_000).fill(pending) });
    expect(outcome).toMatchObject({ code: 'network' });
  });

  test.each([
    ['no response', () => HttpResponse.error()],
    ['503', status(503)],
    ['the reply that nothing has arrived', tooEarly],
  ])('is not sent again after %s', async (_, answer) => {
    const { outcome, transport } = await upload({ put: [ok], complete: [answer, taken] });
    expect(outcome).toMatchObject(DONE);
    expect(transport.calls.filter((call) => call.startsWith('PUT'))).toEqual(['PUT /1']);
    expect(completions(transport.calls)).toHaveLength(2);
  });

  test('is sent to a fresh URL if the first PUT failed, and the call names that upload', async () => {
    const { outcome, transport } = await upload({ put: [status(500), ok], complete: [taken] });
    expect(outcome).toMatchObject(DONE);
    expect(completions(transport.calls)[0]).toContain('/u2/');
  });

  test('with different bytes than declared is refused, and not sent again', async () => {
    const mismatch = () => HttpResponse.json({ code: 'content_mismatch', detail: 'sha256' }, { status: 422 });
    const { outcome } = await upload({ put: [ok], complete: [mismatch] });
    expect(outcome).toMatchObject({ code: 'preflight_refused' });
  });

  test.each([
    ['is resolved as done if another job stored the same bytes', stored, DONE],
    ['is a conflict if another job stored different bytes', storedOther, { code: 'conflict' }],
  ])('%s', async (_, listed, expected) => {
    const { outcome } = await upload({ put: [ok], complete: [immutable], listed });
    expect(outcome).toMatchObject(expected);
  });
});

describe('a conflict', () => {
  test('pains 4: after a lost response is resolved as done if the server has these bytes', async () => {
    const put = [() => HttpResponse.error()];
    const { outcome } = await upload({ mint: [mintOnce, immutable], put, listed: stored });
    expect(outcome).toMatchObject(DONE);
  });

  test('at the PUT is resolved as done if another job stored these bytes', async () => {
    const { outcome } = await upload({ put: [immutable], listed: stored });
    expect(outcome).toMatchObject(DONE);
  });

  test('is known to be with another job if every response came, but not if one was lost', async () => {
    expect((await upload({ put: [immutable], listed: stored })).outcome).toMatchObject({ wentLive: false });
    const lost = await upload({
      mint: [mintOnce, immutable],
      put: [() => HttpResponse.error()],
      listed: stored,
    });
    expect(lost.outcome).toEqual({ ...DONE, wentLive: undefined });
  });

  test('is resolved with the served signature if another job signed the file', async () => {
    const listed = (artifact: LocalArtifact) => stored({ ...artifact, signature: 'by the other' });
    expect((await upload({ put: [immutable], listed })).outcome).toMatchObject({
      servedSignature: 'by the other',
    });
  });

  test('is resolved as done if a server that lists nothing serves these bytes', async () => {
    const served = (file: Buffer) => new HttpResponse(new Uint8Array(file));
    const { outcome } = await upload({ mint: [immutable], put: [], served });
    expect(outcome).toMatchObject(DONE);
  });

  test('is resolved once the served file is known', async () => {
    let asked = 0;
    const served = (file: Buffer) => (asked++ === 0 ? status(503)() : new HttpResponse(new Uint8Array(file)));
    const { outcome } = await upload({ mint: [immutable, immutable], put: [], served });
    expect(outcome).toMatchObject(DONE);
    expect(asked).toBe(2);
  });

  test.each([
    ['other bytes', () => HttpResponse.text('other bytes')],
    ['nothing', status(404)],
  ])('remains if a server that lists nothing serves %s', async (_, served) => {
    const { outcome } = await upload({ mint: [immutable], put: [], served });
    expect(outcome).toMatchObject({ code: 'conflict' });
  });

  test.each([
    ['other bytes', storedOther],
    ['nothing for this platform', () => []],
  ])('remains if the server has %s', async (_, listed) => {
    const { outcome, publisher } = await upload({ mint: [immutable], put: [], listed });
    expect(outcome).toMatchObject({ code: 'conflict' });
    expect(publisher.events.map(({ type }) => type)).not.toContain('uploaded');
  });
});
