import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { type Expectation, type Scenario, type Step, scenario, step } from './scenario.ts';
import { LINUX, MAC, type World } from './world.ts';

const WINDOWS = 'windows/x86_64';
const nothing: Expectation = { status: 204 };
const invalid = (...fields: string[]): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields },
});
const incomplete = (...fields: string[]): Expectation => ({
  status: 422,
  problem: { code: 'incomplete', fields },
});

const required = (w: World, patch: number, platform = LINUX) => {
  const [target, arch] = platform.split('/');
  return { target, arch, sha256: createHash('sha256').update(w.bytes(patch)).digest('hex') };
};

/** Uploads one file to a release that can be a draft, so it does not wait for an offer. */
const uploads = (patch: number, platform = LINUX, wentLive = false): Step[] => [
  step((w) => w.requestUpload(patch, platform), { status: 201 }),
  step((w) => w.put(patch, platform), { status: 200, byStore: true, has: { went_live: wentLive } }),
];
const offers = (platform: string, patch: number): Step =>
  step(
    (w) => w.check(platform, w.v('0-0')),
    (w) => ({ status: 200, has: { version: w.v(patch) } }),
  );
const offersNothing = (platform: string): Step => step((w) => w.check(platform, w.v('0-0')), nothing);

/** Extension `draft`. */
const drafts: readonly Scenario[] = [
  scenario(
    'a draft is neither offered nor downloaded until it is published, for all platforms at once',
    [
      step(
        (w) => w.createRelease(1, { draft: true }),
        (w) => ({ status: 201, has: { version: w.v(1), status: 'draft', channel: 'stable' } }),
      ),
      ...uploads(1, LINUX),
      ...uploads(1, MAC),
      offersNothing(LINUX),
      offersNothing(MAC),
      step((w) => w.download(1), { status: 404, problem: { code: 'not_found' } }),
      step((w) => w.publishDraft(1, [required(w, 1, LINUX), required(w, 1, MAC)]), {
        status: 200,
        has: { status: 'published' },
      }),
      offers(LINUX, 1),
      offers(MAC, 1),
      step(
        (w) => w.fetchOffer(MAC),
        (w) => ({ status: 200, bytes: w.bytes(1) }),
      ),
    ],
    'draft',
  ),
  scenario(
    'a draft without a listed artifact is not published, and the response says which',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      step((w) => w.publishDraft(1), incomplete('any artifact')),
      ...uploads(1, LINUX),
      step(
        (w) => w.publishDraft(1, [required(w, 1, LINUX), required(w, 1, MAC)]),
        incomplete('darwin-aarch64'),
      ),
      step(
        (w) => w.publishDraft(1, [{ ...required(w, 1), sha256: '0'.repeat(64) }]),
        incomplete('linux-x86_64'),
      ),
      offersNothing(LINUX),
      step((w) => w.publishDraft(1), { status: 200, has: { status: 'published' } }),
      offers(LINUX, 1),
    ],
    'draft',
  ),
  scenario(
    'publishing a release that is already live changes nothing',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.publishDraft(1, [required(w, 1)]), { status: 200, has: { status: 'published' } }),
      offers(LINUX, 1),
    ],
    'draft',
  ),
  scenario(
    'the files of a deleted draft do not restrict its version',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      ...uploads(1),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.publish(1, LINUX, Buffer.from('other bytes')), { status: 200 }),
      step((w) => w.fetchOffer(), { status: 200, bytes: Buffer.from('other bytes') }),
    ],
    'draft',
  ),
  scenario(
    'a draft of a version that was live does not accept a different file',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.delete(1), { status: 204 }),
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { file_size: 5 }), { status: 201 }),
      step((w) => w.put(1, LINUX, Buffer.from('other')), { status: 409, problem: { code: 'immutable' } }),
    ],
    'draft',
    'own-storage',
  ),
  scenario(
    'drafts and lists of wrong types are refused',
    [
      step((w) => w.createRelease(1, { draft: 'yes' }), invalid('draft')),
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      step((w) => w.publishDraft(1, [{ target: 'linux', arch: 'x86_64', sha256: 'short' }]), {
        status: 400,
        problem: { code: 'invalid_request', fields: expect.any(Array) as unknown as string[] },
      }),
    ],
    'draft',
  ),
];

/** Extension `expect`. */
const expected: readonly Scenario[] = [
  scenario(
    'a release with expected platforms goes live with the last of them, for all platforms at once',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'] }), {
        status: 201,
        has: { status: 'draft', expect: ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'] },
      }),
      ...uploads(1, WINDOWS),
      ...uploads(1, LINUX),
      offersNothing(LINUX),
      offersNothing(WINDOWS),
      ...uploads(1, MAC, true),
      offers(LINUX, 1),
      offers(MAC, 1),
      offers(WINDOWS, 1),
    ],
    'expect',
  ),
  scenario(
    'a platform that was not expected neither completes a release nor delays it',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64'] }), { status: 201 }),
      ...uploads(1, MAC),
      offersNothing(MAC),
      ...uploads(1, LINUX, true),
      offers(MAC, 1),
      ...uploads(1, WINDOWS),
      offers(WINDOWS, 1),
    ],
    'expect',
  ),
  scenario(
    'an empty list of expected platforms, a duplicate and an unknown platform are refused',
    [
      step((w) => w.createRelease(1, { expect: [] }), invalid('expect')),
      step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'linux-x86_64'] }), invalid('expect')),
      step((w) => w.createRelease(1, { expect: ['linux-z80'] }), invalid('expect.0')),
      step((w) => w.createRelease(1, { expect: 'linux-x86_64' }), invalid('expect')),
    ],
    'expect',
  ),
];

/** Every way to take a draft live that lacks something: no release is published by halves. */
const unready: readonly Scenario[] = [
  scenario(
    'field 3: a draft that waits for platforms is not published without them, however it is asked for',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'darwin-aarch64'] }), { status: 201 }),
      step((w) => w.publishDraft(1), incomplete('linux-x86_64', 'darwin-aarch64')),
      ...uploads(1, LINUX),
      step((w) => w.publishDraft(1), incomplete('darwin-aarch64')),
      step((w) => w.publishDraft(1, [required(w, 1)]), incomplete('darwin-aarch64')),
      step((w) => w.publishDraft(1, [required(w, 1, MAC)]), incomplete('darwin-aarch64')),
      step((w) => w.publishDraft(1, [], 'linux-x86_64,windows-x86_64'), incomplete('windows-x86_64')),
      step((w) => w.updateRelease(1, { status: 'published' }), {
        status: 422,
        problem: { code: 'not_published' },
      }),
      offersNothing(LINUX),
      ...uploads(1, MAC, true),
      offers(LINUX, 1),
      step((w) => w.publishDraft(1), { status: 200, has: { status: 'published' } }),
    ],
    'expect',
    'yank',
  ),
  scenario(
    'field 3: a request that lists other platforms publishes a draft without those it waited for',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64', 'darwin-aarch64'] }), { status: 201 }),
      ...uploads(1, LINUX),
      step((w) => w.publishDraft(1, [required(w, 1)], 'linux-x86_64'), {
        status: 200,
        has: { status: 'published' },
      }),
      offers(LINUX, 1),
      step((w) => w.publishDraft(1), { status: 200, has: { status: 'published' } }),
    ],
    'expect',
  ),
  scenario(
    'field 3: a list of platforms that cannot be read is refused',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      ...uploads(1, LINUX),
      step((w) => w.publishDraft(1, undefined, 'linux-z80'), invalid('expect')),
      step((w) => w.publishDraft(1, undefined, ''), invalid('expect')),
      offersNothing(LINUX),
    ],
    'expect',
  ),
  scenario(
    'field 3: a draft is not published while an upload that it waits for is on its way',
    [
      step((w) => w.createRelease(1, { expect: ['linux-x86_64'] }), { status: 201 }),
      step((w) => w.requestUpload(1, 'linux/x86_64/rpm'), { status: 201 }),
      ...uploads(1, 'linux/x86_64/deb'),
      step((w) => w.publishDraft(1), incomplete('linux-x86_64-rpm')),
      offersNothing('linux/x86_64'),
      step((w) => w.publishDraft(1, undefined, 'linux-x86_64-deb'), { status: 200 }),
    ],
    'expect',
    'platforms',
  ),
  scenario(
    'field 3: a draft that waits for nothing is published while uploads are on their way only by a list',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      ...uploads(1, LINUX),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
      step((w) => w.publishDraft(1), incomplete('darwin-aarch64')),
      step((w) => w.publishDraft(1, [required(w, 1)]), { status: 200 }),
      offers(LINUX, 1),
    ],
    'draft',
  ),
  scenario(
    'field 3: an upload that never came keeps a draft from being published until its URL expires',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      ...uploads(1, LINUX),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
      step((w) => w.publishDraft(1), incomplete('darwin-aarch64')),
      step(
        async (w) => {
          w.target.advance?.(60 * 60 * 1000);
          return w.publishDraft(1);
        },
        { status: 200 },
      ),
    ],
    'draft',
    'clock',
  ),
  scenario(
    'field 3: a draft lists the platforms that are being uploaded into it',
    [
      step((w) => w.createRelease(1, { draft: true }), { status: 201 }),
      ...uploads(1, LINUX),
      step((w) => w.requestUpload(1, LINUX), { status: 409, problem: { code: 'immutable' } }),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
      step(
        async (w) => {
          const reply = await w.appCall('GET', '/releases');
          const body = Buffer.from(JSON.stringify(JSON.parse(reply.body.toString())[0]));
          return { ...reply, body };
        },
        { status: 200, has: { status: 'draft', uploading: ['darwin-aarch64'] } },
      ),
    ],
    'draft',
  ),
];

/** Extensions `draft` and `expect`. */
export const draftScenarios: readonly Scenario[] = [...drafts, ...expected, ...unready];
