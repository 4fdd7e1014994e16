import { describe, expect, test } from 'vitest';
import {
  type CopyTarget,
  checkCopyPreconditions,
  verifiedKeys,
} from '../../../src/copy/copy-preconditions.ts';
import { completeArtifacts, snapshotDigest } from '../../../src/copy/snapshot.ts';
import type { Snapshot } from '../../../src/database/queries/snapshot.ts';
import { openFilledStore } from '../../support/server/filled-store.ts';

const PLACE = 's3://bucket/prefix';

/** A database that a finished copy put a snapshot into. */
function copyOf(snapshot: Snapshot): CopyTarget {
  const digest = snapshotDigest(snapshot, { withPending: false });
  return { snapshot, copy: { state: 'done', digest }, place: PLACE };
}

const conflict = (message: RegExp) =>
  expect.objectContaining({ code: 'conflict', message: expect.stringMatching(message) });

describe('a copy of the store', () => {
  test('is the same, and differs once the store has something new', async () => {
    const { store, snapshot } = await openFilledStore();
    const source = await snapshot();
    expect(checkCopyPreconditions(source, copyOf(source), PLACE)).toBe('same');
    await store.release('3.0.0');
    expect(checkCopyPreconditions(await snapshot(), copyOf(source), PLACE)).toBe('differs');
  });

  test('is refused when it has changed since: by a release, or by an upload that was granted there', async () => {
    const { store, snapshot } = await openFilledStore();
    const source = await snapshot();
    const target = copyOf(source);
    const upload = await store.grant(await store.release('3.0.0'));
    const changed = await snapshot();
    const check = (now: Snapshot) => () =>
      checkCopyPreconditions(source, { ...target, snapshot: now }, PLACE);
    expect(check(changed)).toThrow(conflict(/changed since/));
    const granted = changed.artifacts.filter(({ id }) => id === upload);
    expect(check({ ...source, artifacts: [...source.artifacts, ...granted] })).toThrow(
      conflict(/changed since/),
    );
  });

  test('is refused when it is a later state than the source', async () => {
    const { store, snapshot } = await openFilledStore();
    const source = await snapshot();
    await store.publish(await store.release('3.0.0'));
    const later = copyOf(await snapshot());
    expect(() => checkCopyPreconditions(source, later, PLACE)).toThrow(conflict(/a later state of this one/));
  });

  test('is accepted when a server has forgotten a pending upload there', async () => {
    const { snapshot } = await openFilledStore();
    const source = await snapshot();
    const forgotten = { ...source, artifacts: completeArtifacts(source) };
    const target = { ...copyOf(source), snapshot: forgotten };
    expect(checkCopyPreconditions(source, target, PLACE)).toBe('differs');
  });

  test('is refused when its artifacts are in another place', async () => {
    const { snapshot } = await openFilledStore();
    const source = await snapshot();
    const check = () => checkCopyPreconditions(source, copyOf(source), 's3://other');
    expect(check).toThrow(conflict(/are in s3:\/\/bucket\/prefix, not in s3:\/\/other/));
  });
});

describe('a database', () => {
  const nothing = (snapshot: Snapshot): Snapshot => ({
    ...snapshot,
    ...{ apps: [], slugs: [], tokens: [], releases: [], artifacts: [], published_bytes: [] },
  });

  test('is accepted while it is empty, also after an interrupted copy', async () => {
    const source = await (await openFilledStore()).snapshot();
    for (const copy of [undefined, { state: 'started' }] as const) {
      const target = { snapshot: nothing(source), copy, place: undefined };
      expect(checkCopyPreconditions(source, target, PLACE)).toBe('differs');
      expect(verifiedKeys(target)).toEqual(new Set());
    }
  });

  test('is refused with apps that are not a copy', async () => {
    const source = await (await openFilledStore()).snapshot();
    const target = { snapshot: source, copy: undefined, place: undefined };
    expect(() => checkCopyPreconditions(source, target, PLACE)).toThrow(conflict(/already has apps/));
  });
});

test('the files of a finished copy count as verified', async () => {
  const source = await (await openFilledStore()).snapshot();
  const keys = completeArtifacts(source).map(({ storage_key }) => storage_key);
  expect(verifiedKeys(copyOf(source))).toEqual(new Set(keys));
});
