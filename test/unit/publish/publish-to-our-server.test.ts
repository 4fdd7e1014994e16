import { appendFileSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { TransportRequest } from '../../../src/client/transport/transport.ts';
import { OtaError } from '../../../src/errors.ts';
import { platformName } from '../../../src/protocol/platform.ts';
import { publishArtifact } from '../../../src/publish/publish-artifact.ts';
import type { PublishEvent } from '../../../src/publish/publish-event.ts';
import {
  atCheck,
  atCreation,
  atDownload,
  atGoingLive,
  atRedirect,
  atSlug,
  atUpload,
  atUploadUrl,
} from '../../support/network/request-points.ts';
import { startPublishWorld } from '../../support/publish/publish-world.ts';
import { DEB, LINUX, MAC, SIX, WINDOWS, writeArtifact } from '../../support/tauri/local-file.ts';

const PLATFORMS = [LINUX, MAC, WINDOWS];

async function startWorld() {
  const world = await startPublishWorld(PLATFORMS);
  const [linux, mac, windows] = world.artifacts;
  if (!linux || !mac || !windows) throw new Error('three files were written');
  return { ...world, linux, mac, windows };
}

describe('a publish to our server', () => {
  test('gives each platform its own file and its own signature', async () => {
    const { run, connect } = await startWorld();
    const { outcome, publisher } = await run();
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: PLATFORMS.map((platform) => ({ ...platform, action: 'upload', verified: true })),
    });
    expect(publisher.events.filter(({ type }) => type === 'verified')).toHaveLength(3);
    for (const platform of PLATFORMS) {
      const update = await connect().publisher.client.check({
        ...platform,
        slug: 'my-app',
        currentVersion: '1.1.0',
      });
      expect(update).toMatchObject({
        version: '1.2.0',
        notes: 'Fixes.',
        signature: `signature of ${platform.target}-${platform.arch}`,
      });
    }
  });

  test('pains 5: that runs again changes nothing, and sends no write', async () => {
    const { run } = await startWorld();
    await run();
    const { outcome, transport } = await run();
    expect(outcome).toMatchObject({
      status: 'unchanged',
      artifacts: PLATFORMS.map(() => ({ action: 'skip' })),
    });
    expect(transport.writes).toEqual([]);
  });

  test('pains 5: with one changed byte is a conflict, and sends no write', async () => {
    const { run, linux } = await startWorld();
    await run();
    const bytes = await readFile(linux.file);
    await writeFile(linux.file, bytes.with(0, (bytes[0] ?? 0) ^ 1));
    const { outcome, transport } = await run();
    expect(outcome).toMatchObject({ code: 'conflict', message: expect.stringContaining('linux-x86_64') });
    expect(transport.writes).toEqual([]);
  });

  test('with an additional platform adds only that', async () => {
    const { run, artifacts, linux, mac } = await startWorld();
    await run({ artifacts: [linux, mac] });
    const { outcome } = await run({ artifacts });
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: [
        { action: 'skip' },
        { action: 'skip' },
        { target: 'windows', action: 'upload', verified: true },
      ],
    });
  });

  test('of a lower version warns, and is verified by its own address', async () => {
    const { run } = await startWorld();
    await run();
    const { outcome } = await run({ version: '1.1.0', allowLower: true });
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: PLATFORMS.map(() => ({ verified: true })),
      warnings: expect.arrayContaining([expect.stringContaining('1.2.0 is live and higher')]),
    });
  });

  test.each([
    ['the slug', atSlug],
    ['the release', atCreation],
    ['an upload URL', atUploadUrl],
    ['an upload', atUpload],
    ['going live', atGoingLive],
    ['a check', atCheck],
    ['a download', atDownload],
  ])('succeeds if the first response to %s is lost after it was applied', async (_, isThis) => {
    const { run, connect } = await startWorld();
    const way = connect();
    let lost = 0;
    way.transport.after = (request) => {
      if (isThis(request) && lost++ === 0) throw new OtaError('network', 'the answer was lost');
    };
    const { outcome } = await run({}, way);
    expect(lost).toBeGreaterThan(0);
    expect(outcome).toMatchObject({
      status: 'published',
      artifacts: PLATFORMS.map(() => ({ verified: true })),
    });
    const releases = await way.publisher.client.listReleases(way.publisher.appId);
    expect(releases.map(({ artifacts }) => artifacts?.length)).toEqual([3]);
  });

  test('pains 5: continues with the other uploads if one fails, so that a re-run sends only that one', async () => {
    const { run, connect, mac } = await startWorld();
    const way = connect();
    const report = ({ type }: PublishEvent) => {
      if (type === 'release_created') appendFileSync(mac.file, 'more');
    };
    const { outcome } = await run({}, { ...way, publisher: { ...way.publisher, report } });
    expect(outcome).toMatchObject({ code: 'preflight_refused', message: expect.stringContaining(mac.file) });
    const again = await run();
    expect(again.outcome).toMatchObject({
      artifacts: [
        { action: 'skip' },
        { target: 'darwin', action: 'upload', verified: true },
        { action: 'skip' },
      ],
    });
  });
});

test('all issues with the files, the version and the server are in one error, and nothing is written', async () => {
  const { run, releases, filesOf, folder } = await startWorld();
  await run({ version: '1.3.0', artifacts: filesOf(MAC) });
  await run({
    version: '1.2.0-rc.1',
    channel: 'beta',
    draft: true,
    artifacts: filesOf(LINUX),
    allowLower: true,
  });
  const before = await releases();
  const changed = await writeArtifact(folder, LINUX);
  const unsigned = { ...MAC, file: `${changed.file}.gone` };
  const { outcome, transport } = await run({
    version: '1.2.0-rc.1',
    expect: ['linux-x86_64'],
    artifacts: [changed, unsigned],
    issues: [
      {
        id: 'bundle.wrong_version',
        code: 'preflight_refused',
        message: 'a bundle is not what it seems',
        hint: 'Build it again.',
      },
    ],
  });
  expect(outcome).toMatchObject({ code: 'usage' });
  expect(outcome).toMatchObject({
    issueIds: [
      'release.prerelease',
      'bundle.wrong_version',
      'file.missing',
      'release.waits_for_request',
      'release.other_channel',
      'release.lower_version',
      'file.other_bytes',
    ],
  });
  const [heading, ...lines] = outcome.message.split('\n');
  expect(heading).toMatch(/^7 /);
  expect(lines).toHaveLength(7);
  expect(lines[1]).toContain('a bundle is not what it seems. Build it again.');
  expect(lines[2]).toContain(unsigned.file);
  expect(transport.writes).toEqual([]);
  expect(await releases()).toEqual(before);
});

describe('a clean publish', () => {
  const isVerification = (request: TransportRequest) =>
    [atCheck, atRedirect, atDownload].some((point) => point(request));

  test.each([
    [1, {}],
    [2, {}],
    [6, {}],
    [1, { expect: ['linux-x86_64'] }],
    [6, { expect: SIX.map(platformName) }],
    [6, { draft: true }],
  ])(
    'of %i files under a new slug, as %j, sends at most 4 + 3n requests to publish them',
    async (n, fields) => {
      const { run } = await startPublishWorld(SIX.slice(0, n));
      const { outcome, transport, publisher } = await run(fields);
      expect(outcome.artifacts).toHaveLength(n);
      const requests = transport.requests.filter((request) => !isVerification(request));
      expect(requests.length, transport.calls.join()).toBeLessThanOrEqual(4 + 3 * n);
      expect(publisher.waits).toEqual([]);
    },
  );
});

describe('one file', () => {
  test.each([
    ['its version', ({ version }: { id: string; version: string }) => version],
    ['its version with a v', ({ version }: { id: string; version: string }) => `v${version}`],
    ['its id', ({ id }: { id: string; version: string }) => id],
  ])('is added to a release named by %s, and is then skipped', async (_, name) => {
    const { connect, linux } = await startWorld();
    const { publisher } = connect();
    await publisher.client.setSlug(publisher.appId, 'my-app');
    const release = await publisher.client.createRelease(publisher.appId, { version: '1.2.0' });
    const request = { ...LINUX, file: linux.file, release: name(release) };
    expect(await publishArtifact(publisher, request)).toMatchObject({
      action: 'upload',
      sha256: linux.sha256,
    });
    expect(await publishArtifact(publisher, request)).toMatchObject({ action: 'skip' });
  });

  test('pains 6: with a bundle type is offered only to apps that were installed from that type', async () => {
    const { connect, offered, folder } = await startWorld();
    const deb = await writeArtifact(folder, DEB);
    const { publisher } = connect();
    await publisher.client.setSlug(publisher.appId, 'my-app');
    await publisher.client.createRelease(publisher.appId, { version: '1.2.0' });
    const request = { ...DEB, file: deb.file, release: '1.2.0' };
    expect(await publishArtifact(publisher, request)).toMatchObject({ ...DEB, action: 'upload' });
    expect(await publishArtifact(publisher, request)).toMatchObject({ action: 'skip' });
    expect(await offered(DEB)).toBe('1.2.0');
    expect(await offered({ ...LINUX, bundleType: 'rpm' })).toBeUndefined();
  });

  test('that differs from the one in the release is a conflict', async () => {
    const { run, connect, linux } = await startWorld();
    await run();
    await appendFile(linux.file, 'x');
    const outcome = publishArtifact(connect().publisher, { ...LINUX, file: linux.file, release: '1.2.0' });
    await expect(outcome).rejects.toMatchObject({ code: 'conflict' });
  });

  test('for a release that does not exist is refused', async () => {
    const { connect, linux } = await startWorld();
    const outcome = publishArtifact(connect().publisher, { ...LINUX, file: linux.file, release: '9.9.9' });
    await expect(outcome).rejects.toMatchObject({
      code: 'usage',
      message: 'the app has no release 9.9.9',
      hint: expect.stringContaining('releases list'),
    });
  });
});
