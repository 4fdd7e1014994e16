import { describe, expect, test } from 'vitest';
import {
  completeArtifacts,
  countPendingUploads,
  descendsFrom,
  describeArtifact,
  snapshotDigest,
} from '../../../src/copy/snapshot.ts';
import { deleteApp, freeSlug, setSlug } from '../../../src/database/queries/apps.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { SNAPSHOT_TABLES } from '../../../src/database/queries/snapshot.ts';
import { by } from '../../support/server/by.ts';
import { openFilledStore } from '../../support/server/filled-store.ts';
import { StoreWithApp } from '../../support/server/store-with-app.ts';

const ALL = { withPending: true };

describe('the digest of a snapshot', () => {
  test.each(SNAPSHOT_TABLES)(
    'changes with any value of %s, and not with the order of rows',
    async (table) => {
      const { snapshot } = await openFilledStore();
      const taken = await snapshot();
      const digest = snapshotDigest(taken, ALL);
      const [first, ...rest] = taken[table] as readonly object[];
      for (const column of Object.keys(first ?? {})) {
        const changed = { ...taken, [table]: [{ ...first, [column]: 'x' }, ...rest] };
        expect(snapshotDigest(changed, ALL), column).not.toBe(digest);
      }
      expect(snapshotDigest({ ...taken, [table]: rest }, ALL)).not.toBe(digest);
      expect(snapshotDigest({ ...taken, [table]: [...rest, first] }, ALL)).toBe(digest);
    },
  );

  test('counts pending uploads only on request', async () => {
    const { snapshot } = await openFilledStore();
    const taken = await snapshot();
    const withoutPending = { ...taken, artifacts: completeArtifacts(taken) };
    expect(countPendingUploads(taken)).toBe(1);
    expect(snapshotDigest(withoutPending, ALL)).not.toBe(snapshotDigest(taken, ALL));
    const complete = { withPending: false };
    expect(snapshotDigest(withoutPending, complete)).toBe(snapshotDigest(taken, complete));
  });
});

describe('a later state of a store', () => {
  test('descends from an earlier one, and not the other way round', async () => {
    const { store, snapshot } = await openFilledStore();
    const earlier = await snapshot();
    await store.publish(await store.release('3.0.0'));
    const later = await snapshot();
    expect(descendsFrom(later, earlier)).toBe(true);
    expect(descendsFrom(earlier, later)).toBe(false);
  });

  test('descends from one with releases that it has deleted', async () => {
    const { store, snapshot } = await openFilledStore();
    const earlier = await snapshot();
    const [release] = earlier.releases;
    await deleteRelease(store.db, { appId: store.appId, releaseId: release?.id ?? '' }, { by: by() });
    expect(descendsFrom(await snapshot(), earlier)).toBe(true);
  });

  test('field 6: descends from one with apps and slugs that were deleted, renamed and freed since', async () => {
    const { database, store, snapshot } = await openFilledStore();
    const { appId: gone } = await StoreWithApp.in(database, 'gone');
    const now = new Date();
    const states = [await snapshot()];
    const freeOfDeleted = () => freeSlug(store.db, 'gone', by());
    const steps = [
      () => setSlug(store.db, { appId: store.appId, slug: 'renamed' }, by(now)),
      () => freeSlug(store.db, 'my-app', by()),
      () => deleteApp(store.db, gone, by()),
      freeOfDeleted,
      () => StoreWithApp.in(database, 'gone'),
      () => setSlug(store.db, { appId: store.appId, slug: 'my-app' }, by(new Date(now.getTime() + 1))),
    ];
    for (const step of steps) {
      await step();
      states.push(await snapshot());
    }
    for (const [i, earlier] of states.entries()) {
      const later = states[i + 1] ?? earlier;
      expect([i, descendsFrom(later, earlier)]).toEqual([i, true]);
      // Only the slug of an app that is gone leaves no trace.
      const leavesTrace = later !== earlier && steps[i] !== freeOfDeleted;
      if (leavesTrace) expect([i, descendsFrom(earlier, later)]).toEqual([i, false]);
    }
  });

  test('does not descend from one with an app that it lacks', async () => {
    const { database, snapshot } = await openFilledStore();
    const before = await snapshot();
    await StoreWithApp.in(database, 'another');
    expect(descendsFrom(before, await snapshot())).toBe(false);
  });
});

test('an artifact is described by app, version and platform', async () => {
  const { snapshot } = await openFilledStore();
  const taken = await snapshot();
  const [artifact] = completeArtifacts(taken);
  if (artifact === undefined) throw new Error('it has artifacts');
  expect(describeArtifact(taken, artifact)).toBe('my-app 1.0.0 linux-x86_64');
  expect(describeArtifact(taken, { ...artifact, bundle_type: 'deb' })).toBe('my-app 1.0.0 linux-x86_64-deb');
  const custom = { ...artifact, target: 'windows-x86_64-kiosk' as const };
  expect(describeArtifact(taken, custom)).toBe('my-app 1.0.0 windows-x86_64-kiosk@x86_64');
  const withoutSlug = { ...taken, apps: taken.apps.map((app) => ({ ...app, slug: null })) };
  expect(describeArtifact(withoutSlug, artifact)).toBe('Test 1.0.0 linux-x86_64');
});
