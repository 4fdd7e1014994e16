import { describe, expect, test } from 'vitest';
import { issuesOf, requireOk } from '../../../../src/issue.ts';
import type { ArtifactResponse, DeletedFileResponse } from '../../../../src/protocol/messages.ts';
import { type BundleType, type Platform, platformName } from '../../../../src/protocol/platform.ts';
import { plan } from '../../../../src/publish/plan/plan.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { listedArtifacts, type ServerState } from '../../../../src/publish/server-state/server-state.ts';
import { artifact, OURS, REQUEST, release } from '../../../support/publish/plan-inputs.ts';
import { LINUX } from '../../../support/tauri/local-file.ts';

const kind = (bundleType: BundleType): Platform => ({ ...LINUX, bundleType });
const ARM: Platform = { target: 'linux', arch: 'aarch64' };

const listed = (platform: Platform, fields: Partial<ArtifactResponse> = {}): ArtifactResponse => ({
  target: platform.target,
  arch: platform.arch,
  bundle_type: platform.bundleType ?? null,
  file_size: 7,
  sha256: 'b'.repeat(64),
  signature: 's',
  ...fields,
});

function live(...artifacts: readonly ArtifactResponse[]): ServerState {
  const existing = release('1.2.0', { status: 'published', artifacts: [...artifacts] });
  return { ...OURS, releases: [existing], stored: listedArtifacts(existing) };
}

const wasLive = (...platforms: readonly Platform[]): ServerState => ({
  ...OURS,
  deleted: platforms.map(
    (platform): DeletedFileResponse => ({
      version: '1.2.0',
      target: platform.target,
      arch: platform.arch,
      bundle_type: platform.bundleType ?? null,
      sha256: 'a'.repeat(64),
    }),
  ),
});

const planned = (server: ServerState, ...platforms: readonly Platform[]) =>
  plan(
    REQUEST,
    platforms.map((platform) => artifact(platform)),
    server,
  );

const onlyByType = (server: ServerState, ...platforms: readonly Platform[]) =>
  requireOk(planned(server, ...platforms))
    .artifacts.filter((one) => one.onlyByType)
    .map(platformName);

describe('a file for a platform that a live release is answered with', () => {
  test.each([
    ['live', live(listed(kind('appimage')))],
    ['deleted', wasLive(kind('appimage'))],
  ])('attack H3: is refused before the first write if it is for all apps (%s)', (_, server) => {
    expect(issuesOf(planned(server, LINUX))).toMatchObject([
      { id: 'file.platform_answered', code: 'conflict', file: 'linux-x86_64.bin' },
    ]);
  });

  test('attack F06: goes only to apps that ask for its bundle type, and a warning says so', () => {
    const server = live(listed(kind('deb')));
    const { artifacts, warnings } = requireOk(planned(server, kind('appimage')));
    expect(artifacts).toMatchObject([{ action: 'upload', onlyByType: true }]);
    expect(warnings).toEqual([
      expect.stringContaining('linux-x86_64-appimage is offered only to apps that ask'),
    ]);
  });

  test('is one of its defaults again after a deletion, once all of them are there', () => {
    const server = wasLive(kind('appimage'), kind('deb'));
    expect(onlyByType(server, kind('appimage'), kind('deb'))).toEqual([]);
    expect(onlyByType(server, kind('deb'))).toEqual(['linux-x86_64-deb']);
    expect(onlyByType(server, kind('appimage'), kind('deb'), kind('rpm'))).toEqual(['linux-x86_64-rpm']);
  });
});

describe('a platform that no one was answered for', () => {
  test('is answered with all files that go live together', () => {
    expect(onlyByType(OURS, kind('deb'), kind('appimage'))).toEqual([]);
  });

  test('is answered with the preferred file where each is live once it is uploaded', () => {
    const server = live(listed(LINUX));
    const arm = (bundleType: BundleType): Platform => ({ ...ARM, bundleType });
    expect(onlyByType(server, arm('deb'), arm('appimage'))).toEqual(['linux-aarch64-deb']);
    expect(onlyByType(server, ARM)).toEqual([]);
  });
});

describe('an app that requires approval', () => {
  const withApproval: ServerState = { ...OURS, approval: true, scopes: ['release:read', 'release:upload'] };
  const visibilityOf = (request: Partial<ReleaseRequest>, server = withApproval) =>
    requireOk(plan({ ...REQUEST, ...request }, [artifact()], server)).visibility;

  test('gets drafts, with a token that may not publish', () => {
    expect(visibilityOf({})).toBe('later');
    expect(visibilityOf({ draft: true })).toBe('later');
    expect(visibilityOf({ expect: ['linux-x86_64'] })).toBe('when_expected');
    const draft = release('1.2.0', { status: 'draft', artifacts: [], awaits_approval: true });
    expect(visibilityOf({}, { ...withApproval, releases: [draft] })).toBe('later');
  });

  test('gets no files into a live release', () => {
    const server = { ...live(listed(LINUX)), approval: true };
    expect(issuesOf(planned(server, ARM))).toMatchObject([{ id: 'release.needs_approval' }]);
    const same = { ...live(listed(LINUX, { sha256: 'a'.repeat(64) })), approval: true };
    expect(requireOk(planned(same, LINUX)).artifacts).toMatchObject([{ action: 'skip' }]);
  });
});
