import { describe, expect, test } from 'vitest';
import { setSlug } from '../../../src/database/queries/apps.ts';
import {
  findDownload,
  findStoredFile,
  findUpload,
  forgetExpiredUploads,
  isComplete,
  publishedBytes,
} from '../../../src/database/queries/artifacts.ts';
import { allOffered, findOfferingApp, offerDetails } from '../../../src/database/queries/offers.ts';
import { recordOrphans } from '../../../src/database/queries/orphans.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { requireStoredNames } from '../../../src/database/queries/stored-names.ts';
import {
  addUrlSigningKey,
  currentUrlSigningKey,
  findUrlSigningKey,
  replaceUrlSigningKeys,
  rotateUrlSigningKeys,
} from '../../../src/database/queries/url-signing-keys.ts';
import { by } from '../../support/server/by.ts';
import {
  HOUR,
  keyOf,
  LINUX,
  later,
  MAC,
  NOW,
  SHA_A,
  SHA_B,
  StoreWithApp,
} from '../../support/server/store-with-app.ts';
import type { OpenStore } from './database.contract.ts';

/** The half of `describeDatabase` that is about artifacts, what is offered, and URL keys. */
export function describeArtifactQueries(name: string, open: () => Promise<OpenStore>): void {
  const openStore = async () => StoreWithApp.in((await open()).database);
  const revisionOf = async ({ db }: StoreWithApp) => (await findOfferingApp(db, 'my-app'))?.revision;

  describe(`${name}: artifacts`, () => {
    test('an upload is found with everything its bytes are checked against, and the release’s signature by default', async () => {
      const store = await openStore();
      const releaseId = await store.release('1.0.0+5');
      const plain = await store.grant(releaseId, MAC);
      const signed = await store.grant(releaseId, MAC, {
        signature: 'its own',
        sha256: SHA_B,
        fileSize: 2 ** 52,
      });
      const release = { releaseId, version: '1.0.0+5', mayGoLive: false, announcedBy: null };
      const common = { appId: store.appId, pubkey: null, requiresBoundSignature: false, ...release, ...MAC };
      expect(await findUpload(store.db, plain)).toEqual({
        ...common,
        id: plain,
        fileSize: 5,
        sha256: null,
        signature: 'of release',
      });
      expect(await findUpload(store.db, signed)).toEqual({
        ...common,
        id: signed,
        fileSize: 2 ** 52,
        sha256: SHA_B,
        signature: 'its own',
      });
      expect(await findUpload(store.db, 'unknown')).toBeUndefined();
    });

    test('field 11: a database that names files outside of the store is refused', async () => {
      const store = await openStore();
      await store.publish(await store.release('1.0.0'));
      await store.grant(await store.release('2.0.0'));
      await recordOrphans(store.db, [{ name: 'k'.repeat(100), kind: 'file' }], NOW);
      await requireStoredNames(store.db);
      for (const name of ['', '../a', 'a/b', 'a.b', 'a\nb', 'é', 'k'.repeat(101), 'nul', 'Com1']) {
        await recordOrphans(store.db, [{ name, kind: 'file' }], NOW);
        await expect(requireStoredNames(store.db), name).rejects.toMatchObject({ code: 'store_unavailable' });
        await store.db.deleteFrom('orphans').where('name', '=', name).execute();
      }
      await store.db
        .updateTable('artifacts')
        .set({ storage_key: '/a' })
        .where('status', '=', 'complete')
        .execute();
      await expect(requireStoredNames(store.db)).rejects.toMatchObject({ code: 'store_unavailable' });
    });

    test('a complete artifact is served by its key and by every slug the app has or had', async () => {
      const store = await openStore();
      const releaseId = await store.release('1.0.0');
      const uploadId = await store.grant(releaseId);
      expect(await isComplete(store.db, releaseId, LINUX)).toBe(false);
      expect(await findDownload(store.db, { slug: 'my-app', releaseId, platform: LINUX })).toBeUndefined();

      expect(await store.complete(uploadId)).toBe('completed');
      expect(await findUpload(store.db, uploadId)).toBe('complete');
      expect(await isComplete(store.db, releaseId, LINUX)).toBe(true);
      expect(await isComplete(store.db, releaseId, MAC)).toBe(false);
      await setSlug(store.db, { appId: store.appId, slug: 'next-app' }, by());
      const bytes = { storageKey: keyOf(uploadId), sha256: SHA_A, fileSize: 5, isLost: false };
      const named = {
        appId: store.appId,
        slug: 'next-app',
        version: '1.0.0',
        fileName: null,
        createdAt: NOW,
        defaultKinds: [''],
      };
      const file = { ...bytes, ...named, ...LINUX };
      expect(await findStoredFile(store.db, keyOf(uploadId))).toEqual(file);
      for (const slug of ['my-app', 'next-app'])
        expect(await findDownload(store.db, { slug, releaseId, platform: LINUX })).toMatchObject(file);
      expect(await findDownload(store.db, { slug: 'other', releaseId, platform: LINUX })).toBeUndefined();
      expect(await findDownload(store.db, { slug: 'my-app', releaseId, platform: MAC })).toBeUndefined();
      expect(
        await findDownload(store.db, { slug: 'my-app', releaseId: 'unknown', platform: LINUX }),
      ).toBeUndefined();
    });

    test('another app’s slug does not lead to a download', async () => {
      const { database } = await open();
      const store = await StoreWithApp.in(database);
      await StoreWithApp.in(database, 'other-app');
      const releaseId = await store.release('1.0.0');
      await store.publish(releaseId);
      expect(await findDownload(store.db, { slug: 'other-app', releaseId, platform: LINUX })).toBeUndefined();
    });

    test('of several uploads for one platform only the first to be complete is kept, also of two at once', async () => {
      const store = await openStore();
      const releaseId = await store.release('1.0.0');
      const uploads = await Promise.all([1, 2, 3].map(() => store.grant(releaseId)));
      const outcomes = await Promise.all(uploads.map((id) => store.complete(id)));
      expect(outcomes.toSorted()).toEqual(['completed', 'immutable', 'immutable']);
      const stored = uploads[outcomes.indexOf('completed')] ?? '';
      expect(await findDownload(store.db, { slug: 'my-app', releaseId, platform: LINUX })).toMatchObject({
        storageKey: keyOf(stored),
      });
    });

    test('nothing is completed that is not pending', async () => {
      const store = await openStore();
      const releaseId = await store.release('1.0.0');
      const deleted = await store.grant(releaseId);
      await deleteRelease(store.db, { appId: store.appId, releaseId }, { by: by() });
      expect(await store.complete(deleted)).toBe('gone');
      expect(await store.complete('unknown')).toBe('gone');
      expect(await findStoredFile(store.db, keyOf(deleted))).toBeUndefined();
    });

    test('a version that was live accepts only the same bytes, by precedence and platform, unless reuse is allowed', async () => {
      const store = await openStore();
      const first = await store.release('1.0.0+a');
      await store.publish(first, LINUX, SHA_A);
      await deleteRelease(store.db, { appId: store.appId, releaseId: first }, { by: by() });
      expect(await publishedBytes(store.db, { appId: store.appId, version: '1.0.0+b' }, LINUX)).toBe(SHA_A);
      expect(await publishedBytes(store.db, { appId: store.appId, version: '1.0.0' }, MAC)).toBeUndefined();
      expect(await publishedBytes(store.db, { appId: store.appId, version: '1.0.1' }, LINUX)).toBeUndefined();
      expect(await publishedBytes(store.db, { appId: 'other', version: '1.0.0' }, LINUX)).toBeUndefined();

      const second = await store.release('1.0.0+b');
      const upload = await store.grant(second);
      expect(await store.complete(upload, SHA_B)).toBe('immutable');
      expect(await isComplete(store.db, second, LINUX)).toBe(false);
      expect(await store.complete(await store.grant(second, MAC), SHA_B)).toBe('completed');
      expect(await store.complete(upload, SHA_B, true)).toBe('completed');
      expect(await publishedBytes(store.db, { appId: store.appId, version: '1.0.0' }, LINUX)).toBe(SHA_B);
    });

    test('uploads are forgotten when they expired, and complete ones never', async () => {
      const store = await openStore();
      const releaseId = await store.release('1.0.0');
      const expired = await store.grant(releaseId, LINUX, { expiresAt: later(HOUR) });
      const young = await store.grant(releaseId, LINUX, { expiresAt: later(3 * HOUR) });
      const complete = await store.publish(releaseId, MAC);
      await forgetExpiredUploads(store.db, later(HOUR));
      expect(await findUpload(store.db, expired)).toMatchObject({ id: expired });
      await forgetExpiredUploads(store.db, later(2 * HOUR));
      expect(await findUpload(store.db, expired)).toBeUndefined();
      expect(await findUpload(store.db, young)).toMatchObject({ id: young });
      await forgetExpiredUploads(store.db, later(1e6 * HOUR));
      expect(await findUpload(store.db, young)).toBeUndefined();
      expect(await findUpload(store.db, complete)).toBe('complete');
    });
  });

  describe(`${name}: offers`, () => {
    test('complete artifacts are offered, with their signature or else the release’s', async () => {
      const { database } = await open();
      const store = await StoreWithApp.in(database);
      const other = await StoreWithApp.in(database, 'other-app');
      const [first, second] = [await store.release('1.0.0'), await store.release('2.0.0')];
      const plain = await store.publish(first, LINUX);
      const signed = await store.grant(second, LINUX, { signature: 'its own' });
      await store.complete(signed);
      await store.grant(second, MAC);
      await other.publish(await other.release('3.0.0'));
      const candidates = await allOffered(store.db, store.appId);
      expect(candidates.toSorted((a, b) => a.version.localeCompare(b.version))).toEqual([
        {
          artifactId: plain,
          releaseId: first,
          version: '1.0.0',
          channel: 'stable',
          ...LINUX,
          defaultKinds: [''],
        },
        {
          artifactId: signed,
          releaseId: second,
          version: '2.0.0',
          channel: 'stable',
          ...LINUX,
          defaultKinds: [''],
        },
      ]);
      const common = { notes: 'n', minimumSystem: null, pubDate: NOW.getTime(), fileSize: 5 };
      expect(await offerDetails(store.db, candidates)).toEqual(
        new Map([
          [plain, { ...common, storageKey: keyOf(plain), signature: 'of release' }],
          [signed, { ...common, storageKey: keyOf(signed), signature: 'its own' }],
        ]),
      );
    });

    test('the details of any number of releases are found, also of none', async () => {
      const store = await openStore();
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) ids.push(await store.publish(await store.release(`1.0.${i}`)));
      const [first] = await allOffered(store.db, store.appId);
      const unknown = Array.from({ length: 1200 }, (_, i) => ({ releaseId: `unknown-${i}` }));
      const asked = [...unknown, ...(await allOffered(store.db, store.appId)), ...(first ? [first] : [])];
      expect([...(await offerDetails(store.db, asked)).keys()].sort()).toEqual(ids.sort());
      expect(await offerDetails(store.db, [])).toEqual(new Map());
    });

    test('the revision of an app rises with every change of its offers', async () => {
      const { database } = await open();
      const store = await StoreWithApp.in(database);
      const releaseId = await store.release('1.0.0');
      const uploadId = await store.grant(releaseId);
      const revisions = [await revisionOf(store)];
      for (const change of [
        () => store.complete(uploadId),
        () => setSlug(store.db, { appId: store.appId, slug: 'next-app' }, by()),
        () => deleteRelease(store.db, { appId: store.appId, releaseId }, { by: by() }),
      ]) {
        await change();
        revisions.push(await revisionOf(store));
      }
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a = 0, b = 0) => a - b));
      await StoreWithApp.in(database, 'other-app');
      expect(await revisionOf(store)).toBe(revisions.at(-1));
    });

    test('every slug the app has or had leads to it and to its current slug', async () => {
      const store = await openStore();
      await setSlug(store.db, { appId: store.appId, slug: 'next-app' }, by());
      for (const slug of ['my-app', 'next-app'])
        expect(await findOfferingApp(store.db, slug)).toMatchObject({ appId: store.appId, slug: 'next-app' });
      expect(await findOfferingApp(store.db, 'unknown')).toBeUndefined();
    });
  });

  describe(`${name}: URL signing keys`, () => {
    test('the newest key is current, and earlier ones are found', async () => {
      const { database } = await open();
      const first = await currentUrlSigningKey(database.queries, NOW);
      expect(first.id).toMatch(/^[0-9a-f]{8}$/);
      expect(first.secret).toHaveLength(32);
      expect(await currentUrlSigningKey(database.queries, later(HOUR))).toEqual(first);
      const second = await addUrlSigningKey(database.queries, later(HOUR));
      expect(second.secret).not.toEqual(first.secret);
      expect(await currentUrlSigningKey(database.queries, later(HOUR))).toEqual(second);
      expect(await findUrlSigningKey(database.queries, first.id, NOW)).toEqual(first);
      expect(await findUrlSigningKey(database.queries, '00000000', NOW)).toBeUndefined();
    });

    test('keys that are replaced verify until then, and sign no more, whatever their time', async () => {
      const { database } = await open();
      const db = database.queries;
      const ahead = await addUrlSigningKey(db, later(1000 * HOUR)); // by a clock that was wrong
      const grace = await replaceUrlSigningKeys(db, later(HOUR), by());
      expect(await currentUrlSigningKey(db, NOW)).toEqual(grace);
      expect(await findUrlSigningKey(db, ahead.id, later(HOUR - 1))).toEqual(ahead);
      expect(await findUrlSigningKey(db, ahead.id, later(HOUR))).toBeUndefined();
      const atOnce = await replaceUrlSigningKeys(db, NOW, by());
      expect(await currentUrlSigningKey(db, NOW)).toEqual(atOnce);
      for (const { id } of [ahead, grace]) expect(await findUrlSigningKey(db, id, NOW)).toBeUndefined();
      await rotateUrlSigningKeys(db, HOUR, NOW);
      expect(await db.selectFrom('url_signing_keys').select('id').execute()).toEqual([{ id: atOnce.id }]);
    });

    test('a key is replaced at its age, and forgotten at twice that', async () => {
      const { database } = await open();
      const db = database.queries;
      const rotate = (milliseconds: number) => rotateUrlSigningKeys(db, HOUR, later(milliseconds));
      await rotate(0);
      const first = await currentUrlSigningKey(db, NOW);
      await rotate(HOUR);
      expect(await currentUrlSigningKey(db, later(HOUR))).toEqual(first);
      await rotate(HOUR + 1);
      expect(await currentUrlSigningKey(db, later(HOUR + 1))).not.toEqual(first);
      await rotate(2 * HOUR);
      expect(await findUrlSigningKey(db, first.id, NOW)).toEqual(first);
      await rotate(2 * HOUR + 2);
      expect(await findUrlSigningKey(db, first.id, NOW)).toBeUndefined();
    });

    test('crash C7: a clock that is wrong for some time costs no key that has signed lately', async () => {
      const { database } = await open();
      const db = database.queries;
      const first = await currentUrlSigningKey(db, NOW);
      for (const milliseconds of [20_000 * HOUR, -20_000 * HOUR, 0]) {
        await rotateUrlSigningKeys(db, HOUR, later(milliseconds));
        expect(await findUrlSigningKey(db, first.id, NOW)).toEqual(first);
      }
    });

    test('crash C7: a key that a wrong clock has dated into the future is replaced in its turn', async () => {
      const { database } = await open();
      const db = database.queries;
      const first = await currentUrlSigningKey(db, later(20_000 * HOUR));
      await rotateUrlSigningKeys(db, HOUR, NOW);
      const { created_at } = await db
        .selectFrom('url_signing_keys')
        .select('created_at')
        .executeTakeFirstOrThrow();
      expect(created_at).toBe(NOW.getTime());
      await rotateUrlSigningKeys(db, HOUR, later(HOUR + 1));
      expect(await currentUrlSigningKey(db, NOW)).not.toEqual(first);
    });
  });
}
