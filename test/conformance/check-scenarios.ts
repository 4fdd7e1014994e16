import { expect } from 'vitest';
import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import { LINUX, MAC } from './world.ts';

const invalid = (field: string): Expectation => ({
  status: 400,
  problem: { code: 'invalid_request', fields: [field] },
});

/** SemVer 11, lowest first. */
const ORDER = [
  '0',
  '1-alpha',
  '1-alpha.1',
  '1-alpha.beta',
  '1-beta',
  '1-beta.2',
  '1-beta.11',
  '1-rc.1',
  '1',
  '2',
  '10',
];

const badVersions = [
  '1.2',
  'v1.2.3',
  '1.2.3.4',
  '01.2.3',
  'latest',
  '%201.2.3',
  '1.2.3%0A',
  '{{current_version}}',
];

const TAG = expect.stringMatching(/^[0-9a-f]{32}$/);

/** api.md, "Update Check Endpoint". */
export const checkScenarios: readonly Scenario[] = [
  scenario('an update is offered with the documented fields and no others', [
    step((w) => w.publish(1), { status: 200 }),
    step(
      (w) => w.check(LINUX, w.v(0)),
      (w) => ({
        status: 200,
        is: {
          version: w.v(1),
          url: `${w.target.publicUrl}/api/sync/ota/${w.slug}/download/${w.releaseId(1)}/linux/x86_64`,
          signature: 'signature of 1',
          notes: 'Notes.',
          pub_date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        },
        headers: { 'content-type': expect.stringMatching(/^application\/json/) },
      }),
    ),
  ]),
  scenario('an offer needs no token, and its URL leads to the file', [
    step((w) => w.publish(1), { status: 200 }),
    step(
      (w) => w.fetchOffer(),
      (w) => ({ status: 200, bytes: w.bytes(1) }),
    ),
  ]),
  scenario('an app with this version or a higher one is offered nothing', [
    step((w) => w.publish(1), { status: 200 }),
    step((w) => w.check(LINUX, w.v(1)), { status: 204 }),
    step((w) => w.check(LINUX, w.v(2)), { status: 204 }),
    step((w) => w.check(LINUX, w.v('2-rc.1')), { status: 204 }),
  ]),
  ...ORDER.slice(1).map((version, i) =>
    scenario(`${version} is offered to ${ORDER[i]}, and ${ORDER[i]} is not offered to ${version}`, [
      step((w) => w.publish(ORDER[i] as string), { status: 200 }),
      step((w) => w.check(LINUX, w.v(version)), { status: 204 }),
      step((w) => w.publish(version), { status: 200 }),
      step(
        (w) => w.check(LINUX, w.v(ORDER[i] as string)),
        (w) => ({ status: 200, has: { version: w.v(version) } }),
      ),
    ]),
  ),
  scenario('the highest version is offered, not the latest published one', [
    step((w) => w.publish(2), { status: 200 }),
    step((w) => w.publish(10), { status: 200 }),
    step((w) => w.publish(9), { status: 200 }),
    step(
      (w) => w.check(LINUX, w.v(0)),
      (w) => ({ status: 200, has: { version: w.v(10) } }),
    ),
    step(
      (w) => w.check(LINUX, w.v(9)),
      (w) => ({ status: 200, has: { version: w.v(10) } }),
    ),
  ]),
  scenario('build metadata is ignored, whether its plus is literal or encoded', [
    step((w) => w.publish('1+build.5'), { status: 200 }),
    step(
      (w) => w.check(LINUX, w.v('0+build.9')),
      (w) => ({ status: 200, has: { version: w.v('1+build.5') } }),
    ),
    step(
      (w) => w.check(LINUX, w.v('0%2Bbuild.9')),
      (w) => ({ status: 200, has: { version: w.v('1+build.5') } }),
    ),
    step((w) => w.check(LINUX, w.v('1+build.4')), { status: 204 }),
    step((w) => w.check(LINUX, w.v('1%2Bbuild.4')), { status: 204 }),
    step((w) => w.check(LINUX, w.v(1)), { status: 204 }),
  ]),
  scenario(
    'the numbers of a version can have every value that Rust reads',
    [
      step((w) => w.publish('18446744073709551615'), { status: 200 }),
      step((w) => w.check(LINUX, w.v('18446744073709551614')), { status: 200 }),
      step((w) => w.check(LINUX, w.v('18446744073709551615')), { status: 204 }),
      step((w) => w.check(LINUX, w.v('18446744073709551616')), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['current_version'] },
      }),
    ],
    'ours',
  ),
  scenario('a query is ignored', [
    step((w) => w.publish(1), { status: 200 }),
    step((w) => w.check(LINUX, `${w.v(0)}?nonce=5&target=windows`), { status: 200 }),
  ]),
  scenario(
    'HEAD is answered like GET, without a body',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.call('HEAD', `/${w.slug}/${LINUX}/${w.v(0)}`), { status: 200, bytes: Buffer.alloc(0) }),
      step((w) => w.call('HEAD', `/${w.slug}/${LINUX}/${w.v(1)}`), { status: 204 }),
    ],
    'ours',
  ),
  scenario(
    'a response to a check is not stored by caches',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 200, headers: { 'cache-control': 'no-store' } }),
      step((w) => w.check(LINUX, w.v(1)), { status: 204, headers: { 'cache-control': 'no-store' } }),
    ],
    'ours',
  ),
  scenario(
    'field 2: a check has a header that identifies the app, with an update and without',
    [
      step((w) => w.publish(1), { status: 200 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 200, headers: { 'synckit-app-tag': TAG } }),
      step((w) => w.check(LINUX, w.v(1)), { status: 204, headers: { 'synckit-app-tag': TAG } }),
    ],
    'ours',
  ),
  scenario('an unknown slug is answered with 404', [
    step((w) => w.check(LINUX, w.v(0), `${w.slug}-unknown`), { status: 404, problem: { code: 'not_found' } }),
    step((w) => w.check(LINUX, w.v(0), 'NOT_A_SLUG'), { status: 404, problem: { code: 'not_found' } }),
  ]),
  scenario('an undocumented target is refused', [
    step((w) => w.check('beos/aarch64', w.v(0)), invalid('target')),
    step((w) => w.check('%7B%7Btarget%7D%7D/x86_64', w.v(0)), invalid('target')),
  ]),
  scenario('an undocumented arch is refused', [
    step((w) => w.check('linux/sparc', w.v(0)), invalid('arch')),
    step((w) => w.check('linux/universal', w.v(0)), invalid('arch')),
  ]),
  ...badVersions.map((version) =>
    scenario(`a current version of ${version} is refused`, [
      step((w) => w.check(LINUX, encodeURI(decodeURI(version))), invalid('current_version')),
    ]),
  ),
  scenario(
    'a current version of more than 64 characters is refused',
    [
      step((w) => w.check(LINUX, w.v(`0-${'a'.repeat(64)}`)), invalid('current_version')),
      step((w) => w.check(LINUX, w.v(`0-${'a'.repeat(400)}`)), invalid('current_version')),
    ],
    'ours',
  ),
  scenario('a path with invalid percent-encoding is refused', [
    step((w) => w.check(LINUX, '1.2.3%zz'), { status: 400, problem: { code: 'invalid_request' } }),
  ]),
  scenario(
    'nothing is offered for a platform without an artifact',
    [
      step((w) => w.publish(1, MAC), { status: 200 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 204 }),
      step((w) => w.check('darwin/x86_64', w.v(0)), { status: 204 }),
      step((w) => w.check(MAC, w.v(0)), { status: 200 }),
    ],
    'ours',
  ),
  scenario(
    'an artifact is not offered before its upload is complete',
    [
      step((w) => w.createRelease(1), { status: 201 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 204 }),
      step((w) => w.requestUpload(1), { status: 201 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 204 }),
      step((w) => w.put(1), { status: 200 }),
      step((w) => w.check(LINUX, w.v(0)), { status: 200 }),
    ],
    'ours',
  ),
  scenario(
    'each platform is offered its highest complete version',
    [
      step((w) => w.publish(1, LINUX), { status: 200 }),
      step((w) => w.publish(1, MAC), { status: 200 }),
      step((w) => w.publish(2, MAC), { status: 200 }),
      step((w) => w.requestUpload(2, LINUX), { status: 201 }),
      step(
        (w) => w.check(LINUX, w.v(0)),
        (w) => ({ status: 200, has: { version: w.v(1) } }),
      ),
      step(
        (w) => w.check(MAC, w.v(0)),
        (w) => ({ status: 200, has: { version: w.v(2) } }),
      ),
      step((w) => w.put(2, LINUX), { status: 200 }),
      step(
        (w) => w.check(LINUX, w.v(0)),
        (w) => ({ status: 200, has: { version: w.v(2) } }),
      ),
    ],
    'ours',
  ),
  scenario(
    'an artifact’s own signature is offered, or else its release’s',
    [
      step((w) => w.createRelease(1, { signature: 'of the release' }), { status: 201 }),
      step((w) => w.requestUpload(1, LINUX, { signature: 'of linux' }), { status: 201 }),
      step((w) => w.put(1, LINUX), { status: 200 }),
      step((w) => w.requestUpload(1, MAC), { status: 201 }),
      step((w) => w.put(1, MAC), { status: 200 }),
      step((w) => w.check(LINUX, w.v(0)), {
        status: 200,
        has: { signature: 'of linux' },
        hasNot: ['of the release'],
      }),
      step((w) => w.check(MAC, w.v(0)), {
        status: 200,
        has: { signature: 'of the release' },
        hasNot: ['of linux'],
      }),
    ],
    'artifact-signature',
  ),
];
