import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../../../src/client/transfer/buffer-pool.ts';
import { PartUrls, UploadEnded } from '../../../../src/publish/upload/part-urls.ts';
import { inOrder, ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { APP_ID, SERVER } from '../../../support/publish/base-server.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { LINUX } from '../../../support/tauri/local-file.ts';

interface Grant {
  upload_id?: string;
  id?: string;
  parts?: number[];
  done?: number[];
  part_size?: number;
}

let answers = 0;
/** A response with other URLs each time. */
function grantOf({ upload_id = 'u1', id = 'm1', parts = [], done = [], part_size = 16 }: Grant) {
  const n = ++answers;
  return {
    upload_url: 'https://s3.example/whole',
    s3_key: 'k',
    upload_id,
    multipart: {
      id,
      part_size,
      parts: parts.map((number) => ({ number, url: `https://s3.example/${number}?answer=${n}` })),
      done: done.map((number) => ({ number, etag: `"etag ${number}"` })),
    },
  };
}

/** Requests the URLs for a file of a server that answers so, one after the other. */
function ask(...script: (Grant | (() => Response))[]) {
  return askFor(48, ...script);
}

function askFor(size: number, ...script: (Grant | (() => Response))[]) {
  const handlers = script.map((one) =>
    typeof one === 'function' ? one : () => HttpResponse.json(grantOf(one)),
  );
  const url = `${SERVER}/api/sync/ota/apps/${APP_ID}/releases/r1/artifacts`;
  const base = http.get(`${SERVER}/api/sync/ota`, () => new HttpResponse(null, { status: 404 }));
  const transport = new ScriptedTransport(http.post(url, inOrder(...handlers)), base);
  const file = { ...LINUX, file: 'app', size, sha256: 'a', signature: 's', servedSignature: 's' };
  const body = { target: 'linux', arch: 'x86_64', file_size: size, multipart: true } as const;
  const artifact = { ...file, action: 'upload', body } as const;
  const context = {
    publisher: publisherOver(transport),
    release: { id: 'r1', version: '1.2.0' },
    slug: undefined,
    buffers: new BufferPool(),
  };
  const asked = PartUrls.request(context, artifact);
  return { asked, transport };
}

describe('the URLs of parts', () => {
  test('come from one response, until one is missing', async () => {
    const { asked, transport } = ask({ parts: [1, 2] }, { parts: [3] });
    const urls = await asked;
    expect(urls.uploadId).toBe('u1');
    expect(await urls.targetOf(2)).toEqual({ kind: 'url', url: expect.stringContaining('/2?') });
    expect(await urls.targetOf(1)).toEqual({ kind: 'url', url: expect.stringContaining('/1?') });
    expect(transport.calls).toHaveLength(1);
    expect(await urls.targetOf(3)).toEqual({ kind: 'url', url: expect.stringContaining('/3?') });
    expect(transport.calls).toHaveLength(2);
  });

  test('are requested once for all parts that miss one at the same time', async () => {
    const { asked, transport } = ask({ parts: [1] }, { parts: [2, 3, 4] });
    const urls = await asked;
    await Promise.all([urls.targetOf(2), urls.targetOf(3), urls.targetOf(4)]);
    expect(transport.calls).toHaveLength(2);
  });

  test('are requested again after one was refused, unless a fresh one has come since', async () => {
    const { asked, transport } = ask({ parts: [1, 2] }, { parts: [1, 2] });
    const urls = await asked;
    const before = [await urls.targetOf(1), await urls.targetOf(2)] as { url: string }[];
    urls.forget(1, before[0]?.url ?? '');
    expect(await urls.targetOf(1)).not.toEqual(before[0]);
    const fresh = await urls.targetOf(2);
    urls.forget(2, before[1]?.url ?? '');
    expect(await urls.targetOf(2)).toEqual(fresh);
    expect(transport.calls).toHaveLength(2);
  });

  test('are not needed for parts that are uploaded, also by another run', async () => {
    const { asked } = ask({ parts: [1, 2], done: [3] }, { parts: [1], done: [2, 3] });
    const urls = await asked;
    expect(await urls.targetOf(3)).toEqual({ kind: 'uploaded', etag: '"etag 3"' });
    const { url } = (await urls.targetOf(2)) as { url: string };
    urls.forget(2, url);
    expect(await urls.targetOf(2)).toEqual({ kind: 'uploaded', etag: '"etag 2"' });
    expect([...urls.uploaded.keys()]).toEqual([2, 3]);
  });

  test.each<[string, Grant]>([
    ['another upload was started', { id: 'm2', parts: [1, 2] }],
    ['the grant is another', { upload_id: 'u2', parts: [1, 2] }],
    ['the parts have another size', { part_size: 24, parts: [1, 2] }],
    ['the parts were assembled', {}],
  ])('fail when %s', async (_, then) => {
    const { asked } = ask({ parts: [1] }, then);
    await expect((await asked).targetOf(2)).rejects.toBeInstanceOf(UploadEnded);
  });

  test('are empty if the parts were assembled before', async () => {
    const { asked } = ask({});
    expect(await asked).toMatchObject({ isAssembled: true });
  });

  test.each<[string, () => Response, string]>([
    [
      'grants no parts',
      () => HttpResponse.json({ upload_url: 'https://s3.example/1', s3_key: 'k' }),
      'not_the_api',
    ],
    ['has no such release any more', () => new HttpResponse(null, { status: 404 }), 'conflict'],
    ['has the platform’s bytes', () => new HttpResponse(null, { status: 409 }), 'conflict'],
  ])('are given up when the server %s', async (_, answer, code) => {
    const { asked } = ask(answer);
    await expect(asked).rejects.toMatchObject({ code });
  });

  test('are for parts of the size that the server gives', async () => {
    expect(await ask({ parts: [1], part_size: 24 }).asked).toMatchObject({ partSize: 24 });
  });

  test.each([
    ['would be more than the storage takes', 10_001, 1],
    ['would not fit into memory', 4 * 1024 ** 3, 2 * 1024 ** 3],
  ])('are refused when the parts %s', async (_, size, part_size) => {
    const { asked } = askFor(size, { parts: [1], part_size });
    await expect(asked).rejects.toMatchObject({ code: 'not_the_api' });
  });

  test('are given up for a part that the server does not know', async () => {
    const { asked } = ask({ parts: [1] }, { parts: [1] }, { parts: [1] });
    await expect((await asked).targetOf(9)).rejects.toMatchObject({ code: 'not_the_api' });
  });
});
