import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { createApp, setSlug } from '../../../src/database/queries/apps.ts';
import {
  createPendingArtifact,
  findDownload,
  forgetExpiredUploads,
  listDeleting,
  publishedBytes,
} from '../../../src/database/queries/artifacts.ts';
import { allOffered } from '../../../src/database/queries/offers.ts';
import { publishRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease, findRelease } from '../../../src/database/queries/releases.ts';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { bindStorage } from '../../../src/database/queries/storage-binding.ts';
import { by } from '../../support/server/by.ts';
import {
  HOUR,
  keyOf,
  LINUX,
  later,
  MAC,
  SHA_A,
  SHA_B,
  StoreWithApp,
} from '../../support/server/store-with-app.ts';

const ROUNDS = 10;
const AT_ONCE = 20;

/** As many as there are to be at once. */
const numbered = Array.from({ length: AT_ONCE }, (_, i) => i);
const shaOf = (i: number) => i.toString(16).padStart(64, '0');

/**
 * What holds whoever else is at it at the same moment.
 * @param open gives one empty store, opened as by that number of processes
 */
export function describeConcurrency(name: string, open: () => Promise<readonly Database[]>): void {
  async function openWithApp() {
    const databases = await open();
    const [first] = databases;
    if (first === undefined) throw new Error('there is at least one');
    const store = await StoreWithApp.in(first);
    /** One process after the other. */
    const queriesOf = (i: number) => databases[i % databases.length]?.queries ?? first.queries;
    return { store, db: first.queries, appId: store.appId, queriesOf };
  }

  describe(`${name}: concurrently`, () => {
    test('of many nodes that create a version one does, and the others find it taken', async () => {
      const { appId, queriesOf } = await openWithApp();
      const release = { appId, version: '1.0.0', notes: null, signature: 's' };
      const outcomes = await Promise.all(numbered.map((i) => createRelease(queriesOf(i), release, by())));
      expect(outcomes.filter((outcome) => outcome !== 'version_taken')).toHaveLength(1);
    });

    test('of many apps that want a slug one gets it', async () => {
      const { queriesOf } = await openWithApp();
      const outcomes = await Promise.all(
        numbered.map((i) => createApp(queriesOf(i), { name: 'Test', slug: 'wanted' }, by())),
      );
      expect(outcomes.filter((outcome) => outcome !== 'slug_taken')).toHaveLength(1);
    });

    test('of many uploads with different bytes for a platform, one is completed and recorded', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      const releaseId = await store.release('1.0.0');
      const uploads = await Promise.all(numbered.map(() => store.grant(releaseId)));
      const outcomes = await Promise.all(
        uploads.map((id, i) => store.on(queriesOf(i)).complete(id, shaOf(i))),
      );
      expect(outcomes.filter((outcome) => outcome !== 'immutable')).toEqual(['completed']);
      const winner = outcomes.indexOf('completed');
      expect(await findDownload(db, { slug: 'my-app', releaseId, platform: LINUX })).toMatchObject({
        storageKey: keyOf(uploads[winner] ?? ''),
        sha256: shaOf(winner),
      });
      expect(await publishedBytes(db, { appId, version: '1.0.0' }, LINUX)).toBe(shaOf(winner));
    });

    test('a draft goes live when its last two platforms are completed at once', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      for (let round = 0; round < ROUNDS; round++) {
        const draft = { appId, version: `1.0.${round}`, notes: null, signature: 's' };
        const release = await createRelease(
          db,
          { ...draft, expect: ['linux-x86_64', 'darwin-aarch64'] },
          by(),
        );
        if (typeof release === 'string') throw new Error(release);
        const uploads = [await store.grant(release.id, LINUX), await store.grant(release.id, MAC)];
        const outcomes = await Promise.all(uploads.map((id, i) => store.on(queriesOf(i)).complete(id)));
        expect(outcomes.toSorted(), 'one of them reports it').toEqual(['completed', 'went_live']);
        expect(await findRelease(db, { appId, releaseId: release.id })).toMatchObject({
          status: 'published',
        });
      }
    });

    test('a release that is completed and deleted at once is either offered as a whole, or gone with its bytes queued', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      for (let round = 0; round < ROUNDS; round++) {
        const releaseId = await store.release(`1.0.${round}`);
        const uploads = [await store.grant(releaseId, LINUX), await store.grant(releaseId, MAC)];
        const [deleted, ...completed] = await Promise.all([
          deleteRelease(queriesOf(0), { appId, releaseId }, { by: by(), onlyWithArtifacts: round % 2 }),
          ...uploads.map((id, i) => store.on(queriesOf(i + 1)).complete(id)),
        ]);
        const stored = uploads.filter((_, i) => completed[i] === 'completed').map(keyOf);
        const queued = (await listDeleting(db)).map(({ storageKey }) => storageKey);
        const offered = (await allOffered(db, appId)).filter((offer) => offer.releaseId === releaseId);
        if (deleted.kind === 'deleted') {
          expect(await findRelease(db, { appId, releaseId })).toBeUndefined();
          expect(offered).toEqual([]);
          expect(queued).toEqual(expect.arrayContaining(stored));
        } else {
          expect(completed).toEqual(['completed', 'completed']);
          expect(offered).toHaveLength(2);
          for (const key of stored) expect(queued).not.toContain(key);
        }
      }
    });

    test('a draft that is published while its last file is completed offers that file, too', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      for (let round = 0; round < ROUNDS; round++) {
        const version = `1.0.${round}`;
        const draft = { appId, version, notes: null, signature: 's', draft: true };
        const release = await createRelease(db, draft, by());
        if (typeof release === 'string') throw new Error(release);
        await store.publish(release.id, MAC);
        const uploadId = await store.grant(release.id, LINUX);
        const required = [{ ...MAC, sha256: SHA_A }];
        const outcomes = await Promise.all([
          publishRelease(queriesOf(0), { appId, releaseId: release.id }, { required, by: by() }),
          store.on(queriesOf(1)).complete(uploadId),
        ]);
        expect(outcomes).toEqual([{ kind: 'published' }, 'completed']);
        for (const platform of [LINUX, MAC])
          expect(await publishedBytes(db, { appId, version }, platform)).toBeDefined();
      }
    });

    test('field 3: a file that is replaced while its draft is published is live as either of the two, never both', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      for (let round = 0; round < ROUNDS; round++) {
        const version = `1.0.${round}`;
        const draft = { appId, version, notes: null, signature: 's', draft: true };
        const release = await createRelease(db, draft, by());
        if (typeof release === 'string') throw new Error(release);
        const first = await store.grant(release.id, LINUX, { run: { job: 'build', attempt: 1 } });
        const second = await store.grant(release.id, LINUX, { run: { job: 'build', attempt: 2 } });
        expect(await store.complete(first, SHA_A)).toBe('completed');
        const required = [{ ...LINUX, sha256: SHA_A }];
        const [published, completed] = await Promise.all([
          publishRelease(queriesOf(0), { appId, releaseId: release.id }, { required, by: by() }),
          store.on(queriesOf(1)).complete(second, SHA_B),
        ]);
        const rows = await db
          .selectFrom('artifacts')
          .select(['id', 'sha256'])
          .where('release_id', '=', release.id)
          .where('status', '=', 'complete')
          .execute();
        const live = await publishedBytes(db, { appId, version }, LINUX);
        const queued = (await listDeleting(db)).map(({ id }) => id);
        if (completed === 'completed') {
          expect(published.kind).toBe('incomplete');
          expect([rows, live]).toEqual([[{ id: second, sha256: SHA_B }], undefined]);
          expect(queued).toContain(first);
        } else {
          expect([published.kind, completed]).toEqual(['published', 'immutable']);
          expect([rows, live]).toEqual([[{ id: first, sha256: SHA_A }], SHA_A]);
        }
      }
    });

    test('an upload that is granted while its release is deleted leaves nothing', async () => {
      const { store, db, appId, queriesOf } = await openWithApp();
      const fields = {
        fileSize: 5,
        sha256: null,
        signature: null,
        expiresAt: later(HOUR),
        pollAt: null,
        ...LINUX,
      };
      for (let round = 0; round < ROUNDS; round++) {
        const releaseId = await store.release(`1.0.${round}`);
        const [deleted] = await Promise.all([
          deleteRelease(queriesOf(0), { appId, releaseId }, { by: by() }),
          ...numbered
            .slice(0, 5)
            .map((i) => createPendingArtifact(queriesOf(i + 1), { releaseId, ...fields }, by())),
        ]);
        expect(deleted).toEqual({ kind: 'deleted' });
      }
      expect(await db.selectFrom('artifacts').selectAll().execute()).toEqual([]);
    });

    test('an upload that is completed while it expires is either complete or gone', async () => {
      const { store, db, queriesOf } = await openWithApp();
      const releaseId = await store.release('1.0.0');
      for (let round = 0; round < ROUNDS; round++) {
        const platform = { ...LINUX, bundleType: 'deb' } as const;
        const uploadId = await store.grant(releaseId, round === 0 ? LINUX : platform);
        const [outcome] = await Promise.all([
          store.on(queriesOf(0)).complete(uploadId),
          forgetExpiredUploads(queriesOf(1), later(2 * HOUR)),
        ]);
        const row = await db
          .selectFrom('artifacts')
          .select('status')
          .where('id', '=', uploadId)
          .executeTakeFirst();
        expect(row).toEqual(outcome === 'completed' ? { status: 'complete' } : undefined);
      }
    });

    test('of many nodes that bind the database to different places, one succeeds', async () => {
      const { queriesOf } = await openWithApp();
      const outcomes = await Promise.allSettled(numbered.map((i) => bindStorage(queriesOf(i), `disk:${i}`)));
      const right = outcomes.findIndex(({ status }) => status === 'fulfilled');
      for (const [i, outcome] of outcomes.entries()) {
        if (i === right) continue;
        expect(outcome).toMatchObject({
          reason: {
            code: 'store_unavailable',
            message: `the files of this database are in the data folder with the id ${right}, not in the data folder with the id ${i}`,
          },
        });
      }
      await bindStorage(queriesOf(0), `disk:${right}`);
    });

    test('all nodes get the same id of the database, also later', async () => {
      const { queriesOf } = await openWithApp();
      const ids = await Promise.all(numbered.map((i) => databaseId(queriesOf(i))));
      expect(new Set([...ids, await databaseId(queriesOf(0))]).size).toBe(1);
    });

    test('changes of many apps all succeed', async () => {
      const { queriesOf } = await openWithApp();
      const ids = await Promise.all(
        numbered.map(async (i) => {
          const app = await createApp(queriesOf(i), { name: 'Test', slug: `app-${i}` }, by());
          if (app === 'slug_taken') throw new Error(app);
          expect(await setSlug(queriesOf(i + 1), { appId: app.id, slug: `next-${i}` }, by())).toBe('set');
          return app.id;
        }),
      );
      expect(new Set(ids).size).toBe(AT_ONCE);
    });
  });
}
