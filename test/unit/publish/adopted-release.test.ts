import { expect, test } from 'vitest';
import type { PublishRequest } from '../../../src/publish/publish.ts';
import { atCreation } from '../../support/network/request-points.ts';
import { startPublishWorld, wayWhere } from '../../support/publish/publish-world.ts';
import { LINUX, MAC } from '../../support/tauri/local-file.ts';

/*
 * Two jobs at the same second: both have seen that the version is not there, and the other one is quicker to create it.
 */

const LINUX_AND_MAC = ['linux-x86_64', 'darwin-aarch64'];

/** Publishes Linux so, while another job has just published the Mac's file in another way. */
async function publishWhereAnother(other: Partial<PublishRequest>, mine: Partial<PublishRequest>) {
  const world = await startPublishWorld([LINUX, MAC]);
  const way = wayWhere(world, atCreation, () => world.run({ artifacts: world.filesOf(MAC), ...other }));
  const { outcome } = await world.run({ artifacts: world.filesOf(LINUX), ...mine }, way);
  return { world, outcome, wrote: way.transport.writes.filter((call) => /artifacts$|publish$/.test(call)) };
}

test.each<[string, Partial<PublishRequest>, Partial<PublishRequest>, string]>([
  ['in another channel', { channel: 'beta' }, {}, 'release.other_channel'],
  ['for everyone', {}, { channel: 'beta' }, 'release.other_channel'],
  ['live, if this one is to leave a draft,', {}, { draft: true }, 'release.live'],
  [
    'without the platforms that this one expects',
    { draft: true },
    { expect: LINUX_AND_MAC },
    'release.waits_for_request',
  ],
  [
    'with other expected platforms',
    { expect: ['darwin-aarch64', 'windows-x86_64'] },
    { expect: LINUX_AND_MAC },
    'release.waits_for_others',
  ],
  [
    'to go live by itself, if this one is to leave a draft,',
    { expect: LINUX_AND_MAC },
    { draft: true },
    'release.waits_for_platforms',
  ],
])('a release that another job created %s is not added to', async (_, other, mine, id) => {
  const { world, outcome, wrote } = await publishWhereAnother(other, mine);
  expect(outcome).toMatchObject({ code: 'conflict', issueIds: [id] });
  expect(wrote).toEqual([]);
  expect(await world.releases()).toMatchObject([{ version: '1.2.0', artifacts: [{ target: 'darwin' }] }]);
});

test.each<[string, Partial<PublishRequest>, Partial<PublishRequest>, string]>([
  ['a plain one', {}, {}, 'published'],
  ['a draft', { draft: true }, { draft: true }, 'draft'],
  ['a draft, if this one is not to leave a draft', { draft: true }, {}, 'published'],
  [
    'one with the same expected platforms',
    { expect: LINUX_AND_MAC },
    { expect: LINUX_AND_MAC.toReversed() },
    'published',
  ],
  ['one with expected platforms, if this one names none', { expect: LINUX_AND_MAC }, {}, 'published'],
])('a release that another job created is added to: %s', async (_, other, mine, status) => {
  const { world, outcome } = await publishWhereAnother(other, mine);
  expect(outcome).toMatchObject({ status });
  expect(outcome.artifacts[0]).toMatchObject({ ...LINUX, action: 'upload' });
  expect(await world.releases()).toMatchObject([
    { version: '1.2.0', artifacts: [{ target: 'darwin' }, { target: 'linux' }] },
  ]);
});
