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
    ['later, if it is to be a draft', { draft: true }, OURS, 'later'],
    ['with the last of the expected platforms', { expect: BOTH }, OURS, 'when_expected'],
    ['file by file on a server that knows api.md only', {}, BASE, 'at_once'],
    ['file by file there, even if platforms are expected', { expect: BOTH }, BASE, 'at_once'],
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

describe('an existing release goes live', () => {
  const waiting = release('1.2.0', { status: 'draft', expect: BOTH });
  const draft = release('1.2.0', { status: 'draft' });

  test.each([
    ['at once if it is live', release('1.2.0', { status: 'published' }), {}, 'at_once'],
    ['at once if the server does not say', release('1.2.0'), {}, 'at_once'],
    [
      'at once if it is live, whatever it once waited for',
      { ...waiting, status: 'published' },
      {},
      'at_once',
    ],
    ['by this run if it is a draft', draft, {}, 'on_request'],
    ['later if it is a draft that is to stay one', draft, { draft: true }, 'later'],
    ['with the last platform if it has expected platforms', waiting, { expect: BOTH }, 'when_expected'],
    ['with the last platform, in whatever order', waiting, { expect: BOTH.toReversed() }, 'when_expected'],
    ['with the last platform, even if this job names none', waiting, {}, 'when_expected'],
  ])('%s', (_, existing, request, expected) => {
    expect(visibilityOfExisting(existing, request)).toMatchObject({ kind: 'ok', value: expected });
  });

  test.each([
    [
      'if it is yanked',
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

describe('a feature that a server lacks', () => {
  const faults = (request: Partial<ReleaseRequest>, platforms = [LINUX], view = BASE) =>
    missingExtensionIssues(
      { ...REQUEST, ...request },
      platforms.map((platform) => artifact(platform)),
      view,
    ).map(({ id, code }) => [id, code]);

  test('does not exist on our server', () => {
    expect(faults({ draft: true, channel: 'beta', expect: BOTH }, [LINUX], OURS)).toEqual([]);
  });

  test('is not needed by a plain publish', () => {
    expect(faults({})).toEqual([]);
  });

  test('is reported together with the others', () => {
    expect(faults({ draft: true, channel: 'beta', expect: BOTH })).toEqual([
      ['server.no_drafts', 'preflight_refused'],
      ['server.no_channels', 'preflight_refused'],
      ['server.cannot_wait', 'preflight_refused'],
    ]);
  });

  test('is not needed for the stable channel', () => {
    expect(faults({ channel: 'stable' })).toEqual([]);
  });

  test('is not needed if this job has all expected platforms', () => {
    expect(faults({ expect: BOTH }, [LINUX, MAC])).toEqual([]);
    expect(faults({ expect: ['linux-x86_64'] }, [DEB])).toEqual([]);
  });

  test('is not needed if the server has all other expected platforms', () => {
    const stored = new Map([['darwin-aarch64', { sha256: 'a'.repeat(64) }]]);
    expect(faults({ expect: BOTH }, [LINUX], { ...BASE, stored })).toEqual([]);
  });
});
