import { createHash, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, type World } from './world.ts';

const HOUR = 60 * 60 * 1000;
const refused: Expectation = { status: 403, byStore: true, problem: { code: 'url_refused' } };
const wrongContent = (field: string): Expectation => ({
  status: 422,
  problem: { code: 'content_mismatch', fields: [field] },
});

const wrongSize: Expectation = { ...wrongContent('file_size'), byStore: true };

const promised: readonly Step[] = [
  step((w) => w.createRelease(1), { status: 201 }),
  step((w) => w.requestUpload(1), { status: 201 }),
];
const notOffered = step((w) => w.check(LINUX, w.v('0-0')), { status: 204 });
const stillGood: readonly Step[] = [
  step((w) => w.put(1), { status: 200 }),
  step(
    (w) => w.fetchOffer(),
    (w) => ({ status: 200, bytes: w.bytes(1) }),
  ),
];

/** A modified URL, made from one that was issued. */
const altered: readonly (readonly [string, (url: string, w: World) => string])[] = [
  ['for another upload', (url) => url.replace(/\/[^/?]+\?/, `/${randomUUID()}?`)],
  ['with a later expiry', (url) => url.replace(/expires=(\d+)/i, (_, at) => `expires=${Number(at) + 1}`)],
  [
    'with another signature',
    (url) => url.replace(/signature=(.)/i, (found, first) => found.replace(/.$/, first === 'a' ? 'b' : 'a')),
  ],
  ['with another key', (url) => url.replace(/(key|Credential)=\w+/, '$1=00000000')],
  ['without a signature', (url) => url.replace(/&[\w-]*signature=[^&]*/i, '')],
  ['without a query', (url) => url.replace(/\?.*/, '')],
  ['with an additional parameter', (url) => `${url}&x=1`],
  ['cut short', (url) => url.slice(0, -1)],
];

/** api.md, "Upload Artifacts": the PUT. */
export const uploadScenarios: readonly Scenario[] = [
  scenario('an upload needs no token and no content type, and is served unchanged', [
    ...promised,
    ...stillGood,
  ]),
  scenario('an upload can have any content type', [
    ...promised,
    step((w) => w.put(1, LINUX, w.bytes(1), { headers: { 'content-type': 'application/json' } }), {
      status: 200,
    }),
    step(
      (w) => w.fetchOffer(),
      (w) => ({ status: 200, bytes: w.bytes(1) }),
    ),
  ]),
  scenario(
    'an upload is answered with its size and SHA-256',
    [
      ...promised,
      step(
        (w) => w.put(1),
        (w) => ({
          status: 200,
          is: {
            status: 'complete',
            size: w.bytes(1).length,
            sha256: createHash('sha256').update(w.bytes(1)).digest('hex'),
            went_live: false,
          },
        }),
      ),
    ],
    'own-storage',
    'ours',
  ),
  scenario(
    'an upload of a different size is refused, and the URL stays valid',
    [
      ...promised,
      step((w) => w.put(1, LINUX, w.bytes(1).subarray(1)), wrongSize),
      step((w) => w.put(1, LINUX, Buffer.concat([w.bytes(1), Buffer.from('+')])), wrongSize),
      step((w) => w.put(1, LINUX, Buffer.alloc(0)), wrongSize),
      notOffered,
      ...stillGood,
    ],
    'ours',
  ),
  scenario(
    'a chunked upload is refused, and the URL stays valid',
    [
      ...promised,
      step((w) => w.put(1, LINUX, w.bytes(1), { chunked: true }), {
        status: 411,
        byStore: true,
        problem: { code: 'length_required' },
      }),
      notOffered,
      ...stillGood,
    ],
    'ours',
  ),
  scenario(
    'an upload with a different SHA-256 than declared is refused, and the URL stays valid',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step(
        (w) => w.requestUpload(1, LINUX, { sha256: createHash('sha256').update(w.bytes(1)).digest('hex') }),
        { status: 201 },
      ),
      step((w) => w.put(1, LINUX, Buffer.from(w.bytes(1).toString().toUpperCase())), wrongContent('sha256')),
      notOffered,
      ...stillGood,
    ],
    'artifact-signature',
    'own-storage',
  ),
  ...altered.map(([what, alter]) =>
    scenario(
      `an upload URL ${what} is refused`,
      [
        ...promised,
        step((w) => w.putTo(alter(w.uploadUrl(1), w), w.bytes(1)), refused),
        notOffered,
        ...stillGood,
      ],
      'ours',
    ),
  ),
  scenario(
    'the signature of an upload URL is not valid for another upload',
    [
      ...promised,
      step((w) => w.requestUpload(1, 'linux/aarch64'), { status: 201 }),
      step((w) => {
        const path = w.uploadUrl(1, 'linux/aarch64').replace(/\?.*/, '');
        return w.putTo(path + w.uploadUrl(1).replace(/^[^?]+/, ''), w.bytes(1));
      }, refused),
      notOffered,
    ],
    'ours',
  ),
  ...['GET', 'POST', 'DELETE'].map((method) =>
    scenario(
      `an upload URL is not valid for ${method}`,
      [
        ...promised,
        step((w) => w.target.follow(method, w.uploadUrl(1)), {
          status: 405,
          byStore: true,
          problem: { code: 'method_not_allowed' },
        }),
        ...stillGood,
      ],
      'ours',
    ),
  ),
  scenario(
    'an upload URL is valid until it expires',
    [
      ...promised,
      step((w) => {
        w.target.advance?.(2 * HOUR);
        return w.put(1);
      }, refused),
      notOffered,
      step((w) => w.requestUpload(1), { status: 201 }),
      ...stillGood,
    ],
    'clock',
  ),
  scenario(
    'an upload URL that was used is refused, both with the same file and with a different one',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.put(1), { status: 409, problem: { code: 'immutable' } }),
      step((w) => w.put(1, LINUX, Buffer.from('X'.repeat(w.bytes(1).length))), {
        status: 409,
        problem: { code: 'immutable' },
      }),
      step(
        (w) => w.fetchOffer(),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
    ],
    'own-storage',
    'ours',
  ),
  scenario(
    'an upload URL of a deleted release is not valid any more',
    [
      ...promised,
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.put(1), { status: 404, problem: { code: 'not_found' } }),
      notOffered,
    ],
    'own-storage',
    'ours',
  ),
  scenario(
    'of parallel uploads of different files to one URL, one is stored and served',
    [
      ...promised,
      step(
        async (w) => {
          const bodies = ['a', 'b', 'c', 'd'].map((letter) => Buffer.from(letter.repeat(w.bytes(1).length)));
          const replies = await Promise.all(bodies.map((body) => w.put(1, LINUX, body)));
          expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
          const served = await w.fetchOffer();
          expect(served.body).toEqual(bodies[replies.findIndex(({ status }) => status === 200)]);
          return served;
        },
        { status: 200 },
      ),
    ],
    'own-storage',
    'ours',
  ),
];
