import { describe, expect, test } from 'vitest';
import { finishRelease } from '../../../../src/publish/finish-release.ts';
import {
  atCheck,
  atDownload,
  atGoingLive,
  atUpload,
  atUploadUrl,
} from '../../../support/network/request-points.ts';
import { type PublishWorld, startPublishWorld, wayWhere } from '../../../support/publish/publish-world.ts';
import { LINUX, MAC } from '../../../support/tauri/local-file.ts';

async function withdraw(world: PublishWorld, how: 'delete' | 'yank', version: string): Promise<void> {
  const { client, appId } = world.connect().publisher;
  const { id = '' } = (await world.releases()).find((release) => release.version === version) ?? {};
  if (how === 'delete') await client.deleteRelease(appId, id);
  else await client.updateRelease(appId, id, { status: 'yanked' });
}

describe('a release that someone deletes', () => {
  test.each([
    ['an upload URL is requested', atUploadUrl],
    ['a file is uploaded', atUpload],
    ['it goes live', atGoingLive],
    ['it is verified', atCheck],
    ['its files are downloaded to be verified', atDownload],
  ])('before %s is reported as deleted, and published by a re-run', async (_, isThis) => {
    const world = await startPublishWorld([LINUX, MAC]);
    const way = wayWhere(world, isThis, () => withdraw(world, 'delete', '1.2.0'));
    const { outcome } = await world.run({ concurrency: 1 }, way);
    expect(outcome).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^1\.2\.0 was deleted/),
    });
    expect((await world.run()).outcome).toMatchObject({ status: 'published' });
  });

  test('with expected platforms, before its uploads are announced, is reported as deleted', async () => {
    const world = await startPublishWorld([LINUX]);
    const way = wayWhere(world, atUploadUrl, () => withdraw(world, 'delete', '1.2.0'));
    const { outcome } = await world.run({ expect: ['linux-x86_64', 'darwin-aarch64'] }, way);
    expect(outcome).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^1\.2\.0 was deleted/),
    });
  });

  test('before it is checked for being live is reported as deleted', async () => {
    const world = await startPublishWorld([LINUX]);
    const way = world.connect();
    way.transport.after = async (request) => {
      if (atUpload(request)) await withdraw(world, 'delete', '1.2.0');
    };
    const { outcome } = await world.run({ expect: ['linux-x86_64', 'darwin-aarch64'] }, way);
    expect(outcome).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^1\.2\.0 was deleted/),
    });
  });

  test('while it is finished is reported as deleted', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run({ draft: true });
    const { publisher } = wayWhere(world, atGoingLive, () => withdraw(world, 'delete', '1.2.0'));
    await expect(finishRelease(publisher, { release: '1.2.0', concurrency: 1 })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^1\.2\.0 was deleted/),
    });
  });
});

describe('a release that someone yanks', () => {
  test.each([
    ['an upload URL is requested', atUploadUrl],
    ['a file is uploaded', atUpload],
    ['it is verified', atCheck],
  ])('before %s is reported as yanked, not as published', async (_, isThis) => {
    const world = await startPublishWorld([LINUX, MAC]);
    await world.run({ artifacts: world.artifacts.slice(0, 1) });
    const way = wayWhere(world, isThis, () => withdraw(world, 'yank', '1.2.0'));
    const { outcome, publisher } = await world.run({ concurrency: 1 }, way);
    expect(outcome).toMatchObject({ code: 'conflict', message: '1.2.0 is yanked' });
    expect(await world.offered(LINUX)).toBeUndefined();
    expect(publisher.waits.every((ms) => ms >= 1000)).toBe(true);
  });

  test('after another job made it live, and before this one does, is reported as yanked', async () => {
    const world = await startPublishWorld([LINUX, MAC]);
    const way = wayWhere(world, atGoingLive, async () => {
      await finishRelease(world.connect().publisher, { release: '1.2.0', concurrency: 1 });
      await withdraw(world, 'yank', '1.2.0');
    });
    const { outcome } = await world.run({}, way);
    expect(outcome).toMatchObject({ code: 'conflict', message: '1.2.0 is yanked' });
  });

  test('cannot be finished', async () => {
    const world = await startPublishWorld([LINUX]);
    await world.run();
    await withdraw(world, 'yank', '1.2.0');
    const outcome = finishRelease(world.connect().publisher, { release: '1.2.0', concurrency: 1 });
    await expect(outcome).rejects.toMatchObject({ code: 'conflict', message: '1.2.0 is yanked' });
  });
});
