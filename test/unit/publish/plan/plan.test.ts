import { describe, expect, test } from 'vitest';
import { issuesOf, requireOk } from '../../../../src/issue.ts';
import { EXTENSIONS, REMOTE_EXTENSIONS } from '../../../../src/protocol/extensions.ts';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';
import { platformName } from '../../../../src/protocol/platform.ts';
import { DISK_MULTIPART_FROM, MULTIPART_FROM } from '../../../../src/protocol/upload/multipart.ts';
import type { LocalArtifact } from '../../../../src/publish/inspect/local-artifact.ts';
import { plan, requestIssues } from '../../../../src/publish/plan/plan.ts';
import { keptNotesWarning } from '../../../../src/publish/plan/release-notes.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { findRelease } from '../../../../src/publish/server-state/find-release.ts';
import type { ServerState } from '../../../../src/publish/server-state/server-state.ts';
import { artifact, BASE, OURS, REQUEST } from '../../../support/publish/plan-inputs.ts';
import { LINUX, MAC, WINDOWS } from '../../../support/tauri/local-file.ts';

const EXISTING: ReleaseResponse = { id: 'r1', version: '1.2.0', notes: 'Fixes.', signature: 'same' };

function planned(
  request: Partial<ReleaseRequest>,
  artifacts: LocalArtifact[],
  server: Partial<ServerState>,
  on = OURS,
) {
  const outcome = plan({ ...REQUEST, ...request }, artifacts, { ...on, ...server });
  return requireOk(outcome);
}

function issues(
  request: Partial<ReleaseRequest>,
  artifacts: LocalArtifact[],
  server: Partial<ServerState>,
  on = OURS,
) {
  const outcome = plan({ ...REQUEST, ...request }, artifacts, { ...on, ...server });
  return issuesOf(outcome).map(({ id, code }) => [id, code]);
}

describe('a first publish', () => {
  test('to our server creates a release without a signature, and sends one with each file', () => {
    const { release, artifacts, warnings } = planned(
      { notes: 'Fixes.' },
      [artifact(LINUX), artifact(MAC)],
      {},
    );
    expect(release).toEqual({ kind: 'new', body: { version: '1.2.0', notes: 'Fixes.', draft: true } });
    expect(artifacts.map(({ action, body, servedSignature }) => ({ action, body, servedSignature }))).toEqual(
      [LINUX, MAC].map((platform) => ({
        action: 'upload',
        servedSignature: `sig of ${platformName(platform)}`,
        body: {
          ...platform,
          file_size: 7,
          sha256: 'a'.repeat(64),
          signature: `sig of ${platformName(platform)}`,
          file_name: `${platformName(platform)}.bin`,
        },
      })),
    );
    expect(warnings).toEqual([]);
  });

  test('to our server leaves notes out if none are given', () => {
    expect(planned({}, [artifact()], {}).release).toEqual({
      kind: 'new',
      body: { version: '1.2.0', draft: true },
    });
  });

  test.each([
    ['Fixes.', 'Fixes.'],
    [undefined, ''],
  ])('to a base server with notes %j sends all documented fields and no others', (notes, sent) => {
    const { release, artifacts } = planned({ notes, slug: 'my-app' }, [artifact()], {}, BASE);
    expect(release).toEqual({
      kind: 'new',
      body: { version: '1.2.0', notes: sent, signature: 'sig of linux-x86_64' },
    });
    expect(artifacts.map(({ body }) => body)).toEqual([{ ...LINUX, file_size: 7 }]);
  });
});

describe('a file', () => {
  const remote = { extensions: new Set([...EXTENSIONS, ...REMOTE_EXTENSIONS]) };
  const disk = { limits: { multipart_from: DISK_MULTIPART_FROM } };
  const without = (extension: string) => new Set(EXTENSIONS.filter((name) => name !== extension));
  const withoutParts = { extensions: new Set([...without('multipart'), 'complete-upload'] as const) };

  test.each([
    ['of 256 MiB goes in parts', MULTIPART_FROM, remote, true],
    ['of one byte less goes in one piece', MULTIPART_FROM - 1, remote, undefined],
    ['goes in one piece if the server accepts no parts', MULTIPART_FROM, withoutParts, undefined],
    ['of 64 MiB goes in parts to a server that asks for it', DISK_MULTIPART_FROM, disk, true],
    ['of one byte less goes in one piece there', DISK_MULTIPART_FROM - 1, disk, undefined],
    [
      'goes in one piece to a server that only has it in its limits',
      DISK_MULTIPART_FROM,
      { ...disk, ...withoutParts },
      undefined,
    ],
  ])('%s', (_, size, server, multipart) => {
    const [only] = planned({}, [artifact(LINUX, { size })], server).artifacts;
    expect(only?.body.multipart).toBe(multipart);
    expect(only?.body.file_size).toBe(size);
  });

  test('goes in one piece to a base server, without a request for parts', () => {
    const [only] = planned({}, [artifact(LINUX, { size: MULTIPART_FROM })], { ...BASE }).artifacts;
    expect(only?.body).toEqual({ ...LINUX, file_size: MULTIPART_FROM });
  });
});

describe('several signatures', () => {
  const three = [LINUX, MAC, WINDOWS].map((platform) => artifact(platform));

  test('are refused for a server that stores one per release', () => {
    expect(issues({}, three, {}, BASE)).toEqual([['server.one_signature', 'preflight_refused']]);
  });

  test('are accepted for our server', () => {
    expect(planned({}, three, {}).artifacts).toHaveLength(3);
  });

  test('count once if they are identical', () => {
    const universal = three.map((file) => ({ ...file, signature: 'same' }));
    expect(planned({ slug: 's-1' }, universal, {}, BASE).artifacts).toHaveLength(3);
  });
});

describe('a version that exists', () => {
  const same = new Map([['linux-x86_64', { sha256: 'a'.repeat(64), signature: 'as first signed' }]]);
  const other = new Map([['linux-x86_64', { sha256: 'b'.repeat(64) }]]);

  test('with the same bytes is skipped, and keeps the signature it has', () => {
    const { release, artifacts } = planned({}, [artifact()], { releases: [EXISTING], stored: same });
    expect(release).toEqual({ kind: 'existing', existing: EXISTING });
    expect(artifacts.map(({ action, servedSignature }) => [action, servedSignature])).toEqual([
      ['skip', 'as first signed'],
    ]);
  });

  test('and lacks a platform gets only that platform', () => {
    const { artifacts } = planned({}, [artifact(LINUX), artifact(MAC)], {
      releases: [EXISTING],
      stored: same,
    });
    expect(artifacts.map(({ action, target }) => [target, action])).toEqual([
      ['linux', 'skip'],
      ['darwin', 'upload'],
    ]);
  });

  test('with different bytes is a conflict that names the platform and the existing hash', () => {
    expect(issues({}, [artifact(LINUX), artifact(MAC)], { releases: [EXISTING], stored: other })).toEqual([
      ['file.other_bytes', 'conflict'],
    ]);
    const outcome = plan(REQUEST, [artifact(LINUX)], { ...OURS, releases: [EXISTING], stored: other });
    const message = expect.stringMatching(`^linux-x86_64 .*${'b'.repeat(64)}`);
    expect(outcome).toMatchObject({ issues: [{ message, file: 'linux-x86_64.bin' }] });
  });

  test('that is a draft with different bytes is a conflict that can be resolved', () => {
    const releases = [{ ...EXISTING, status: 'draft' }];
    const outcome = plan(REQUEST, [artifact()], { ...OURS, releases, stored: other });
    expect(outcome).toMatchObject({
      issues: [
        {
          id: 'file.other_bytes',
          message: expect.stringMatching(`^linux-x86_64 .*${'b'.repeat(64)}`),
          hint: expect.stringContaining('releases delete'),
        },
      ],
    });
  });

  test.each([
    ['1.2.0+2', '1.2.0+1'],
    ['1.2.0', '1.2.0+1'],
    ['1.2.0+2', '1.2.0'],
  ])('as %s is a conflict if %s exists', (version, existing) => {
    expect(issues({ version }, [artifact()], { releases: [{ ...EXISTING, version: existing }] })).toEqual([
      ['release.exists', 'conflict'],
    ]);
  });

  test('that is yanked is a conflict', () => {
    const releases = [{ ...EXISTING, status: 'yanked' }];
    expect(issues({}, [artifact()], { releases })).toEqual([['release.yanked', 'conflict']]);
  });

  test('with another signature on a base server is a conflict', () => {
    expect(issues({ slug: 'my-app' }, [artifact()], { releases: [EXISTING] }, BASE)).toEqual([
      ['release.other_signature', 'conflict'],
    ]);
  });

  test('with the same signature on a base server is continued', () => {
    const file = artifact(LINUX, { signature: 'same' });
    expect(planned({ slug: 'my-app' }, [file], { releases: [EXISTING] }, BASE)).toMatchObject({
      release: { kind: 'existing', existing: EXISTING },
      artifacts: [{ action: 'upload' }],
    });
  });

  test.each([
    ['Fixes.', []],
    [undefined, []],
    ['Other.', [keptNotesWarning('1.2.0')]],
    ['', [keptNotesWarning('1.2.0')]],
  ])('keeps its notes if %j is given', (notes, warnings) => {
    const file = artifact(LINUX, { signature: 'as first signed' });
    expect(planned({ notes }, [file], { releases: [EXISTING], stored: same }).warnings).toEqual(warnings);
  });

  test('without notes is unchanged if none are given', () => {
    const releases = [{ ...EXISTING, notes: null }];
    const file = artifact(LINUX, { signature: 'as first signed' });
    expect(planned({ notes: '' }, [file], { releases, stored: same }).warnings).toEqual([]);
  });

  test('keeps the signature of a file that was signed again, with a warning', () => {
    expect(planned({}, [artifact()], { releases: [EXISTING], stored: same }).warnings).toEqual([
      'linux-x86_64 keeps the signature it was first published with, not this .sig',
    ]);
  });
});

describe("field 3: the slugs of a project's endpoints", () => {
  const of = (...value: string[]) => ({ projectSlugs: { value, source: 'tauri.conf.json' } });

  test.each<[string, string | null | undefined, string[], { newSlug: string | undefined; slug: string }]>([
    ['keep the one that the app has', 'my-app', ['my-app'], { newSlug: undefined, slug: 'my-app' }],
    ['keep it among others', 'my-app', ['staging', 'my-app'], { newSlug: undefined, slug: 'my-app' }],
    ['keep it where there are none', 'my-app', [], { newSlug: undefined, slug: 'my-app' }],
    ['register the only one', null, ['my-app'], { newSlug: 'my-app', slug: 'my-app' }],
    [
      'register the only one if the server has not said',
      undefined,
      ['my-app'],
      { newSlug: 'my-app', slug: 'my-app' },
    ],
  ])('%s', (_, slug, slugs, expected) => {
    expect(planned(of(...slugs), [artifact()], { slug })).toMatchObject(expected);
  });

  test('count less than a given one, which changes it', () => {
    const given = { ...of('my-app'), slug: 'other' };
    expect(planned(given, [artifact()], { slug: 'my-app' })).toMatchObject({ newSlug: 'other' });
  });

  test.each<[string, string | null | undefined, string[], string[]]>([
    ['do not replace another', 'my-app', ['my-app-dev'], ['app.slug_differs', 'preflight_refused']],
    [
      'do not replace another, however many they are',
      'my-app',
      ['a-1', 'b-2'],
      ['app.slug_differs', 'preflight_refused'],
    ],
    ['are not chosen from', null, ['staging', 'my-app'], ['app.several_slugs', 'usage']],
    [
      'are not chosen from if the server has not said',
      undefined,
      ['staging', 'my-app'],
      ['app.several_slugs', 'usage'],
    ],
    ['have to exist', null, [], ['app.no_slug', 'usage']],
  ])('%s', (_, slug, slugs, issue) => {
    expect(issues(of(...slugs), [artifact()], { slug })).toEqual([issue]);
  });
});

describe('the slug', () => {
  test.each([
    ['is unchanged if none is given', 'my-app', undefined, { newSlug: undefined, slug: 'my-app' }],
    ['is unchanged if the same is given', 'my-app', 'my-app', { newSlug: undefined, slug: 'my-app' }],
    ['is changed if another is given', 'my-app', 'other', { newSlug: 'other', slug: 'other' }],
    ['is registered if there was none', null, 'my-app', { newSlug: 'my-app', slug: 'my-app' }],
    ['is registered if it is unknown', undefined, 'my-app', { newSlug: 'my-app', slug: 'my-app' }],
    ['stays unknown if none is given', undefined, undefined, { newSlug: undefined, slug: undefined }],
  ])('%s', (_, registered, given, expected) => {
    expect(planned({ slug: given }, [artifact()], { slug: registered })).toMatchObject(expected);
  });

  test('is required if the app has none', () => {
    expect(issues({}, [artifact()], { slug: null })).toEqual([['app.no_slug', 'usage']]);
  });
});

describe('warnings', () => {
  test('name the expected platforms that a live release lacks', () => {
    const server = { releases: [{ ...EXISTING, status: 'published' }], stored: new Map() };
    const names = ['linux-x86_64', 'darwin-aarch64', 'windows-x86_64'];
    const { warnings } = planned({ expect: names }, [artifact(LINUX)], server);
    expect(warnings).toContain('1.2.0 is already live without darwin-aarch64, windows-x86_64');
    expect(planned({ expect: ['linux-x86_64'] }, [artifact(LINUX)], server).warnings.join()).not.toContain(
      'already live',
    );
  });

  test('say that build metadata does not make a new version', () => {
    const { warnings } = planned({ version: '1.2.0+2' }, [artifact()], {});
    expect(warnings).toEqual([expect.stringContaining('1.2.0+2 counts as the same version as 1.2.0')]);
  });

  test.each([
    ['1.3.0', 1],
    ['1.2.1-rc.1', 1],
    ['1.2.0-rc.1', 0],
    ['1.1.9', 0],
    ['not a version', 0],
  ])('name a higher version only if a lower one is allowed: with %s there, %i', (version, count) => {
    const { warnings } = planned({ allowLower: true }, [artifact()], { releases: [{ id: 'r2', version }] });
    expect(warnings).toHaveLength(count);
    expect(warnings.join()).toContain(count > 0 ? `${version} is live and higher` : '');
  });
});

test('all issues are found together', () => {
  const stored = new Map([['linux-x86_64', { sha256: 'b'.repeat(64) }]]);
  const found = issues(
    {},
    [artifact(LINUX), artifact(MAC)],
    { releases: [EXISTING], stored, slug: null },
    BASE,
  );
  expect(found).toEqual([
    ['server.one_signature', 'preflight_refused'],
    ['release.other_signature', 'conflict'],
    ['file.other_bytes', 'conflict'],
    ['app.no_slug', 'usage'],
  ]);
});

describe('before the first request', () => {
  test.each([
    ['1.2.0', false, []],
    ['1.2.0+b', false, []],
    ['1.2.0-rc.1', true, []],
    ['1.2.0-rc.1', false, ['release.prerelease']],
    ['1.2', false, ['release.invalid_version']],
    ['v1.2.0', true, ['release.invalid_version']],
  ])('version %s (pre-releases allowed: %s) has the issues %j', (version, allowPrerelease, ids) => {
    const found = requestIssues({ version, allowPrerelease });
    expect(found.map(({ id }) => id)).toEqual(ids);
    expect(found.every(({ code }) => code === 'preflight_refused')).toBe(true);
  });
});

test.each([
  ['1.2.0', '1.2.0'],
  ['1.2.0+x', '1.2.0'],
  ['1.2.0-rc.1', undefined],
  ['1.3.0', undefined],
])('the release of equal precedence with %s is %s', (version, found) => {
  expect(findRelease([{ id: 'r0', version: '1.1.0' }, EXISTING], version)?.version).toBe(found);
});
