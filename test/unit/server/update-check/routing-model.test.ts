import { describe, expect, test } from 'vitest';
import {
  changedVersions,
  knownVersions,
  type OfferChange,
  strandedByChange,
  strandedIn,
} from '../../../../src/database/queries/app-files.ts';
import { listReleases } from '../../../../src/database/queries/list-releases.ts';
import {
  readAllFiles,
  readFilesBesides,
  readRoutedFiles,
} from '../../../../src/database/queries/routed-files.ts';
import { routePlatforms } from '../../../../src/protocol/routing/route-platforms.ts';
import { stepFor } from '../../../../src/protocol/routing/update-steps.ts';
import { LOWEST_VERSION, nextVersion } from '../../../../src/protocol/version.ts';
import { times } from '../../../support/process/torture.ts';
import {
  EXTRA_VERSIONS,
  eachHistory,
  history,
  MANY_VERSIONS,
  type Operation,
  rotated,
  type World,
} from '../../../support/server/routing-world.ts';

/** Which releases are not offered, from the highest on. */
const HELD: readonly ((n: number) => boolean)[] = [
  (n) => n === 0,
  (n) => n < 3,
  (n) => n % 2 === 0,
  (n) => n === 1,
];
const heldIn = ({ length }: { readonly length: number }) => HELD[length % HELD.length] ?? (() => false);

/** What each version of the app is offered: as the files say that are read, and as all files say. */
async function requireSameOffers(world: World, held: readonly string[] = []): Promise<void> {
  const { db, appId } = world;
  const all = await readAllFiles(db, appId);
  const some =
    held.length === 0
      ? await readRoutedFiles(db, appId)
      : await readFilesBesides(db, appId, { held: held.map((version) => ({ version })) });
  const isHeld = ({ version }: { readonly version: string }) => held.includes(version);
  const [expected, found] = [all, some].map(({ live, known }) =>
    routePlatforms(live, knownVersions(known), { isHeld }),
  );
  expect([...(found?.keys() ?? [])].sort()).toEqual([...(expected?.keys() ?? [])].sort());
  const versions = [...MANY_VERSIONS, ...MANY_VERSIONS.map(nextVersion), ...EXTRA_VERSIONS, LOWEST_VERSION];
  for (const [channel, platforms] of expected ?? []) {
    for (const [name, steps] of platforms) {
      for (const version of versions) {
        const offerIn = (list: typeof steps) => {
          const release = stepFor(list, version)?.release;
          return release && [release.version, release.files.map(({ artifactId }) => artifactId).sort()];
        };
        const where = `${channel} ${name} ${version}`;
        expect(offerIn(found?.get(channel)?.get(name) ?? []), where).toEqual(offerIn(steps));
      }
    }
  }
}

/** Whether each change that could come next strands versions: as the files say that are read, and as all files say. */
async function requireSameStranding(world: World, changes: readonly OfferChange[]): Promise<void> {
  const { db, appId } = world;
  const all = await readAllFiles(db, appId);
  for (const change of changes) {
    const expected = await strandedIn(all, [change]);
    const found = await strandedIn(await readRoutedFiles(db, appId, changedVersions([change])), [change]);
    expect(found.length > 0, JSON.stringify(change)).toBe(expected.length > 0);
    expect(await strandedByChange(db, appId, change)).toEqual(expected);
  }
}

describe('field 14: the few files that are read decide as all of them would', () => {
  test.each([
    ['any history', history, times(25, 2000)],
    ['a history with one handover', rotated, times(5, 300)],
  ])('in %s', async (_, histories, runs) => {
    await eachHistory(
      async (world, operations) => {
        for (const [i, operation] of operations.entries()) {
          await world.apply(operation, true);
          if (i >= 8) await requireSameOffers(world);
        }
        await requireSameOffers(world);
        const versions = (await listReleases(world.db, world.appId)).map(({ version }) => version);
        await requireSameOffers(
          world,
          versions.filter((_, n) => heldIn(operations)(n)),
        );
        await requireSameStranding(world, await world.possibleChanges());
      },
      { histories, runs },
    );
  });
});

test('in any history no one is offered a paused release, or led where it cannot be taken later', async () => {
  const check = async (world: World, operations: readonly Operation[]) => {
    for (const operation of operations) await world.apply(operation, true);
    const before = await world.journeys();
    const paused = await world.setPaused(true, heldIn(operations));
    const during = await world.journeys();
    await world.setPaused(false, () => true);
    for (const [who, { isAtTop }] of before) {
      const { end = '' } = during.get(who) ?? {};
      const [channel, name, version] = who.split(' ');
      if (end !== version) expect(paused).not.toContain(end);
      if (isAtTop) expect(before.get(`${channel} ${name} ${end}`), who).toMatchObject({ isAtTop: true });
    }
  };
  await eachHistory(check, { histories: history, runs: times(6, 1000) });
});

test('field 1: in any history no version is offered what it cannot verify or is too low for', async () => {
  await eachHistory(async (world, operations) => {
    for (const operation of operations) {
      await world.apply(operation, true);
      await world.journeys();
    }
  });
});

test('field 1: in any history no version loses its way to the highest release', async () => {
  await eachHistory(async (world, operations) => {
    for (const operation of operations) {
      const before = await world.journeys();
      await world.apply(operation, false);
      for (const [who, journey] of await world.journeys()) {
        const hadWay = before.get(who)?.isAtTop ?? true;
        if (hadWay)
          expect(journey, `${who} after ${operation.kind} ${operation.version}`).toMatchObject({
            isAtTop: true,
          });
      }
    }
  });
});
