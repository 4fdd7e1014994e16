import { describe, expect, test } from 'vitest';
import { type FinishRequest, finishRelease } from '../../../src/publish/finish-release.ts';
import { atGoingLive, atUploadUrl } from '../../support/network/request-points.ts';
import { ScriptedTransport } from '../../support/network/scripted-transport.ts';
import { BaseServer } from '../../support/publish/base-server.ts';
import { type PublishWorld, startPublishWorld, wayWhere } from '../../support/publish/publish-world.ts';
import { publisherOver } from '../../support/publish/test-publisher.ts';
import { DEB, LINUX, MAC, WINDOWS, writeArtifact } from '../../support/tauri/local-file.ts';

async function finish(world: PublishWorld, fields: Partial<FinishRequest> = {}, way = world.connect()) {
  const request = { release: '1.2.0', concurrency: 2, ...fields };
  const outcome = await finishRelease(way.publisher, request).catch((error: unknown) => error);
  return { outcome, ...way };
}

/** A draft that three jobs have put their files into. */
async function startWithDraft(): Promise<PublishWorld> {
  const world = await startPublishWorld([LINUX, DEB, MAC]);
  for (const job of [[LINUX, DEB], [MAC]]) {
    const { outcome } = await world.run({ artifacts: world.filesOf(...job), draft: true });
    expect(outcome).toMatchObject({ status: 'draft', release: { status: 'draft' } });
  }
  return world;
}

describe('a draft', () => {
  test('is not offered until it is finished, and is then offered to all and verified', async () => {
    const world = await startWithDraft();
    for (const platform of [LINUX, DEB, MAC]) expect(await world.offered(platform)).toBeUndefined();
    const { outcome, publisher } = await finish(world, { expect: ['linux-x86_64', 'darwin-aarch64'] });
    expect(outcome).toMatchObject({
      status: 'published',
      slug: 'my-app',
      release: { version: '1.2.0', status: 'published' },
      artifacts: [
        { ...MAC, action: 'skip', verified: true },
        { ...LINUX, action: 'skip', verified: true },
        { ...DEB, action: 'skip', verified: true },
      ],
    });
    expect(publisher.events.map(({ type }) => type)).toEqual([
      'went_live',
      'verified',
      'verified',
      'verified',
    ]);
    for (const platform of [LINUX, DEB, MAC]) expect(await world.offered(platform)).toBe('1.2.0');
  });

  test('is found by its id, or by its version with a leading v', async () => {
    const world = await startWithDraft();
    const [draft] = await world.releases();
    expect((await finish(world, { release: draft?.id ?? '' })).outcome).toMatchObject({
      status: 'published',
    });
    expect((await finish(world, { release: 'v1.2.0' })).outcome).toMatchObject({ status: 'unchanged' });
  });

  test('that lacks an expected platform stays a draft, and the error names the platform', async () => {
    const world = await startWithDraft();
    const expected = ['linux-x86_64', 'linux-x86_64-rpm', 'windows-x86_64', 'linux-x86_64-deb'];
    const { outcome, transport } = await finish(world, { expect: expected });
    expect(outcome).toMatchObject({
      code: 'preflight_refused',
      message: '1.2.0 lacks linux-x86_64-rpm, windows-x86_64',
    });
    expect(transport.writes).toEqual([]);
    expect(await world.offered(LINUX)).toBeUndefined();
  });

  test('without any file stays a draft', async () => {
    const world = await startPublishWorld([LINUX]);
    const { publisher } = world.connect();
    await publisher.client.createRelease(world.app.id, { version: '1.2.0', draft: true });
    const { outcome } = await finish(world);
    expect(outcome).toMatchObject({ code: 'preflight_refused', issueIds: ['release.no_files'] });
  });

  describe('field 3: that waits for platforms', () => {
    async function startWaiting() {
      const world = await startPublishWorld([LINUX]);
      await world.run({ expect: ['linux-x86_64', 'windows-x86_64'] });
      return world;
    }

    test.each([
      ['', {}],
      [', also where the config file lists only those it has', { configured: ['linux-x86_64'] }],
    ])('is not finished without the rest of them%s', async (_, fields) => {
      const world = await startWaiting();
      const { outcome, transport } = await finish(world, fields);
      expect(outcome).toMatchObject({
        code: 'preflight_refused',
        issueIds: ['release.incomplete'],
        message: expect.stringContaining('windows-x86_64'),
      });
      expect(transport.writes).toEqual([]);
      expect(await world.offered(LINUX)).toBeUndefined();
    });

    test('is finished without them where a list of its own says so, with a warning', async () => {
      const world = await startWaiting();
      const { outcome } = await finish(world, { expect: ['linux-x86_64'] });
      expect(outcome).toMatchObject({
        status: 'published',
        warnings: [expect.stringContaining('windows-x86_64')],
      });
      expect(await world.offered(LINUX)).toBe('1.2.0');
      // Live by a decision, it is only verified from then on.
      expect((await finish(world)).outcome).toMatchObject({ status: 'unchanged', warnings: [] });
    });

    test('is refused by the server if a platform disappears in between', async () => {
      const world = await startWaiting();
      const windows = await writeArtifact(world.folder, WINDOWS);
      const way = world.connect();
      const [draft] = await world.releases();
      const list = way.publisher.client.listReleasePage.bind(way.publisher.client);
      way.publisher.client.listReleasePage = async (appId, query) => {
        const { releases, ...page } = await list(appId, query);
        const added = { ...WINDOWS, file_size: 1, sha256: windows.sha256, signature: '' };
        return {
          ...page,
          releases: releases.map((release) => ({
            ...release,
            artifacts: [...(release.artifacts ?? []), added],
          })),
        };
      };
      expect((await finish(world, { release: draft?.id ?? '' }, way)).outcome).toMatchObject({ status: 422 });
      expect(await world.offered(LINUX)).toBeUndefined();
    });
  });

  test('field 3: that a job still uploads into is finished only where a list leaves that out', async () => {
    const world = await startWithDraft();
    const { client } = world.connect().publisher;
    const [draft] = await world.releases();
    await client.createArtifact(world.app.id, draft?.id ?? '', { ...WINDOWS, file_size: 7, signature: 's' });
    const { outcome, transport } = await finish(world);
    expect(outcome).toMatchObject({ code: 'preflight_refused', issueIds: ['release.uploading'] });
    expect(transport.writes).toEqual([]);
    const { publisher, ...rest } = world.connect();
    const read = publisher.client.getApp.bind(publisher.client);
    publisher.client.getApp = async (...args) => ({ ...(await read(...args)), scopes: ['release:read'] });
    expect((await finish(world, {}, { publisher, ...rest })).outcome).toMatchObject({
      code: 'unauthorized',
      issueIds: ['release.uploading', 'server.token_scope'],
    });
    expect((await finish(world, { configured: ['windows-x86_64'] })).outcome).toMatchObject({
      issueIds: ['release.incomplete'],
    });
    expect((await finish(world, { expect: ['linux-x86_64'] })).outcome).toMatchObject({
      status: 'published',
    });
  });

  test('that another job adds to at that moment goes live with all its files', async () => {
    const world = await startWithDraft();
    const windows = await writeArtifact(world.folder, WINDOWS);
    const way = wayWhere(world, atGoingLive, () => world.run({ artifacts: [windows], draft: true }));
    expect((await finish(world, {}, way)).outcome).toMatchObject({ status: 'published' });
    expect(await world.offered(WINDOWS)).toBe('1.2.0');
  });

  test('that was finished by a killed run is only verified by the next run', async () => {
    const world = await startWithDraft();
    const way = world.connect();
    way.transport.after = (request) => {
      if (atGoingLive(request)) throw new Error('killed');
    };
    expect((await finish(world, {}, way)).outcome).toMatchObject({ message: 'killed' });
    expect((await finish(world)).outcome).toMatchObject({
      status: 'unchanged',
      artifacts: [{ verified: true }, { verified: true }, { verified: true }],
    });
  });
});

describe('files are added to a draft', () => {
  test('by a publish that then makes it live, with all its files', async () => {
    const world = await startWithDraft();
    const windows = await writeArtifact(world.folder, WINDOWS);
    expect((await world.run({ artifacts: [windows] })).outcome).toMatchObject({ status: 'published' });
    expect(await world.offered(MAC)).toBe('1.2.0');
  });

  test('but not if they differ from files that it has', async () => {
    const world = await startWithDraft();
    const changed = await writeArtifact(world.folder, MAC);
    const { outcome, transport } = await world.run({ artifacts: [changed], draft: true });
    expect(outcome).toMatchObject({ code: 'conflict', message: expect.stringContaining('darwin-aarch64') });
    expect(transport.writes).toEqual([]);
  });

  test('while another job finishes it, and the release is reported as live and verified', async () => {
    const world = await startWithDraft();
    const windows = await writeArtifact(world.folder, WINDOWS);
    const way = wayWhere(world, atUploadUrl, () => finish(world));
    expect((await world.run({ artifacts: [windows], draft: true }, way)).outcome).toMatchObject({
      status: 'draft',
      release: { status: 'published' },
      artifacts: [{ ...WINDOWS, verified: true }],
    });
  });

  test('but not once it is live', async () => {
    const world = await startWithDraft();
    await finish(world);
    const windows = await writeArtifact(world.folder, WINDOWS);
    const { outcome } = await world.run({ artifacts: [windows], draft: true });
    expect(outcome).toMatchObject({ code: 'conflict', issueIds: ['release.live'] });
    expect(await world.offered(WINDOWS)).toBeUndefined();
  });
});

test('a release that does not exist cannot be finished', async () => {
  const world = await startPublishWorld([]);
  expect((await finish(world)).outcome).toMatchObject({
    code: 'usage',
    message: 'the app has no release 1.2.0',
  });
});

test('on a server without drafts nothing can be finished', async () => {
  const publisher = publisherOver(new ScriptedTransport(...new BaseServer().handlers));
  await expect(finishRelease(publisher, { release: '1.2.0', concurrency: 1 })).rejects.toMatchObject({
    code: 'preflight_refused',
    message: expect.stringContaining('drafts'),
  });
});
