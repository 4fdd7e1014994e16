import { describe, expect, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { createApp, findApp, listApps, setSlug } from '../../../src/database/queries/apps.ts';
import {
  findDownload,
  findStoredFile,
  findUpload,
  forgetDeleted,
  listDeleting,
} from '../../../src/database/queries/artifacts.ts';
import { holdExport, releaseExport } from '../../../src/database/queries/exported-apps.ts';
import { listReleases } from '../../../src/database/queries/list-releases.ts';
import { updateRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease, findRelease } from '../../../src/database/queries/releases.ts';
import {
  createToken,
  findValidToken,
  listTokens,
  revokeTokens,
} from '../../../src/database/queries/tokens.ts';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { by } from '../../support/server/by.ts';
import {
  HOUR,
  keyOf,
  LINUX,
  later,
  MAC,
  NOW,
  SHA_A,
  StoreWithApp,
} from '../../support/server/store-with-app.ts';
import { describeArtifactQueries } from './artifact-queries.contract.ts';
import { describePendingUploads } from './pending-uploads.contract.ts';

/** An empty store. It closes itself when the test is finished. */
export interface OpenStore {
  readonly database: Database;
  /** Opens the same store once more, as another process would. */
  openAgain(): Promise<Database>;
}

/** The counter once reading does not change it: notifications of earlier changes can still be on their way. */
async function settledCounter({ queries, changeCounter }: Database): Promise<number> {
  return vi.waitFor(async () => {
    const counter = changeCounter();
    for (let i = 0; i < 5; i++) {
      await findApp(queries, 'unknown');
      expect(changeCounter()).toBe(counter);
    }
    return counter;
  });
}

/** What the queries do on every engine. */
export function describeDatabase(name: string, open: () => Promise<OpenStore>): void {
  async function openWithApp(slug?: string) {
    const { database } = await open();
    const store = await StoreWithApp.in(database, slug);
    const newApp = async (ofSlug: string) => (await StoreWithApp.in(database, ofSlug)).appId;
    return { database, store, db: store.db, appId: store.appId, newApp };
  }

  describe(name, () => {
    describe('apps', () => {
      test('an app comes back as it was created', async () => {
        const { database } = await open();
        const app = await createApp(
          database.queries,
          { name: 'Ünïcode 🎉', slug: 'my-app', pubkey: 'key' },
          by(),
        );
        expect(app).toMatchObject({
          name: 'Ünïcode 🎉',
          slug: 'my-app',
          pubkey: 'key',
          createdAt: NOW.getTime(),
        });
        if (app === 'slug_taken') throw new Error(app);
        expect(await findApp(database.queries, app.id)).toEqual(app);
        expect(await findApp(database.queries, 'unknown')).toBeUndefined();
      });

      test('apps need no slug, and are listed oldest first', async () => {
        const { database } = await open();
        for (const [i, appName] of ['b', 'c', 'a'].entries())
          await createApp(database.queries, { name: appName }, by(later(i)));
        const apps = await listApps(database.queries);
        expect(apps.map((app) => [app.name, app.slug])).toEqual([
          ['b', null],
          ['c', null],
          ['a', null],
        ]);
      });

      test('a slug that another app has or had is taken, also for a new app; an app’s own slugs never are', async () => {
        const { db, appId, newApp } = await openWithApp('first');
        const otherId = await newApp('other');
        expect(await setSlug(db, { appId, slug: 'second' }, by())).toBe('set');
        for (const slug of ['first', 'second']) {
          expect(await setSlug(db, { appId: otherId, slug }, by())).toBe('slug_taken');
          expect(await createApp(db, { name: 'New', slug }, by())).toBe('slug_taken');
        }
        expect(await setSlug(db, { appId, slug: 'first' }, by())).toBe('set');
        expect((await findApp(db, appId))?.slug).toBe('first');
        expect(await listApps(db)).toHaveLength(2);
      });

      test('of two apps that want a slug at once, one gets it', async () => {
        const { db, appId, newApp } = await openWithApp('first');
        const otherId = await newApp('other');
        const outcomes = await Promise.all([
          setSlug(db, { appId, slug: 'new' }, by()),
          setSlug(db, { appId: otherId, slug: 'new' }, by()),
        ]);
        expect(outcomes.sort()).toEqual(['set', 'slug_taken']);
      });
    });

    describe('tokens', () => {
      const fields = { name: 'ci', scopes: [...SCOPES].slice(0, 2), expiresAt: later(HOUR) };

      test('a token is valid until it expires, and keeps its fields', async () => {
        const { db, appId } = await openWithApp();
        const { record, token } = await createToken(db, { appId, ...fields }, by());
        expect(record).toMatchObject({ appId, name: 'ci', scopes: fields.scopes, revokedAt: null });
        expect(await findValidToken(db, token, NOW)).toEqual(record);
        expect(await findValidToken(db, token, later(HOUR - 1))).toEqual(record);
        expect(await findValidToken(db, token, later(HOUR))).toBeUndefined();
      });

      test('a token without an expiry stays valid', async () => {
        const { db, appId } = await openWithApp();
        const { record, token } = await createToken(db, { appId, ...fields, expiresAt: null }, by());
        expect(await findValidToken(db, token, later(1e12))).toEqual(record);
      });

      test('a revoked token is not valid, and keeps the time when it was first revoked', async () => {
        const { db, appId } = await openWithApp();
        const { record, token } = await createToken(db, { appId, ...fields }, by());
        const kept = await createToken(db, { appId, ...fields }, by());
        expect(await revokeTokens(db, { id: record.id }, by(later(1)))).toMatchObject([{ id: record.id }]);
        expect(await revokeTokens(db, { id: record.id }, by(later(2)))).toEqual([]);
        expect(await revokeTokens(db, { id: 'unknown' }, by())).toEqual([]);
        expect(await findValidToken(db, token, NOW)).toBeUndefined();
        expect(await findValidToken(db, kept.token, NOW)).toEqual(kept.record);
        const listed = await listTokens(db, appId);
        expect(listed.find(({ id }) => id === record.id)?.revokedAt).toBe(later(1).getTime());
      });

      test('a token is found by its whole text only', async () => {
        const { db, appId } = await openWithApp();
        const { token } = await createToken(db, { appId, ...fields }, by());
        for (const other of ['', token.slice(0, -1), `${token}a`, token.toLowerCase(), ` ${token}`])
          expect(await findValidToken(db, other, NOW)).toBeUndefined();
      });

      test('tokens are listed by app, or all', async () => {
        const { db, appId, newApp } = await openWithApp();
        const otherId = await newApp('other');
        await createToken(db, { appId, ...fields }, by());
        await createToken(db, { appId: otherId, ...fields }, by());
        expect((await listTokens(db, appId)).map((token) => token.appId)).toEqual([appId]);
        expect(await listTokens(db)).toHaveLength(2);
      });
    });

    describe('releases', () => {
      test('a version is unique in its app by precedence, and free in others', async () => {
        const { db, appId, newApp } = await openWithApp();
        const otherId = await newApp('other');
        const create = (version: string, ofApp = appId) =>
          createRelease(db, { appId: ofApp, version, notes: 'n', signature: 's' }, by());
        const first = await create('1.0.0+a');
        expect(first).toMatchObject({
          version: '1.0.0+a',
          notes: 'n',
          signature: 's',
          pubDate: NOW.getTime(),
        });
        for (const version of ['1.0.0+a', '1.0.0', '1.0.0+b'])
          expect(await create(version)).toBe('version_taken');
        expect(await create('1.0.0-rc.1')).not.toBe('version_taken');
        expect(await create('1.0.0', otherId)).not.toBe('version_taken');
        if (typeof first === 'string') throw new Error(first);
        expect(await findRelease(db, { appId, releaseId: first.id })).toEqual(first);
        expect(await findRelease(db, { appId: otherId, releaseId: first.id })).toBeUndefined();
      });

      test('are listed highest first with their complete artifacts', async () => {
        const { database, store, db, appId } = await openWithApp();
        const [nine, ten] = [await store.release('1.9.0'), await store.release('1.10.0')];
        await store.release('1.10.0-rc.1');
        await (await StoreWithApp.in(database, 'other')).release('7.0.0');
        await store.complete(await store.grant(ten, MAC, { signature: 'of mac' }));
        await store.publish(nine, LINUX);
        await store.publish(nine, MAC);
        await store.grant(ten, LINUX);
        const listed = await listReleases(db, appId);
        expect(
          listed.map(({ version, artifacts }) => [version, artifacts.map(({ target }) => target)]),
        ).toEqual([
          ['1.10.0', ['darwin']],
          ['1.10.0-rc.1', []],
          ['1.9.0', ['darwin', 'linux']],
        ]);
        expect(listed[0]?.artifacts).toEqual([
          {
            ...MAC,
            ...{ signingKeyId: null, fileName: null, isLost: false, isOnlyByType: false },
            ...{ fileSize: 5, sha256: SHA_A, signature: 'of mac' },
          },
        ]);
      });

      test('a deleted one takes its uploads with it, and queues its bytes until they are removed', async () => {
        const { store, db, appId, newApp } = await openWithApp();
        const [first, second] = [await store.release('1.0.0'), await store.release('2.0.0')];
        const stored = await store.publish(first, LINUX);
        const pending = await store.grant(first, MAC);
        const other = await store.publish(second, LINUX);
        expect(
          await deleteRelease(db, { appId: await newApp('other'), releaseId: first }, { by: by() }),
        ).toEqual({
          kind: 'not_found',
        });
        expect(await listDeleting(db)).toEqual([]);

        expect(await deleteRelease(db, { appId, releaseId: first }, { by: by() })).toEqual({
          kind: 'deleted',
        });
        expect(await deleteRelease(db, { appId, releaseId: first }, { by: by() })).toEqual({
          kind: 'not_found',
        });
        expect(await findUpload(db, pending)).toBeUndefined();
        expect(await findUpload(db, stored)).toBeUndefined();
        expect(await findStoredFile(db, keyOf(stored))).toBeUndefined();
        expect(await findDownload(db, { slug: 'my-app', releaseId: first, platform: LINUX })).toBeUndefined();
        expect(await listDeleting(db)).toEqual([{ id: stored, storageKey: keyOf(stored) }]);

        await forgetDeleted(db, other);
        await forgetDeleted(db, stored);
        expect(await listDeleting(db)).toEqual([]);
        expect(await findStoredFile(db, keyOf(other))).toBeDefined();
      });
    });

    describe('the change counter', () => {
      test('changes at once after a commit by this process, and soon after one by another', async () => {
        const { database, openAgain } = await open();
        const other = await openAgain();
        const before = database.changeCounter();
        await StoreWithApp.in(database, 'first');
        expect(database.changeCounter()).not.toBe(before);
        const between = await settledCounter(database);
        await StoreWithApp.in(other, 'second');
        await vi.waitFor(() => expect(database.changeCounter()).not.toBe(between));
      });

      test('changes with the offers: with a new slug, and with a release that goes live or is deleted', async () => {
        const { database, openAgain } = await open();
        const store = await StoreWithApp.in(await openAgain());
        const { db, appId } = store;
        const releaseId = await store.release('1.0.0');
        const uploadId = await store.grant(releaseId);
        for (const change of [
          () => store.complete(uploadId),
          () => setSlug(db, { appId, slug: 'next-app' }, by()),
          () => updateRelease(db, { appId, releaseId }, { by: by(), status: 'yanked' }),
          () => deleteRelease(db, { appId, releaseId }, { by: by() }),
        ]) {
          const before = await settledCounter(database);
          await change();
          await vi.waitFor(() => expect(database.changeCounter()).not.toBe(before));
        }
      });

      test('field 15: rises only for the apps that change, in this process and in another', async () => {
        const { database, openAgain } = await open();
        const other = await openAgain();
        const store = await StoreWithApp.in(database, 'changed');
        const { appId: quiet } = await StoreWithApp.in(database, 'quiet');
        await settledCounter(database);
        await settledCounter(other);
        const counters = [database, other].map((each) => ({ each, before: each.changeCounter(quiet) }));
        for (const db of [database.queries, other.queries]) {
          const before = other.changeCounter(store.appId);
          const mine = database.changeCounter(store.appId);
          await setSlug(db, { appId: store.appId, slug: db === other.queries ? 'b' : 'a' }, by());
          await vi.waitFor(() => expect(other.changeCounter(store.appId)).toBeGreaterThan(before));
          await vi.waitFor(() => expect(database.changeCounter(store.appId)).toBeGreaterThan(mine));
        }
        await createToken(other.queries, { appId: quiet, name: 't', scopes: [], expiresAt: null }, by());
        await settledCounter(database);
        for (const { each, before } of counters) expect(each.changeCounter(quiet)).toBe(before);
      });

      test('field 15: rises for the app that a slug is taken from, and for one that is deleted', async () => {
        const { database, openAgain } = await open();
        const { queries } = await openAgain();
        const { appId } = await StoreWithApp.in(database);
        for (const change of [
          () => queries.deleteFrom('slugs').where('app_id', '=', appId).execute(),
          () => queries.deleteFrom('apps').where('id', '=', appId).execute(),
        ]) {
          await settledCounter(database);
          const before = database.changeCounter(appId);
          await change();
          await vi.waitFor(() => expect(database.changeCounter(appId)).toBeGreaterThan(before));
        }
      });

      test('stays the same while nothing is committed', async () => {
        const { database } = await open();
        await StoreWithApp.in(database);
        await settledCounter(database);
      });

      test('stays the same after a transaction that is rolled back', async () => {
        const { database } = await open();
        const before = database.changeCounter();
        const transaction = database.queries.transaction().execute(async (db) => {
          await db.insertInto('slugs').values({ slug: 's', app_id: 'unknown', created_at: 0 }).execute();
        });
        await expect(transaction).rejects.toThrow();
        expect(database.changeCounter()).toBe(before);
      });
    });

    describe('the lease of the export', () => {
      const at = (seconds: number, holder: string) => ({
        holder,
        now: new Date(NOW.getTime() + seconds * 1000),
        lifeMs: 60_000,
      });

      test('is one process’s until it expires or is released', async () => {
        const { queries } = (await open()).database;
        expect(await holdExport(queries, at(0, 'a'))).toBe(true);
        expect(await holdExport(queries, at(30, 'b'))).toBe(false);
        expect(await holdExport(queries, at(30, 'a'))).toBe(true);
        expect(await holdExport(queries, at(89, 'b'))).toBe(false);
        expect(await holdExport(queries, at(90, 'b'))).toBe(true);
        expect(await holdExport(queries, at(91, 'a'))).toBe(false);
        await releaseExport(queries, 'a');
        expect(await holdExport(queries, at(92, 'a'))).toBe(false);
        await releaseExport(queries, 'b');
        expect(await holdExport(queries, at(92, 'a'))).toBe(true);
      });

      test('is one’s of many that want it at once', async () => {
        const { queries } = (await open()).database;
        await holdExport(queries, at(0, 'before'));
        const wanting = Array.from({ length: 8 }, (_, n) => holdExport(queries, at(61, `${n}`)));
        expect((await Promise.all(wanting)).filter(Boolean)).toHaveLength(1);
      });
    });
  });

  describeArtifactQueries(name, open);
  describePendingUploads(name, open);
}
