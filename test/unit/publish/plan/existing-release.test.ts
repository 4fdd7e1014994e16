import { expect, test } from 'vitest';
import { ok } from '../../../../src/issue.ts';
import { checkExistingRelease } from '../../../../src/publish/plan/existing-release.ts';
import { artifact, BASE, OURS, REQUEST, release } from '../../../support/publish/plan-inputs.ts';

const FILE = artifact();
const files = { artifacts: [FILE], uploads: [FILE] };

test('files are added to a draft of the same channel, and go live with it', () => {
  const draft = release('1.2.0', { status: 'draft', channel: 'beta' });
  expect(checkExistingRelease(draft, { ...files, request: { ...REQUEST, channel: 'beta' } }, OURS)).toEqual(
    ok('on_request'),
  );
});

test('a server that does not list channels has only one', () => {
  expect(
    checkExistingRelease(release('1.2.0'), { ...files, request: { ...REQUEST, channel: 'stable' } }, BASE),
  ).toEqual(ok('at_once'));
});

test.each([
  ['another channel', { channel: 'beta' }, {}, 'release.other_channel'],
  ['the channel of everyone', { channel: 'stable' }, { channel: 'beta' }, 'release.other_channel'],
  ['other build metadata', { version: '1.2.0+2' }, {}, 'release.exists'],
  ['those that are live, if it is to be a draft', { status: 'published' }, { draft: true }, 'release.live'],
  ['those that are yanked', { status: 'yanked' }, {}, 'release.yanked'],
])('files are not added to a release of %s', (_, fields, request, id) => {
  expect(
    checkExistingRelease(release('1.2.0', fields), { ...files, request: { ...REQUEST, ...request } }, OURS),
  ).toEqual({
    kind: 'refused',
    issues: [
      {
        id,
        code: 'conflict',
        message: expect.stringMatching(/^1\.2\.0/),
        hint: expect.stringMatching(/\.$/),
      },
    ],
  });
});

test('a complete live release with --draft: nothing is done', () => {
  const live = release('1.2.0', { status: 'published' });
  expect(
    checkExistingRelease(
      live,
      { request: { ...REQUEST, draft: true }, artifacts: [FILE], uploads: [] },
      OURS,
    ),
  ).toEqual(ok('at_once'));
});

test('all reasons are reported together', () => {
  const outcome = checkExistingRelease(
    release('1.2.0', { status: 'draft', channel: 'beta' }),
    { ...files, request: { ...REQUEST, expect: ['linux-x86_64'] } },
    OURS,
  );
  expect(outcome).toMatchObject({
    issues: [{ id: 'release.waits_for_request' }, { id: 'release.other_channel' }],
  });
});
