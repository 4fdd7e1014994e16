import { expect } from 'vitest';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import type { Reply } from './target.ts';
import { LINUX, sha256, type World } from './world.ts';

const HOUR = 60 * 60 * 1000;
const missing: Expectation = { status: 425, problem: { code: 'not_uploaded' } };
const otherBytes: Expectation = {
  status: 422,
  problem: { code: 'content_mismatch', fields: ['sha256'] },
};
const refused: Expectation = { status: 403, byStore: true, problem: { code: 'url_refused' } };
const wrongLength: Expectation = {
  status: 422,
  byStore: true,
  problem: { code: 'content_mismatch', fields: ['part_size'] },
};
const goneAtTheStore: Expectation = { status: 404, byStore: true, problem: { code: 'not_found' } };

/** A file of one full part and one of 5 bytes, different for each scenario. */
const file = (w: World) => Buffer.concat([Buffer.alloc(w.partSize, w.v(1)), Buffer.from('tail.')]);
const part = (w: World, number: number) =>
  number === 1 ? file(w).subarray(0, w.partSize) : file(w).subarray(w.partSize);

/** Requests part URLs and keeps the response. */
const ask = (w: World, fields: object = {}) =>
  w.keep(
    w.requestUpload(1, LINUX, {
      file_size: w.partSize + 5,
      sha256: sha256(file(w)),
      multipart: true,
      ...fields,
    }),
  );
const promised = (w: World) => JSON.parse(w.kept.body.toString());
/** The first response of a scenario that requests twice. */
const first = new WeakMap<World, ReturnType<typeof promised>>();

/** The fields of the response: parts that are missing, and parts that are there. */
const asked = (missingParts: readonly number[], done: readonly number[], fields?: object): Step =>
  step(
    async (w) => {
      const reply = await ask(w, fields);
      if (!first.has(w)) first.set(w, promised(w));
      return reply;
    },
    (w) => ({
      status: 201,
      has: {
        upload_id: expect.any(String),
        multipart: {
          id: expect.any(String),
          part_size: w.partSize,
          parts: missingParts.map((number) => ({ number, url: expect.any(String) })),
          done: done.map((number) => ({ number, etag: expect.any(String) })),
        },
      },
    }),
  );
const promise: readonly Step[] = [step((w) => w.createRelease(1), { status: 201 }), asked([1, 2], [])];

/** Whether the kept response continues the first upload or starts a new one. */
const isTheSame = (same: boolean): Step =>
  step(
    async (w) => {
      const [before, now] = [first.get(w), promised(w)];
      expect(now.multipart.id === before.multipart.id).toBe(same);
      return w.check(LINUX, w.v('0-0'));
    },
    { status: 204 },
  );

const etags = new WeakMap<World, string[]>();
const urlOf = (w: World, number: number) =>
  promised(w).multipart.parts.find((one: { number: number }) => one.number === number).url;
async function put(
  w: World,
  number: number,
  body: Buffer = part(w, number),
  url = urlOf(w, number),
): Promise<Reply> {
  const reply = await w.target.follow('PUT', url, { body });
  const known = etags.get(w) ?? [];
  if (reply.status === 200) known[number - 1] = reply.headers.etag ?? '';
  etags.set(w, known);
  return reply;
}
const putPart = (number: number, change: (bytes: Buffer) => Buffer = (bytes) => bytes): Step =>
  step((w) => put(w, number, change(part(w, number))), { status: 200 });
const putAll = [putPart(2), putPart(1)];

/** The request after the PUTs. */
const complete = (
  w: World,
  parts: readonly (string | undefined)[] = etags.get(w) ?? [],
  { upload_id } = promised(w),
) => w.appCall('POST', `/releases/${w.releaseId(1)}/artifacts/${upload_id}/complete`, { json: { parts } });
const completed = step(
  (w) => complete(w),
  (w) => ({
    status: 200,
    has: { status: 'complete', size: w.partSize + 5, sha256: sha256(file(w)) },
  }),
);
const notOffered = step((w) => w.check(LINUX, w.v('0-0')), { status: 204 });
const offered = step(
  (w) => w.fetchOffer(),
  (w) => ({ status: 200, bytes: file(w) }),
);
const flip = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(bytes[0] ?? 0) ^ 1]), bytes.subarray(1)]);
const unquoted = (w: World) => etags.get(w)?.map((etag) => etag.replaceAll('"', ''));

/** Extension `multipart`. */
export const multipartScenarios: readonly Scenario[] = [
  scenario('a file in parts is offered once it is assembled, and stays offered', [
    ...promise,
    ...putAll,
    notOffered,
    completed,
    offered,
    completed,
    step((w) => complete(w, unquoted(w)), { status: 200, has: { status: 'complete' } }),
    step((w) => ask(w), { status: 409, problem: { code: 'immutable' } }),
  ]),
  scenario('a second request for the same file in parts continues with the parts that are there', [
    ...promise,
    putPart(1),
    asked([2], [1]),
    isTheSame(true),
    putPart(2),
    asked([], [1, 2]),
    isTheSame(true),
    step(
      (w) =>
        complete(
          w,
          promised(w).multipart.done.map(({ etag }: { etag: string }) => etag),
        ),
      {
        status: 200,
      },
    ),
    offered,
  ]),
  scenario('a part can be sent again, and the last one counts', [
    ...promise,
    putPart(1, flip),
    ...putAll,
    completed,
    offered,
  ]),
  scenario('a different file or signature is a different upload', [
    ...promise,
    putPart(1),
    asked([1, 2], [], { sha256: 'a'.repeat(64) }),
    isTheSame(false),
    asked([1, 2], [], { signature: 'another signature' }),
    isTheSame(false),
    asked([2], [1]),
    isTheSame(true),
  ]),
  scenario(
    'parts that are missing, in another order, or different from those that arrived are not assembled',
    [
      ...promise,
      step((w) => complete(w, ['aa', 'bb']), missing),
      putPart(1),
      step((w) => complete(w, [etags.get(w)?.[0]]), missing),
      step((w) => complete(w, [etags.get(w)?.[0], 'bb']), missing),
      putPart(2),
      step((w) => complete(w, [...(etags.get(w) ?? [])].reverse()), missing),
      step((w) => complete(w, [etags.get(w)?.[0]]), missing),
      step((w) => complete(w, [...(etags.get(w) ?? []), 'cc']), missing),
      step((w) => complete(w, ['a'.repeat(32), etags.get(w)?.[1]]), missing),
      notOffered,
      completed,
      offered,
    ],
  ),
  scenario('parts of a different file are refused and dropped, and the file can be sent again', [
    ...promise,
    putPart(1, flip),
    putPart(2),
    step((w) => complete(w), otherBytes),
    notOffered,
    step((w) => complete(w), otherBytes),
    asked([1, 2], []),
    isTheSame(false),
    ...putAll,
    completed,
    offered,
  ]),
  scenario('a part of another length is refused', [
    ...promise,
    step((w) => put(w, 2, Buffer.from('tail')), wrongLength),
    step((w) => put(w, 2, Buffer.from('tail..')), wrongLength),
    step((w) => put(w, 1, part(w, 2)), wrongLength),
    step((w) => put(w, 2, part(w, 2), urlOf(w, 1)), wrongLength),
    asked([1, 2], []),
  ]),
  scenario('a modified part URL is refused', [
    ...promise,
    ...[
      (url: string) => url.replace('partNumber=2', 'partNumber=1').replace(/\/2\?/, '/1?'),
      (url: string) => url.replace(/uploadId=[^&]+/, 'uploadId=other').replace(/[^/]+\/2\?/, 'other/2?'),
      (url: string) => url.replace(/\?.*/, ''),
    ].map((change) => step((w) => put(w, 2, part(w, 2), change(urlOf(w, 2))), refused)),
    asked([1, 2], []),
  ]),
  scenario('part URLs write nothing once the file is complete', [
    ...promise,
    ...putAll,
    completed,
    ...[1, 2].map((number) => step((w) => put(w, number, flip(part(w, number))), goneAtTheStore)),
    step((w) => put(w, 1), goneAtTheStore),
    offered,
    completed,
  ]),
  scenario('the parts of one upload do not complete another one', [
    ...promise,
    ...putAll,
    asked([1, 2], [], { signature: 'another signature' }),
    step((w) => complete(w), missing),
    notOffered,
    asked([], [1, 2]),
    completed,
    offered,
  ]),
  scenario('of two uploads in parts for one platform, the second to be completed is refused', [
    ...promise,
    ...putAll,
    asked([1, 2], [], { signature: 'another signature' }),
    ...putAll,
    completed,
    step((w) => complete(w, etags.get(w), first.get(w)), {
      status: 409,
      problem: { code: 'immutable' },
    }),
    offered,
  ]),
  scenario(
    'a plain upload accepts no list of parts',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => ask(w, { multipart: false }), { status: 201, hasNot: ['multipart'] }),
      step((w) => complete(w, ['aa']), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['parts'] },
      }),
    ],
    'complete-upload',
  ),
  scenario('an upload in parts needs a SHA-256, and a list of ETags to be completed', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => ask(w, { sha256: undefined }), {
      status: 400,
      problem: { code: 'invalid_request', fields: ['sha256'] },
    }),
    step((w) => ask(w, { multipart: 'yes' }), {
      status: 400,
      problem: { code: 'invalid_request', fields: ['multipart'] },
    }),
    step((w) => ask(w), { status: 201 }),
    ...[
      { parts: [], fields: ['parts', 'body'] },
      { parts: 'aa', fields: ['parts', 'body'] },
      { parts: Array(1001).fill('aa'), fields: ['parts'] },
      { parts: ['aa', ''], fields: ['parts.1', 'body'] },
      { parts: ['a b'], fields: ['parts.0', 'body'] },
    ].map(({ parts, fields }) =>
      step((w) => complete(w, parts as string[]), {
        status: 400,
        problem: { code: 'invalid_request', fields },
      }),
    ),
  ]),
  scenario('nothing of an upload in parts to a deleted release is offered', [
    ...promise,
    ...putAll,
    step((w) => w.delete(1), { status: 204 }),
    step((w) => complete(w), { status: 404, problem: { code: 'not_found' } }),
    notOffered,
  ]),
  scenario(
    'part URLs are valid for an hour, and a later request continues with the parts that are there',
    [
      ...promise,
      putPart(1),
      step((w) => {
        w.target.advance?.(HOUR + 1000);
        return put(w, 2);
      }, refused),
      asked([2], [1]),
      isTheSame(true),
      putPart(2),
      completed,
      offered,
    ],
    'clock',
  ),
].map((one) => ({ ...one, needs: [...one.needs, 'multipart' as const] }));
