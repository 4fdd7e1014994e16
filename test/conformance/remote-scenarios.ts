import { expect } from 'vitest';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, sha256, type World } from './world.ts';

const taken: Expectation = { status: 200 };
const immutable: Expectation = { status: 409, problem: { code: 'immutable' } };
const gone: Expectation = { status: 404, problem: { code: 'not_found' } };
const swapped = (w: World) => Buffer.from(w.bytes(1).toString().toUpperCase());

const notOffered = step((w) => w.check(LINUX, w.v('0-0')), { status: 204 });
const offered = step(
  (w) => w.fetchOffer(),
  (w) => ({ status: 200, bytes: w.bytes(1) }),
);
const requestWithSha256 = (fields: (w: World) => object = () => ({})): Step =>
  step(
    (w) => w.keep(w.requestUpload(1, LINUX, { sha256: sha256(w.bytes(1)), ...fields(w) })),
    (w) => ({ status: 201, has: { upload_id: expect.any(String), sha256: sha256(w.bytes(1)) } }),
  );
const declared: readonly Step[] = [step((w) => w.createRelease(1), { status: 201 }), requestWithSha256()];

/** The request after the PUT of the upload in the kept response. */
const complete = (w: World) =>
  w.appCall('POST', `/releases/${w.releaseId(1)}/artifacts/${uploadId(w)}/complete`);
const uploadId = (w: World) => JSON.parse(w.kept.body.toString()).upload_id;
const put = (w: World, body = w.bytes(1)) =>
  w.target.follow('PUT', JSON.parse(w.kept.body.toString()).upload_url, { body });
const completed = step(complete, (w) => ({
  status: 200,
  has: { status: 'complete', size: w.bytes(1).length, sha256: sha256(w.bytes(1)) },
}));

/** Extension `complete-upload`. */
const completions: readonly Scenario[] = [
  scenario('an upload is complete once the request after its PUT is answered, and stays complete', [
    ...declared,
    step((w) => put(w), taken),
    completed,
    offered,
    completed,
  ]),
  scenario('an upload without a SHA-256 has no id, and is accepted all the same', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.requestUpload(1), { status: 201, hasNot: ['upload_id'] }),
    step((w) => w.put(1), taken),
    offered,
  ]),
  scenario('an upload is not complete before its bytes arrive, and can be completed later', [
    ...declared,
    step(complete, { status: 425, problem: { code: 'not_uploaded' } }),
    notOffered,
    step((w) => put(w), taken),
    completed,
    offered,
  ]),
  scenario(
    'an upload of a different file than declared is refused, also on a second request, and its URL stays valid',
    [
      ...declared,
      step((w) => put(w, swapped(w)), taken),
      ...[1, 2].map(() =>
        step(complete, { status: 422, problem: { code: 'content_mismatch', fields: ['sha256'] } }),
      ),
      notOffered,
      step((w) => put(w), taken),
      completed,
      offered,
    ],
  ),
  scenario('of two uploads for one platform, the second to be completed is refused', [
    ...declared,
    step((w) => w.requestUpload(1), { status: 201 }),
    step((w) => w.put(1), taken),
    step((w) => put(w), taken),
    step(complete, immutable),
    offered,
  ]),
  scenario('an upload of a deleted release, or one that never existed, cannot be completed', [
    ...declared,
    step((w) => put(w), taken),
    step((w) => w.appCall('POST', `/releases/${w.releaseId(1)}/artifacts/unknown/complete`), gone),
    step((w) => w.delete(1), { status: 204 }),
    step(complete, gone),
  ]),
  scenario('only complete artifacts count for a deletion, and a pending one does not prevent it', [
    ...declared,
    step((w) => w.deleteIf(1, 1), { status: 412, problem: { code: 'precondition_failed' } }),
    step((w) => w.deleteIf(1, 0), { status: 204 }),
    step((w) => put(w), taken),
    step(complete, gone),
  ]),
  scenario('an upload is completed under its own release only', [
    ...declared,
    step((w) => put(w), taken),
    step((w) => w.createRelease(2), { status: 201 }),
    step((w) => w.appCall('POST', `/releases/${w.releaseId(2)}/artifacts/${uploadId(w)}/complete`), gone),
    completed,
  ]),
];

/** The outcome of a PUT that the store accepts without the server. */
const arrivals: readonly Scenario[] = [
  scenario('a different file than declared is never offered, and the URL stays valid', [
    ...declared,
    step((w) => w.put(1, LINUX, swapped(w)), taken),
    notOffered,
    step((w) => w.put(1), taken),
    offered,
  ]),
  scenario(
    'an upload URL that was used changes nothing, neither with the same file nor with a different one',
    [
      step((w) => w.publish(1), taken),
      step((w) => w.put(1), taken),
      step((w) => w.put(1, LINUX, swapped(w)), taken),
      offered,
    ],
  ),
  scenario('of two pending uploads for one platform, the first that arrives stays', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.keep(w.requestUpload(1)), { status: 201 }),
    step((w) => w.requestUpload(1), { status: 201 }),
    step((w) => w.put(1), taken),
    step((w) => w.putTo(JSON.parse(w.kept.body.toString()).upload_url, swapped(w)), taken),
    offered,
  ]),
  scenario('nothing of an upload to a deleted release is offered', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.requestUpload(1), { status: 201 }),
    step((w) => w.delete(1), { status: 204 }),
    step((w) => w.put(1), taken),
    notOffered,
  ]),
  scenario('a version that was live does not accept a different file, even as a draft', [
    step((w) => w.publish('1+a', LINUX, Buffer.from('first')), taken),
    step((w) => w.delete('1+a'), { status: 204 }),
    step((w) => w.createRelease('1+b'), { status: 201 }),
    step((w) => w.requestUpload('1+b', LINUX, { file_size: 5 }), { status: 201 }),
    step((w) => w.put('1+b', LINUX, Buffer.from('other')), taken),
    notOffered,
    step((w) => w.put('1+b', LINUX, Buffer.from('first')), taken),
    step((w) => w.fetchOffer(), { status: 200, bytes: Buffer.from('first') }),
    step((w) => w.delete('1+b'), { status: 204 }),
    step((w) => w.createRelease('1+c', { draft: true }), { status: 201 }),
    step((w) => w.requestUpload('1+c', LINUX, { file_size: 5 }), { status: 201 }),
    step((w) => w.put('1+c', LINUX, Buffer.from('other')), taken),
    step((w) => w.publishDraft('1+c'), {
      status: 422,
      problem: { code: 'incomplete', fields: ['any artifact'] },
    }),
  ]),
  scenario('of parallel uploads of different files to one URL, one is served', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.requestUpload(1), { status: 201 }),
    step(
      async (w) => {
        const bodies = ['a', 'b', 'c', 'd'].map((letter) => Buffer.from(letter.repeat(w.bytes(1).length)));
        await Promise.all(bodies.map((body) => w.put(1, LINUX, body)));
        const served = await w.fetchOffer();
        expect(bodies.map(String)).toContain(String(served.body));
        return served;
      },
      { status: 200 },
    ),
  ]),
];

/** For servers that poll a remote store for uploads. */
export const remoteScenarios: readonly Scenario[] = [...completions, ...arrivals].map((one) => ({
  ...one,
  needs: [...one.needs, 'complete-upload'],
}));
