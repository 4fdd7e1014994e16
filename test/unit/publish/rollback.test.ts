import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../src/errors.ts';
import {
  atCheck,
  atCreation,
  atDownload,
  atGoingLive,
  atRedirect,
  atUpload,
  atUploadUrl,
  type Point,
} from '../../support/network/request-points.ts';
import {
  type PublishWorld,
  startPublishWorld,
  type Way,
  wayWhere,
} from '../../support/publish/publish-world.ts';
import { DEB, LINUX, MAC, WINDOWS } from '../../support/tauri/local-file.ts';

const MINE = [LINUX, DEB, WINDOWS];
const FAILED = new OtaError('not_the_api', 'something else answered');

/** A way to the server on which one kind of request always fails, before the server sees it or after it did. */
function failingWay(world: PublishWorld, isThis: Point, at: 'before' | 'after'): Way {
  const way = world.connect();
  way.transport[at] = (request) => {
    if (isThis(request)) throw FAILED;
  };
  return way;
}

const STAYS = '1.2.0 was not rolled back: this run may not have created it';

function warningsOf({ publisher }: Way): string[] {
  return publisher.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
}

const STEPS: [string, Point, string][] = [
  ['an upload URL', atUploadUrl, FAILED.code],
  ['an upload', atUpload, FAILED.code],
  ['going live', atGoingLive, FAILED.code],
  ['a check', atCheck, FAILED.code],
  ['a redirect', atRedirect, 'verification_failed'],
  ['a download', atDownload, 'verification_failed'],
];

describe.each(['before', 'after'] as const)('a publish that is to be rolled back, and fails %s', (at) => {
  test.each(STEPS)('%s, leaves nothing of this run', async (_, isThis, code) => {
    const world = await startPublishWorld(MINE);
    const way = failingWay(world, isThis, at);
    const { outcome } = await world.run({ rollbackOnFailure: true }, way);
    expect(outcome).toMatchObject({ code });
    expect(way.publisher.events.at(-1)).toMatchObject({ type: 'rolled_back', release: { version: '1.2.0' } });
    expect(await world.releases()).toEqual([]);
    for (const platform of MINE) expect(await world.offered(platform)).toBeUndefined();
    // And the same files can be published at once.
    expect((await world.run({ rollbackOnFailure: true })).outcome).toMatchObject({ status: 'published' });
  });

  test.each(STEPS)('%s, leaves files that another job added to its release', async (_, isThis, code) => {
    const world = await startPublishWorld([...MINE, MAC]);
    const way = failingWay(world, isThis, at);
    const { before } = way.transport;
    let added = false;
    way.transport.before = async (request) => {
      if (!added && atUploadUrl(request)) {
        added = true;
        expect((await world.run({ artifacts: world.filesOf(MAC) })).outcome).toMatchObject({
          status: 'published',
        });
      }
      await before(request);
    };
    const { outcome } = await world.run({ artifacts: world.filesOf(...MINE), rollbackOnFailure: true }, way);
    expect(outcome).toMatchObject({ code });
    expect(warningsOf(way)).toContainEqual('1.2.0 was not rolled back: another job uploaded darwin-aarch64');
    expect(await world.offered(MAC)).toBe('1.2.0');
  });

  test.each(STEPS)('%s, leaves earlier releases', async (_, isThis) => {
    const world = await startPublishWorld(MINE);
    await world.run({ version: '1.1.0' });
    await world.run({ version: '1.2.0', rollbackOnFailure: true }, failingWay(world, isThis, at));
    expect(await world.releases()).toMatchObject([{ version: '1.1.0', status: 'published' }]);
    for (const platform of MINE) expect(await world.offered(platform)).toBe('1.1.0');
  });
});

test('a failed verification does not advise to delete a release that was rolled back', async () => {
  const hintAfter = async (rollbackOnFailure: boolean) => {
    const world = await startPublishWorld(MINE);
    const { outcome } = await world.run({ rollbackOnFailure }, failingWay(world, atDownload, 'before'));
    expect(outcome).toMatchObject({ code: 'verification_failed' });
    return (outcome as OtaError).hint;
  };
  expect(await hintAfter(false)).toContain('delete the release');
  expect(await hintAfter(true)).toContain('run the same command again');
  expect(await hintAfter(true)).not.toContain('delete the release');
});

describe('nothing is rolled back', () => {
  test('without --rollback-on-failure', async () => {
    const world = await startPublishWorld(MINE);
    await world.run({}, failingWay(world, atGoingLive, 'before'));
    expect(await world.releases()).toMatchObject([{ version: '1.2.0', status: 'draft' }]);
  });

  test('of a release that existed before', async () => {
    const world = await startPublishWorld([LINUX, MAC]);
    await world.run({ artifacts: world.filesOf(LINUX) });
    const way = failingWay(world, atCheck, 'before');
    const { outcome } = await world.run({ rollbackOnFailure: true }, way);
    expect(outcome).toMatchObject({ code: 'not_the_api' });
    expect(warningsOf(way)).toContainEqual(STAYS);
    expect(await world.offered(LINUX)).toBe('1.2.0');
  });

  test('of a release that another job created first', async () => {
    const world = await startPublishWorld([LINUX]);
    const way = wayWhere(world, atCreation, () =>
      world.connect().publisher.client.createRelease(world.app.id, { version: '1.2.0', draft: true }),
    );
    way.transport.after = (request) => {
      if (atUpload(request)) throw FAILED;
    };
    const { outcome } = await world.run({ rollbackOnFailure: true }, way);
    expect(outcome).toMatchObject({ code: 'not_the_api' });
    expect(warningsOf(way)).toContainEqual(STAYS);
    expect(await world.releases()).toMatchObject([{ version: '1.2.0', status: 'draft' }]);
  });

  test('of a release that may be another job’s, because the response to its creation was lost', async () => {
    const world = await startPublishWorld([LINUX]);
    const way = failingWay(world, atUpload, 'after');
    const { after } = way.transport;
    way.transport.after = (request) => {
      if (atCreation(request)) throw new OtaError('network', 'the answer was lost');
      return after(request);
    };
    await world.run({ rollbackOnFailure: true }, way);
    expect(warningsOf(way)).toContainEqual(STAYS);
    expect(await world.releases()).toMatchObject([{ version: '1.2.0', status: 'draft' }]);
  });

  test('if another job adds to the release at the same moment', async () => {
    const world = await startPublishWorld([LINUX, MAC]);
    const way = wayWhere(
      world,
      ({ method }) => method === 'DELETE',
      () => world.run({ artifacts: world.filesOf(MAC) }),
    );
    way.transport.after = (request) => {
      if (atGoingLive(request)) throw FAILED;
    };
    await world.run({ artifacts: world.filesOf(LINUX), rollbackOnFailure: true }, way);
    expect(warningsOf(way)).toContainEqual('1.2.0 was not rolled back: another job has added files');
    expect(await world.offered(MAC)).toBe('1.2.0');
  });

  test('by a token that may no longer delete: the failure is the error, and what stays is a warning', async () => {
    const world = await startPublishWorld([LINUX]);
    const way = world.connect();
    way.transport.before = async (request) => {
      if (!atCheck(request)) return;
      const { queries } = world.server.database;
      await queries.updateTable('tokens').set({ scopes: 'release:read release:write' }).execute();
      throw FAILED;
    };
    const { outcome } = await world.run({ rollbackOnFailure: true }, way);
    expect(outcome).toBe(FAILED);
    expect(warningsOf(way)).toContainEqual(expect.stringMatching(/^1\.2\.0 could not be rolled back: /));
    expect(await world.offered(LINUX)).toBe('1.2.0');
  });

  test('if the run is interrupted', async () => {
    const world = await startPublishWorld([LINUX]);
    const interruption = new AbortController();
    const way = world.connect();
    way.transport.before = (request) => {
      if (atUpload(request)) interruption.abort();
      interruption.signal.throwIfAborted();
    };
    const publisher = { ...way.publisher, signal: interruption.signal };
    const { outcome } = await world.run({ rollbackOnFailure: true }, { ...way, publisher });
    expect(outcome).toMatchObject({ name: 'AbortError' });
    expect(way.transport.writes.filter((call) => call.startsWith('DELETE'))).toEqual([]);
    expect(await world.releases()).toMatchObject([{ version: '1.2.0', status: 'draft' }]);
  });
});

test('a release with expected platforms is rolled back by the job that created it, and created again by the others', async () => {
  const world = await startPublishWorld([LINUX, MAC]);
  const expected = { expect: ['linux-x86_64', 'darwin-aarch64'] };
  const failing = { ...expected, artifacts: world.filesOf(LINUX), rollbackOnFailure: true };
  await world.run(failing, failingWay(world, atUpload, 'after'));
  expect(await world.releases()).toEqual([]);
  await world.run({ ...expected, artifacts: world.filesOf(MAC) });
  expect((await world.run({ ...expected, artifacts: world.filesOf(LINUX) })).outcome).toMatchObject({
    status: 'published',
  });
});
