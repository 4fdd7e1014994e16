import { describe, expect, test } from 'vitest';
import {
  missingExtensionIssues,
  visibilityOfExisting,
  visibilityOfNew,
} from '../../../../src/publish/plan/visibility.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { artifact, BASE, OURS, REQUEST, release } from '../../../support/publish/plan-inputs.ts';
import { DEB, LINUX, MAC } from '../../../support/tauri/local-file.ts';

const BOTH = ['linux-x86_64', 'darwin-aarch64'];
const server = (...extensions: string[]) => ({ ...OURS, extensions: new Set(extensions) });

describe('a release that is created now goes live', () => {
  test.each<[string, Partial<ReleaseRequest>, { extensions: ReadonlySet<string> }, string]>([
    ['for all at one instant, by this run, on our server', {}, OURS, 'on_request'],
    ['by somebody, where it is to be a draft', { draft: true }, OURS, 'later'],
    ['with the last of the platforms that are expected', { expect: BOTH }, OURS, 'when_expected'],
    ['file by file on a server that knows api.md only', {}, BASE, 'at_once'],
    ['file by file there, where platforms are expected too', { expect: BOTH }, BASE, 'at_once'],
    [
      'by this run on a server that has drafts but not expect',
      { expect: BOTH },
      server('draft'),
      'on_request',
    ],
  ])('%s', (_, request, view, expected) => {
    expect(visibilityOfNew({ ...REQUEST, ...request }, view)).toBe(expected);
  });
});

describe('a release that is there goes live', () => {
  const waiting = release('1.2.0', { status: 'draft', expect: BOTH });
  const draft = release('1.2.0', { status: 'draft' });

  test.each([
    ['at once, being live', release('1.2.0', { status: 'published' }), {}, 'at_once'],
    ['at once where a server does not say', release('1.2.0'), {}, 'at_once'],
    ['at once, being live, whatever it once waited for', { ...waiting, status: 'published' }, {}, 'at_once'],
    ['by this run, being a draft', draft, {}, 'on_request'],
    ['by somebody, being a draft that stays one', draft, { draft: true }, 'later'],
    ['with the last platform, being expected', waiting, { expect: BOTH }, 'when_expected'],
    ['with the last platform, in whatever order', waiting, { expect: BOTH.toReversed() }, 'when_expected'],
    ['with the last platform, where this job does not say so', waiting, {}, 'when_expected'],
  ])('%s', (_, existing, request, expected) => {
    expect(visibilityOfExisting(existing, request)).toMatchObject({ kind: 'ok', value: expected });
  });

  test.each([
    [
      'being yanked',
      release('1.2.0', { status: 'yanked' }),
      {},
      'release.yanked',
      /1\.2\.0/,
      'releases restore',
    ],
    [
      'as a draft that waits for a request, with other jobs',
      draft,
      { expect: BOTH },
      'release.waits_for_request',
      /1\.2\.0/,
      'publish finish',
    ],
    [
      'with other platforms than it waits for',
      waiting,
      { expect: ['linux-x86_64'] },
      'release.waits_for_others',
      /linux-x86_64, darwin-aarch64, .* linux-x86_64$/,
      'the same --expect',
    ],
    [
      'with more platforms than it waits for',
      waiting,
      { expect: [...BOTH, 'windows-x86_64'] },
      'release.waits_for_others',
      / linux-x86_64, darwin-aarch64, windows-x86_64$/,
      'the same --expect',
    ],
    [
      'as a draft, because it takes itself live',
      waiting,
      { draft: true },
      'release.waits_for_platforms',
      /linux-x86_64, darwin-aarch64/,
      'Leave --draft out',
    ],
  ])('not %s', (_, existing, request, id, message, remedy) => {
    expect(visibilityOfExisting(existing, request)).toEqual({
      kind: 'refused',
      issues: [
        {
          id,
          code: 'conflict',
          message: expect.stringMatching(message),
          hint: expect.stringContaining(remedy),
        },
      ],
    });
  });
});

describe('what a server cannot do', () => {
  const faults = (request: Partial<ReleaseRequest>, platforms = [LINUX], view = BASE) =>
    missingExtensionIssues(
      { ...REQUEST, ...request },
      platforms.map((platform) => artifact(platform)),
      view,
    ).map(({ id, code }) => [id, code]);

  test('is nothing, on our server', () => {
    expect(faults({ draft: true, channel: 'beta', expect: BOTH }, [LINUX], OURS)).toEqual([]);
  });

  test('is not asked for by a plain publish', () => {
    expect(faults({})).toEqual([]);
  });

  test('is reported all together', () => {
    expect(faults({ draft: true, channel: 'beta', expect: BOTH })).toEqual([
      ['server.no_drafts', 'preflight_refused'],
      ['server.no_channels', 'preflight_refused'],
      ['server.cannot_wait', 'preflight_refused'],
    ]);
  });

  test('is no matter for the channel that everyone has', () => {
    expect(faults({ channel: 'stable' })).toEqual([]);
  });

  test('is no matter for expected platforms that are all here', () => {
    expect(faults({ expect: BOTH }, [LINUX, MAC])).toEqual([]);
    expect(faults({ expect: ['linux-x86_64'] }, [DEB])).toEqual([]);
  });

  test('is no matter for expected platforms that are there already', () => {
    const stored = new Map([['darwin-aarch64', { sha256: 'a'.repeat(64) }]]);
    expect(faults({ expect: BOTH }, [LINUX], { ...BASE, stored })).toEqual([]);
  });
});
