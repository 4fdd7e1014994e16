import { describe, expect, test } from 'vitest';
import { forgetExpiredUploads } from '../../../src/database/queries/artifacts.ts';
import {
  acquireLease,
  findResumableUpload,
  findUploadState,
  isMultipartGrant,
  type LeasedUpload,
  type ResumableUpload,
  recordMultipart,
  releaseLease,
  renewLease,
  takeDuePolls,
  type UploadRefusal,
  uploadRefusal,
} from '../../../src/database/queries/pending-uploads.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { by } from '../../support/server/by.ts';
import {
  HOUR,
  LINUX,
  later,
  MAC,
  NOW,
  SHA_A,
  SHA_B,
  StoreWithApp,
} from '../../support/server/store-with-app.ts';
import type { OpenStore } from './database.contract.ts';

const SECOND = 1000;
const WAIT = 30 * SECOND;
/** A lease of half a minute that begins some milliseconds from now. */
const leaseAt = (milliseconds: number) => ({ now: later(milliseconds), until: later(milliseconds + 30_000) });

/** Acquires the lease of an upload that is free by then. */
async function acquire(
  db: Parameters<typeof acquireLease>[0],
  id: string,
  milliseconds = 0,
): Promise<LeasedUpload> {
  const lease = await acquireLease(db, id, leaseAt(milliseconds));
  if (lease === undefined) throw new Error(`${id} is not free`);
  return lease;
}

/** The part of `describeDatabase` about uploads that are polled for. */
export function describePendingUploads(name: string, open: () => Promise<OpenStore>): void {
  const openStore = async () => {
    const { database, openAgain } = await open();
    const store = await StoreWithApp.in(database);
    const releaseId = await store.release('1.0.0');
    const grant = (pollAt: Date | null, fields = {}) => store.grant(releaseId, LINUX, { pollAt, ...fields });
    const due = async (milliseconds: number, limit = 10) =>
      (await takeDuePolls(store.db, later(milliseconds), { limit, delayOf: () => WAIT })).map(({ id }) => id);
    return { store, database, db: store.db, releaseId, grant, due, openAgain };
  };

  describe(`${name}: uploads that are polled for`, () => {
    test('are due from their poll time on, the longest overdue first, up to the limit', async () => {
      const { grant, due } = await openStore();
      const second = await grant(later(2 * SECOND));
      const first = await grant(later(SECOND));
      await grant(null);
      expect(await due(SECOND - 1)).toEqual([]);
      expect(await due(SECOND)).toEqual([first]);
      const third = await grant(later(3 * SECOND));
      expect(await due(3 * SECOND, 1)).toEqual([second]);
      expect(await due(3 * SECOND)).toEqual([third]);
    });

    test('carry the times of their row', async () => {
      const { store, db, grant } = await openStore();
      const id = await grant(NOW);
      const upload = { id, createdAt: NOW, expiresAt: later(HOUR) };
      expect(await takeDuePolls(db, NOW, { limit: 10, delayOf: () => WAIT })).toEqual([
        { ...upload, appId: store.appId },
      ]);
      expect(await acquireLease(db, id, leaseAt(0))).toEqual({ ...upload, leasedUntil: later(30_000) });
    });

    test('are due again after a delay of their own, whatever the poll found', async () => {
      const { db, grant, due } = await openStore();
      const [soon, late] = [await grant(NOW), await grant(later(1))];
      const delayOf = ({ id }: { id: string }) => (id === soon ? SECOND : 2 * SECOND);
      const polls = await takeDuePolls(db, later(1), { limit: 10, delayOf });
      expect(polls.map(({ id }) => id)).toEqual([soon, late]);
      expect(await due(SECOND)).toEqual([]);
      expect(await due(SECOND + 1)).toEqual([soon]);
      expect(await due(2 * SECOND)).toEqual([]);
      expect(await due(2 * SECOND + 1)).toEqual([late]);
    });

    test('field 15: are taken from one app after the other, so that many of one do not delay the others', async () => {
      const { store, database, db, grant } = await openStore();
      for (let i = 0; i < 12; i++) await grant(NOW);
      const others = [await StoreWithApp.in(database, 'app-2'), await StoreWithApp.in(database, 'app-3')];
      for (const other of others) {
        const releaseId = await other.release('1.0.0');
        for (let i = 0; i < 3; i++) await other.grant(releaseId, LINUX, { pollAt: later(SECOND) });
      }
      const take = async (options: Partial<Parameters<typeof takeDuePolls>[2]>) => {
        const due = await takeDuePolls(db, later(SECOND), { limit: 100, delayOf: () => WAIT, ...options });
        return due.map(({ appId }) => appId);
      };
      const [first = '', second = '', third = ''] = [store, ...others].map(({ appId }) => appId).sort();
      expect(await take({ limitOf: () => 1 })).toEqual([first, second, third]);
      expect(await take({ limit: 1, after: first })).toEqual([second]);
      expect(await take({ limit: 1, after: third })).toEqual([first]);
      const ofOthers = await take({ limitOf: (id) => (id === store.appId ? 0 : 9) });
      expect(ofOthers).not.toContain(store.appId);
      const rest = await take({});
      expect(new Set(rest)).toEqual(new Set([store.appId]));
      expect(3 + 2 + ofOthers.length + rest.length).toBe(18);
      expect(await take({})).toEqual([]);
    });

    test('belong to one node while its lease lasts, and are not due until it ends', async () => {
      const { db, grant, due } = await openStore();
      const id = await grant(NOW);
      const lease = await acquire(db, id);
      expect(await due(29_999)).toEqual([]);
      expect(await acquireLease(db, id, leaseAt(29_999))).toBeUndefined();
      expect(await renewLease(db, lease, later(60_000))).toEqual({
        ...lease,
        leasedUntil: later(60_000),
      });
      expect(await due(59_999)).toEqual([]);
      expect(await due(60_000)).toEqual([id]);
    });

    test('cannot be renewed or released with a lease that ended and was acquired by another node', async () => {
      const { db, grant, due } = await openStore();
      const id = await grant(NOW);
      const slept = await acquire(db, id);
      const second = await acquire(db, id, 30_000);
      expect(await renewLease(db, slept, later(90_000))).toBeUndefined();
      await releaseLease(db, slept, {
        pollAt: later(30_001),
        refusal: { code: 'content_mismatch', detail: 'No.', errors: [] },
      });
      expect(await due(59_999)).toEqual([]);
      expect(await acquireLease(db, id, leaseAt(59_999))).toBeUndefined();
      expect(await uploadRefusal(db, id)).toBeUndefined();
      await releaseLease(db, second, { pollAt: later(40_000) });
      expect(await due(40_000)).toEqual([id]);
    });

    test('that are not due can be leased by id', async () => {
      const { db, grant, due } = await openStore();
      const id = await grant(later(HOUR));
      expect(await acquireLease(db, id, leaseAt(0))).toMatchObject({ id });
      expect(await due(2 * HOUR)).toEqual([id]);
      expect(await acquireLease(db, 'unknown', leaseAt(0))).toBeUndefined();
    });

    test('are due at the given time after their lease is released, with the reason of the last refusal', async () => {
      const { db, grant, due } = await openStore();
      const id = await grant(NOW);
      const refusal: UploadRefusal = {
        code: 'content_mismatch',
        detail: 'No.',
        errors: [{ field: 'sha256', message: 'is' }],
      };
      await releaseLease(db, await acquire(db, id), { pollAt: later(5 * SECOND), refusal });
      expect(await due(5 * SECOND - 1)).toEqual([]);
      expect(await due(5 * SECOND)).toEqual([id]);
      expect(await uploadRefusal(db, id)).toEqual(refusal);
      await releaseLease(db, await acquire(db, id, 5 * SECOND), { pollAt: later(6 * SECOND) });
      expect(await uploadRefusal(db, id)).toEqual(refusal);
    });

    test('are not due once they are complete, or their release is deleted', async () => {
      const { store, db, releaseId, grant, due } = await openStore();
      const id = await grant(NOW);
      const lease = await acquire(db, id);
      await store.complete(id);
      await store.grant(releaseId, MAC, { pollAt: NOW });
      await deleteRelease(db, { appId: store.appId, releaseId }, { by: by() });
      expect(await due(HOUR)).toEqual([]);
      expect(await renewLease(db, lease, later(HOUR))).toBeUndefined();
      await releaseLease(db, lease, { pollAt: NOW });
      expect(await uploadRefusal(db, id)).toBeUndefined();
    });

    test('are each taken by one of several nodes that poll at once', async () => {
      const { grant, openAgain } = await openStore();
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push(await grant(NOW));
      const others = await Promise.all([openAgain(), openAgain(), openAgain()]);
      const polls = await Promise.all(
        others.flatMap(({ queries }) =>
          [0, 1].map(() => takeDuePolls(queries, NOW, { limit: 20, delayOf: () => WAIT })),
        ),
      );
      expect(
        polls
          .flat()
          .map(({ id }) => id)
          .sort(),
      ).toEqual(ids.sort());
    });

    test('are found by their app and release only', async () => {
      const { store, db, releaseId, grant } = await openStore();
      const id = await grant(NOW, { sha256: SHA_A });
      const key = { appId: store.appId, releaseId, uploadId: id };
      expect(await findUploadState(db, key)).toEqual({
        status: 'pending',
        fileSize: 5,
        sha256: SHA_A,
        multipartId: null,
        channel: 'stable',
      });
      await store.complete(id, SHA_B);
      expect(await findUploadState(db, key)).toMatchObject({ status: 'complete', sha256: SHA_B });
      expect(await findUploadState(db, { ...key, uploadId: 'unknown' })).toBeUndefined();
      expect(await findUploadState(db, { ...key, appId: 'other' })).toBeUndefined();
      const other = await store.release('2.0.0');
      expect(await findUploadState(db, { ...key, releaseId: other })).toBeUndefined();
    });
  });

  describe(`${name}: multipart uploads`, () => {
    const parted = { fileSize: 5, sha256: SHA_A, signature: 'signature' };
    const record = (multipartId: string, before: string | null = null, expiresAt = later(HOUR)) => ({
      before,
      multipartId,
      expiresAt,
    });
    const openParted = async () => {
      const opened = await openStore();
      const { db, releaseId, grant } = opened;
      const id = await grant(NOW, parted);
      const find = (fields: Partial<ResumableUpload> = {}) =>
        findResumableUpload(db, { releaseId, ...LINUX, ...parted, ...fields });
      return { ...opened, id, find };
    };

    test('can be resumed once the id in the bucket is recorded', async () => {
      const { store, db, releaseId, id, find } = await openParted();
      expect(await find()).toBeUndefined();
      expect(await recordMultipart(db, id, record('m1'))).toBe(true);
      expect(await find()).toEqual({ id, multipartId: 'm1' });
      expect(await findUploadState(db, { appId: store.appId, releaseId, uploadId: id })).toMatchObject({
        status: 'pending',
        multipartId: 'm1',
      });
    });

    test.each<[string, Partial<ResumableUpload>]>([
      ['platform', MAC],
      ['bundle type', { bundleType: 'deb' }],
      ['size', { fileSize: 6 }],
      ['hash', { sha256: SHA_B }],
      ['signature', { signature: 'another' }],
      ['missing signature', { signature: null }],
      ['release', { releaseId: 'another' }],
    ])('that differ in their %s are not resumed', async (_, fields) => {
      const { db, id, find } = await openParted();
      await recordMultipart(db, id, record('m1'));
      expect(await find(fields)).toBeUndefined();
    });

    test('can be resumed without their own signature, and for a bundle type', async () => {
      const { db, grant, releaseId, store, find } = await openParted();
      const unsigned = await grant(NOW, { ...parted, signature: null });
      await recordMultipart(db, unsigned, record('m1'));
      expect(await find({ signature: null })).toEqual({ id: unsigned, multipartId: 'm1' });
      const deb = await store.grant(releaseId, { ...LINUX, bundleType: 'deb' }, parted);
      await recordMultipart(db, deb, record('m2'));
      expect(await find({ bundleType: 'deb' })).toEqual({ id: deb, multipartId: 'm2' });
    });

    test('expire later when they are recorded again', async () => {
      const { db, id, due } = await openParted();
      await recordMultipart(db, id, record('m1'));
      await due(0);
      await recordMultipart(db, id, record('m1', 'm1', later(3 * HOUR)));
      await forgetExpiredUploads(db, later(2 * HOUR));
      expect(await acquireLease(db, id, leaseAt(HOUR))).toMatchObject({ expiresAt: later(3 * HOUR) });
      await forgetExpiredUploads(db, later(4 * HOUR));
      expect(await recordMultipart(db, id, record('m1', 'm1'))).toBe(false);
    });

    test('that are started by several nodes at once keep the id that was recorded first', async () => {
      const { openAgain, id, db, find } = await openParted();
      const others = await Promise.all([openAgain(), openAgain(), openAgain()]);
      for (const before of [null, 'first'] as const) {
        const names = ['a', 'b', 'c'].map((letter) => `${letter} after ${before}`);
        const recorded = await Promise.all(
          others.map(({ queries }, i) => recordMultipart(queries, id, record(names[i] ?? '', before))),
        );
        expect(recorded.filter(Boolean)).toHaveLength(1);
        const winner = names[recorded.indexOf(true)] ?? '';
        expect(await find()).toEqual({ id, multipartId: winner });
        await recordMultipart(db, id, record('first', winner));
      }
    });

    test('can no longer be resumed or recorded once they are complete or their release is deleted', async () => {
      const { store, db, releaseId, id, find } = await openParted();
      await recordMultipart(db, id, record('m1'));
      const other = await store.grant(releaseId, MAC, parted);
      await recordMultipart(db, other, record('m2'));
      expect(await isMultipartGrant(db, id, 'm1')).toBe(true);
      expect(await isMultipartGrant(db, id, 'm2')).toBe(false);
      expect(await isMultipartGrant(db, 'unknown', 'm1')).toBe(false);
      await store.complete(id);
      expect(await find()).toBeUndefined();
      expect(await isMultipartGrant(db, id, 'm1')).toBe(false);
      expect(await recordMultipart(db, id, record('m3', 'm1'))).toBe(false);
      expect(await isMultipartGrant(db, other, 'm2')).toBe(true);
      await deleteRelease(db, { appId: store.appId, releaseId }, { by: by() });
      expect(await isMultipartGrant(db, other, 'm2')).toBe(false);
    });
  });
}
