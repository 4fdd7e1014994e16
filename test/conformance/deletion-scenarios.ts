import { createHash } from 'node:crypto';
import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import { LINUX, MAC } from './world.ts';

const gone: Expectation = { status: 404, problem: { code: 'not_found' } };
const unmet: Expectation = { status: 412, problem: { code: 'precondition_failed' } };
const immutable: Expectation = { status: 409, problem: { code: 'immutable' } };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Extension `conditional-delete`. */
const conditional: readonly Scenario[] = [
  scenario(
    'a release with exactly the given number of artifacts is deleted',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.publish(1, MAC), { status: 200 }),
      step((w) => w.deleteIf(1, 2), { status: 204 }),
      step((w) => w.check(LINUX, w.v('0-0')), { status: 204 }),
      step((w) => w.download(1), gone),
      step((w) => w.deleteIf(1, 2), gone),
      step((w) => w.deleteIf(1, 0), gone),
    ],
    'conditional-delete',
  ),
  scenario(
    'a release with more or fewer artifacts than given stays, and is served as before',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.deleteIf(1, 0), unmet),
      step((w) => w.deleteIf(1, 2), unmet),
      step(
        (w) => w.fetchOffer(),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
      step((w) => w.deleteIf(1, 1), { status: 204 }),
    ],
    'conditional-delete',
  ),
  scenario(
    'only complete artifacts count, and an upload in progress is refused after the deletion',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.requestUpload(1), { status: 201 }),
      step((w) => w.deleteIf(1, 1), unmet),
      step((w) => w.deleteIf(1, 0), { status: 204 }),
      step((w) => w.put(1), gone),
    ],
    'conditional-delete',
    'own-storage',
  ),
  scenario(
    'a draft is also deleted only with the given number of artifacts, and otherwise stays a draft',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      step((w) => w.requestUpload(1), { status: 201 }),
      step((w) => w.put(1), { status: 200 }),
      step((w) => w.deleteIf(1, 0), unmet),
      step((w) => w.check(LINUX, w.v('0-0')), { status: 204 }),
      step((w) => w.publishDraft(1), { status: 200, has: { status: 'published' } }),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.createRelease(2, { draft: true }), { status: 201 }),
      step((w) => w.deleteIf(2, 0), { status: 204 }),
      step((w) => w.publishDraft(2), gone),
    ],
    'conditional-delete',
    'draft',
  ),
  scenario(
    'an invalid number of artifacts is refused, and nothing is deleted',
    [
      step((w) => w.publish(1), { status: 200 }),
      ...['', '-1', '1.0', '1 ', 'all', '0x1', '1000000000'].map((number) =>
        step((w) => w.deleteIf(1, number), {
          status: 400,
          problem: { code: 'invalid_request', fields: ['artifacts'] },
        }),
      ),
      step((w) => w.check(LINUX, w.v('0-0')), { status: 200 }),
    ],
    'conditional-delete',
  ),
];

/** api.md, "Delete a Release", and the rule that published bytes never change. */
export const deletionScenarios: readonly Scenario[] = [
  scenario('a deleted release is neither offered nor downloaded, and cannot be deleted again', [
    step((w) => w.publish(1), { status: 200 }),
    step((w) => w.delete(1), { status: 204 }),
    step((w) => w.check(LINUX, w.v('0-0')), { status: 204 }),
    step((w) => w.download(1), gone),
    step((w) => w.delete(1), gone),
  ]),
  scenario('a release that never existed cannot be deleted', [
    step((w) => w.appCall('DELETE', '/releases/880b1700-0000-0000-0000-000000000000'), gone),
  ]),
  scenario(
    'a URL from before serves nothing of a deleted release',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.keep(w.download(1)), { status: 302 }),
      step(
        (w) => w.target.follow('GET', w.kept.headers.location ?? ''),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.target.follow('GET', w.kept.headers.location ?? ''), {
        ...gone,
        byStore: true,
        hasNot: ['the app'],
      }),
    ],
    'ours',
  ),
  scenario('when the highest release is deleted, the next lower one is offered again', [
    step((w) => w.publish(1), { status: 200 }),
    step((w) => w.publish(2), { status: 200 }),
    step(
      (w) => w.check(LINUX, w.v(0)),
      (w) => ({ status: 200, has: { version: w.v(2) } }),
    ),
    step((w) => w.delete(2), { status: 204 }),
    step(
      (w) => w.check(LINUX, w.v(0)),
      (w) => ({ status: 200, has: { version: w.v(1) } }),
    ),
    step(
      (w) => w.fetchOffer(),
      (w) => ({ status: 200, bytes: w.bytes(1) }),
    ),
    step((w) => w.check(LINUX, w.v(1)), { status: 204 }),
  ]),
  scenario(
    'a version that was live can be published again with the same file',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.publish(1), { status: 200 }),
      step(
        (w) => w.fetchOffer(),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
    ],
    'ours',
  ),
  scenario(
    'a version that was live does not accept a different file, even with different build metadata',
    [
      step((w) => w.publish('1+a', LINUX, Buffer.from('first')), { status: 200 }),
      step((w) => w.delete('1+a'), { status: 204 }),
      step((w) => w.createRelease('1+b'), { status: 201 }),
      step((w) => w.requestUpload('1+b', LINUX, { file_size: 5, sha256: sha256('other') }), immutable),
      step((w) => w.requestUpload('1+b', LINUX, { file_size: 5 }), { status: 201 }),
      step((w) => w.put('1+b', LINUX, Buffer.from('other')), immutable),
      step((w) => w.check(LINUX, w.v('0-0')), { status: 204 }),
      step((w) => w.put('1+b', LINUX, Buffer.from('first')), { status: 200 }),
      step((w) => w.fetchOffer(), { status: 200, bytes: Buffer.from('first') }),
    ],
    'artifact-signature',
    'own-storage',
  ),
  scenario(
    'a version that was never complete can be published again with any file',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { file_size: 5, sha256: sha256('first') }), { status: 201 }),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.publish(1, LINUX, Buffer.from('other')), { status: 200 }),
      step((w) => w.fetchOffer(), { status: 200, bytes: Buffer.from('other') }),
    ],
    'artifact-signature',
  ),
  ...conditional,
];
