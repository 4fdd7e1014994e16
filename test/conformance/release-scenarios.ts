import { expect } from 'vitest';
import { type Expectation, type Scenario, scenario, step } from './scenario.ts';
import { LINUX, MAC } from './world.ts';

const TIMESTAMP = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

const accepted = [
  '1-rc.1',
  '1-0',
  '1--',
  '1-alpha.-.0a',
  '1+5',
  '1+001',
  '1-rc.1+build.5',
  '18446744073709551615',
  '1-99999999999999999999',
];

const notSemver = [
  ['without a patch', (base: string) => base],
  ['of four numbers', (base: string) => `${base}.1.1`],
  ['with a leading v', (base: string) => `v${base}.1`],
  ['with a leading space', (base: string) => ` ${base}.1`],
  ['with a line end', (base: string) => `${base}.1\n`],
  ['with a leading zero', (base: string) => `${base}.01`],
  ['with a leading zero in its pre-release', (base: string) => `${base}.1-01`],
  ['with an empty pre-release', (base: string) => `${base}.1-`],
  ['with an empty pre-release identifier', (base: string) => `${base}.1-a..b`],
  ['with empty build metadata', (base: string) => `${base}.1+`],
  ['with build metadata twice', (base: string) => `${base}.1+a+b`],
  ['with an underscore', (base: string) => `${base}.1-rc_1`],
  ['with digits that are not ASCII', (base: string) => `${base}.١`],
  ['attack M3: with a number that Rust cannot read', (base: string) => `${base}.18446744073709551616`],
  ['that is empty', () => ''],
  ['that is a range', (base: string) => `^${base}.1`],
] as const;

const taken: Expectation = { status: 409, problem: { code: 'version_taken', fields: ['version'] } };

/** api.md, "Create a Release" and "List Releases". */
export const releaseScenarios: readonly Scenario[] = [
  scenario('a created release is answered with the documented fields and no others', [
    step(
      (w) => w.createRelease(1),
      (w) => ({
        status: 201,
        is: {
          id: expect.stringMatching(/./),
          version: w.v(1),
          notes: 'Notes.',
          signature: 'signature of 1',
          pub_date: TIMESTAMP,
          created_at: TIMESTAMP,
        },
        headers: { 'content-type': expect.stringMatching(/^application\/json/) },
      }),
    ),
  ]),
  scenario('notes and signature are returned unchanged', [
    step(
      (w) => w.createRelease(1, { notes: ' Ünïcode 🎉\r\n"\\\u2028\t</script> ', signature: 'a+b/c==\n' }),
      {
        status: 201,
        has: { notes: ' Ünïcode 🎉\r\n"\\\u2028\t</script> ', signature: 'a+b/c==\n' },
      },
    ),
  ]),
  scenario(
    'a release needs neither notes nor a signature',
    [
      step((w) => w.createRelease(1, { notes: undefined, signature: undefined }), {
        status: 201,
        has: { notes: null, signature: null },
      }),
      step((w) => w.createRelease(2, { notes: null, signature: null }), {
        status: 201,
        has: { notes: null, signature: null },
      }),
    ],
    'artifact-signature',
  ),
  ...accepted.map((patch) =>
    scenario(`a version that ends in .${patch} is accepted and returned unchanged`, [
      step(
        (w) => w.createRelease(patch),
        (w) => ({ status: 201, has: { version: w.v(patch) } }),
      ),
    ]),
  ),
  ...notSemver.map(([what, version]) =>
    scenario(`a version ${what} is refused`, [
      step((w) => w.createRelease(1, { version: version(w.v(1).replace(/\.1$/, '')) }), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['version'] },
      }),
    ]),
  ),
  scenario(
    'a version of more than 64 characters is refused',
    [
      step((w) => w.createRelease(`1-${'a'.repeat(64)}`), {
        status: 400,
        problem: { code: 'invalid_request', fields: ['version'] },
      }),
      step((w) => w.createRelease(`1-${'a'.repeat(62 - w.v('').length)}`), { status: 201 }),
    ],
    'ours',
  ),
  scenario(
    'an existing version is refused as taken, and its release does not change',
    [
      step((w) => w.createRelease('1+first'), { status: 201 }),
      step((w) => w.createRelease('1+first', { notes: 'Other.' }), taken),
      step((w) => w.createRelease('1', { notes: 'Other.' }), taken),
      step((w) => w.createRelease('1+second', { notes: 'Other.' }), taken),
      step(
        (w) => w.appCall('GET', '/releases'),
        (w) => ({
          status: 200,
          has: expect.arrayContaining([
            expect.objectContaining({ version: w.v('1+first'), notes: 'Notes.' }),
          ]),
          hasNot: ['Other.', w.v('1+second')],
        }),
      ),
    ],
    'ours',
  ),
  scenario(
    'of two simultaneous requests for one version, one creates the release and one is refused',
    [
      step(async (w) => {
        const replies = await Promise.all([w.createRelease(1), w.createRelease('1+other')]);
        expect(replies.map(({ status }) => status).sort()).toEqual([201, 409]);
        return replies.find(({ status }) => status === 409) ?? replies[0];
      }, taken),
    ],
    'ours',
  ),
  scenario('a deleted release is no longer listed, the others are', [
    step((w) => w.createRelease(1), { status: 201 }),
    step((w) => w.createRelease(2), { status: 201 }),
    step((w) => w.delete(1), { status: 204 }),
    step(
      (w) => w.appCall('GET', '/releases'),
      (w) => ({ status: 200, hasNot: [`"${w.v(1)}"`] }),
    ),
    step(
      async (w) => {
        const reply = await w.appCall('GET', '/releases');
        expect(reply.body.toString()).toContain(`"${w.v(2)}"`);
        return reply;
      },
      { status: 200 },
    ),
  ]),
  scenario(
    'releases are listed highest first, with their complete artifacts only',
    [
      step((w) => w.createRelease('2-rc.1'), { status: 201 }),
      step((w) => w.publish(2, LINUX), { status: 200 }),
      step((w) => w.requestUpload(2, MAC), { status: 201 }),
      step((w) => w.createRelease(10), { status: 201 }),
      step(
        async (w) => {
          const reply = await w.appCall('GET', '/releases');
          const all = JSON.parse(reply.body.toString()) as { version: string }[];
          const own = all.filter(({ version }) => version.startsWith(w.v('')));
          return { ...reply, body: Buffer.from(JSON.stringify(own)) };
        },
        (w) => ({
          status: 200,
          has: [
            { version: w.v(10), artifacts: [] },
            {
              id: w.releaseId(2),
              version: w.v(2),
              notes: 'Notes.',
              signature: 'signature of 2',
              pub_date: TIMESTAMP,
              created_at: TIMESTAMP,
              artifacts: [
                {
                  target: 'linux',
                  arch: 'x86_64',
                  file_size: w.bytes(2).length,
                  sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
                  signature: null,
                },
              ],
            },
            { version: w.v('2-rc.1'), artifacts: [] },
          ],
        }),
      ),
    ],
    'ours',
  ),
];
