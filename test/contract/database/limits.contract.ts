import { describe, expect, test } from 'vitest';
import {
  type AppUsage,
  type DEFAULT_LIMITS,
  MAX_FILES_OF_RELEASE,
} from '../../../src/database/app-limits.ts';
import type { Attribution } from '../../../src/database/attribution.ts';
import type { Database } from '../../../src/database/database.ts';
import {
  type LimitChanges,
  limitsOf,
  recountUsage,
  setLimits,
} from '../../../src/database/queries/app-limits.ts';
import { deleteApp, freeSlug, setSlug } from '../../../src/database/queries/apps.ts';
import {
  createPendingArtifact,
  forgetDeleted,
  forgetExpiredUploads,
  listDeleting,
  type NewArtifact,
} from '../../../src/database/queries/artifacts.ts';
import { recordMultipart } from '../../../src/database/queries/pending-uploads.ts';
import { publishRelease, updateRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease, type NewRelease } from '../../../src/database/queries/releases.ts';
import { storeStatement } from '../../../src/database/queries/statements.ts';
import { createToken, revokeTokens } from '../../../src/database/queries/tokens.ts';
import { Problem } from '../../../src/protocol/problem.ts';
import { type EnvelopeFields, signedFile, signedManifest } from '../../support/publish/signed-envelope.ts';
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

/** @returns the bytes of the statement */
async function storeSigned(store: StoreWithApp, releaseId: string, fields: EnvelopeFields): Promise<number> {
  const stored = signedManifest({ releaseId, ...fields });
  expect(await storeStatement(store.db, { ...store, releaseId, ...stored }, by())).toBe('stored');
  return stored.document.length;
}

interface World {
  readonly db: Database['queries'];
  readonly appId: string;
  create(version: string, fields?: Partial<NewRelease>): Promise<unknown>;
}

/** What holds for the limits of apps on every engine. @param open gives an empty store, opened by several processes */
export function describeLimits(name: string, open: () => Promise<readonly Database[]>): void {
  async function openWithApp(changes: LimitChanges = {}) {
    const databases = await open();
    const [first] = databases;
    if (first === undefined) throw new Error('there is at least one');
    const db = first.queries;
    const store = await StoreWithApp.in(first);
    const { appId } = store;
    await setLimits(db, { appId, changes }, by());
    const create = (version: string, fields: Partial<NewRelease> = {}, queries = db) =>
      createRelease(queries, { appId, version, notes: null, signature: null, ...fields }, by());
    const idOf = async (version: string, fields: Partial<NewRelease> = {}) => {
      const created = await create(version, fields);
      if (typeof created === 'string') throw new Error(created);
      return created.id;
    };
    const used = async () => (await limitsOf(db, appId, NOW)).used;
    return { db, databases, store, appId, create, idOf, used };
  }

  describe(`${name}: limits`, () => {
    test('what an app has is kept through everything that changes it, as if it were counted', async () => {
      const { db, store, appId, idOf, used } = await openWithApp();
      const expectUsed = async (expected: Partial<AppUsage>) => {
        const kept = await used();
        expect(kept).toMatchObject(expected);
        await db.transaction().execute(recountUsage);
        expect(await used()).toEqual(kept);
      };
      const draft = await idOf('1.0.0', { draft: true, notes: 'äöü', signature: 's' });
      await expectUsed({ releases: 1, drafts: 1, channels: 1, slugs: 1, notes_bytes: 7, stored_bytes: 0 });
      const run = { job: 'j', attempt: 1 };
      const upload = await store.grant(draft, LINUX, { fileSize: 7, signature: 'of file', run });
      await store.grant(draft, MAC, { expiresAt: later(-HOUR) });
      await expectUsed({ pending_uploads: 2, notes_bytes: 14, stored_bytes: 12 });
      await store.complete(upload);
      await forgetExpiredUploads(db, NOW);
      await expectUsed({ pending_uploads: 0, notes_bytes: 14, stored_bytes: 7 });
      const again = await store.grant(draft, LINUX, { fileSize: 9, run: { ...run, attempt: 2 } });
      expect(await store.complete(again, SHA_B)).toBe('completed');
      await expectUsed({ pending_uploads: 0, notes_bytes: 7, stored_bytes: 9 });
      for (const { id } of await listDeleting(db)) await forgetDeleted(db, id);
      const first = await storeSigned(store, draft, { createdAt: '2026-01-01T00:00:00Z' });
      await expectUsed({ notes_bytes: 7 + first });
      const second = await storeSigned(store, draft, {
        createdAt: '2026-01-02T00:00:00Z',
        channel: 'longer-one',
      });
      expect(second).toBeGreaterThan(first);
      await expectUsed({ notes_bytes: 7 + second });
      await updateRelease(db, { appId, releaseId: draft }, { by: by(), notes: 'longer notes' });
      await publishRelease(db, { appId, releaseId: draft }, { required: null, by: by() });
      await expectUsed({ drafts: 0, notes_bytes: 13 + second, stored_bytes: 9 });
      await updateRelease(db, { appId, releaseId: draft }, { by: by(), status: 'yanked', notes: null });
      await expectUsed({ releases: 1, notes_bytes: 1 + second, stored_bytes: 9 });
      await deleteRelease(db, { appId, releaseId: draft }, { by: by() });
      await expectUsed({ releases: 1, channels: 1, notes_bytes: 0, stored_bytes: 0 });
      await idOf('1.0.0');
      await deleteRelease(
        db,
        { appId, releaseId: await idOf('2.0.0', { draft: true, notes: 'n' }) },
        { by: by() },
      );
      await expectUsed({ releases: 1, drafts: 0, notes_bytes: 0 });
      await setSlug(db, { appId, slug: 'other' }, by());
      await expectUsed({ slugs: 2 });
      await freeSlug(db, 'my-app', by());
      await expectUsed({ slugs: 1 });
      await deleteApp(db, appId, by());
      expect(await db.selectFrom('app_usage').selectAll().execute()).toEqual([]);
    });

    test.each<[keyof typeof DEFAULT_LIMITS, number, (world: World, i: number) => Promise<unknown>]>([
      ['releases', 5, ({ create }, i) => create(`1.${i}.0`)],
      ['drafts', 5, ({ create }, i) => create(`1.${i}.0`, { draft: true })],
      ['channels', 5, ({ create }, i) => create(`1.${i}.0`, { channel: `pr-${i}` })],
      ['notes_bytes', 50, ({ create }, i) => create(`1.${i}.0`, { notes: 'äöüäö' })],
      ['slugs', 6, ({ db, appId }, i) => setSlug(db, { appId, slug: `slug-${i}` }, by())],
    ])(
      'attack H1: at its limit of %s an app gets no more, and may again once the limit is raised',
      async (limit, value, add) => {
        const world = await openWithApp({ [limit]: value });
        for (let i = 0; i < 5; i++) await add(world, i);
        const error = await add(world, 5).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Problem);
        expect(error).toMatchObject({ code: 'limit_reached', status: 422, errors: [{ field: limit }] });
        expect(String(error)).toContain(`apps set-limits ${world.appId} --${limit.replaceAll('_', '-')}`);
        await setLimits(world.db, { appId: world.appId, changes: { [limit]: 'default' } }, by());
        await add(world, 5);
      },
    );

    test('attack audit flood: what a token changes is limited by the hour, in all processes together', async () => {
      const { db, databases, appId, create, used } = await openWithApp({ hourly_changes: 3 });
      const other = databases.at(-1)?.queries ?? db;
      const actor = { kind: 'token', id: 'ci', name: 'ci', address: null, requestId: null } as const;
      const createAs = (version: string, queries: Database['queries'], now = NOW) =>
        createRelease(queries, { appId, version, notes: null, signature: null }, { actor, now });
      for (const version of ['1.0.0', '1.1.0']) await createAs(version, db);
      await createAs('1.2.0', other);
      expect(await used()).toMatchObject({ hourly_changes: 3 });
      const refused = createAs('1.3.0', db);
      await expect(refused).rejects.toMatchObject({
        code: 'limit_reached',
        errors: [{ field: 'hourly_changes' }],
      });
      expect(await used(), 'undone with what was refused').toMatchObject({ hourly_changes: 3, releases: 3 });
      await create('1.4.0'); // by the operator
      await createAs('1.3.0', other, later(HOUR));
      await setLimits(db, { appId, changes: { hourly_changes: null } }, by());
      await createAs('1.5.0', db);
    });

    test('attack H1: manifests count as notes do, but may be signed again at the limit', async () => {
      const { db, store, appId, idOf, used } = await openWithApp();
      const releaseId = await idOf('1.0.0', { draft: true });
      const add = (i: number, createdAt: string) =>
        storeSigned(store, releaseId, { createdAt, files: [signedFile([`own-${i}@x86_64`])] });
      const bytes = await add(0, '2026-01-01T00:00:00Z');
      await setLimits(db, { appId, changes: { notes_bytes: 2 * bytes + 1 } }, by());
      await add(1, '2026-01-01T00:00:00Z');
      await expect(add(2, '2026-01-01T00:00:00Z')).rejects.toMatchObject({
        code: 'limit_reached',
        errors: [{ field: 'notes_bytes' }],
      });
      await add(1, '2026-01-02T00:00:00Z');
      expect(await used()).toMatchObject({ notes_bytes: 2 * bytes });
      await deleteRelease(db, { appId, releaseId }, { by: by() });
      expect(await used()).toMatchObject({ notes_bytes: 0 });
    });

    test('attack H1: uploads that are announced, the files of a release and stored bytes have limits', async () => {
      const { db, store, appId, idOf } = await openWithApp({ pending_uploads: 3, stored_bytes: 20 });
      const releaseId = await idOf('1.0.0', { signature: 's', draft: true });
      const uploads = [
        await store.grant(releaseId, LINUX, { fileSize: 14 }),
        await store.grant(releaseId, { target: 'windows', arch: 'x86_64' }, { fileSize: 1 }),
        await store.grant(releaseId, MAC, { fileSize: 5 }),
      ];
      await expect(store.grant(releaseId)).rejects.toMatchObject({ errors: [{ field: 'pending_uploads' }] });
      await store.complete(uploads[0] ?? '');
      await expect(store.grant(releaseId, MAC, { fileSize: 1 })).rejects.toMatchObject({
        errors: [{ field: 'stored_bytes' }],
      });
      await store.complete(uploads[2] ?? '');
      await setLimits(db, { appId, changes: { stored_bytes: 19 } }, by());
      await expect(store.complete(uploads[1] ?? '')).rejects.toMatchObject({
        errors: [{ field: 'stored_bytes' }],
      });
      const other = await idOf('2.0.0', { signature: 's', draft: true });
      await setLimits(db, { appId, changes: { pending_uploads: null, stored_bytes: null } }, by());
      for (let i = 0; i < MAX_FILES_OF_RELEASE; i++) await store.grant(other);
      await expect(store.grant(other)).rejects.toMatchObject({ errors: [{ field: 'artifacts' }] });
    });

    test('attack storage abuse: announced bytes count as stored until their upload ends', async () => {
      const { db, store, appId, idOf, used } = await openWithApp({ stored_bytes: 100 });
      const { record } = await createToken(db, { ...store, name: 'ci', scopes: [], expiresAt: null }, by());
      const actor = { kind: 'token', id: record.id, name: 'ci', address: null, requestId: null } as const;
      const ci = { ...by(), actor };
      const create = () => idOf('1.0.0', { signature: 's', draft: true });
      let releaseId = await create();
      const announce = (fields: Partial<NewArtifact> = {}, author: Attribution = by()) => {
        const artifact = {
          fileSize: 40,
          sha256: null,
          signature: null,
          expiresAt: later(HOUR),
          pollAt: null,
        };
        return createPendingArtifact(db, { releaseId, ...MAC, ...artifact, ...fields }, author);
      };
      const refused = { code: 'limit_reached', errors: [{ field: 'stored_bytes' }] };
      const expectFull = () => expect(announce({ fileSize: 61 })).rejects.toMatchObject(refused);

      await announce();
      await expectFull();
      await deleteRelease(db, { appId, releaseId }, { by: by() });
      releaseId = await create();
      expect(await used()).toMatchObject({ stored_bytes: 0 });

      await announce({}, ci);
      await expectFull();
      await revokeTokens(db, { id: record.id }, by());
      expect(await used()).toMatchObject({ stored_bytes: 0 });

      await announce({ expiresAt: later(-1) });
      await announce({ fileSize: 61 });
      await expect(announce()).rejects.toMatchObject(refused);
      await forgetExpiredUploads(db, later(HOUR + 1));
      expect(await used()).toMatchObject({ stored_bytes: 0 });

      const parts = await announce({ expiresAt: later(-1) });
      if (parts === 'release_gone') throw new Error(parts);
      const multipart = { before: null, multipartId: 'm', expiresAt: later(-1) };
      expect(await recordMultipart(db, parts.id, multipart)).toBe(true);
      await expectFull(); // what has arrived of it is there until it is forgotten
      await forgetExpiredUploads(db, NOW);
      await announce({ fileSize: 100 });
    });

    test('attack H1: of many at once only as many succeed as there is room for', async () => {
      const { databases, create, store, idOf, used } = await openWithApp({ drafts: 5, pending_uploads: 4 });
      const many = Array.from({ length: 20 }, (_, i) => i);
      const queriesOf = (i: number) => databases[i % databases.length]?.queries;
      const drafts = await Promise.allSettled(
        many.map((i) => create(`1.${i}.0`, { draft: true }, queriesOf(i))),
      );
      expect(drafts.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
      const releaseId = await idOf('9.0.0', { signature: 's' });
      const uploads = await Promise.allSettled(
        many.map((i) => store.on(queriesOf(i) ?? store.db).grant(releaseId)),
      );
      expect(uploads.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
      expect(await used()).toMatchObject({ drafts: 5, pending_uploads: 4 });
    });

    test('a version that was live counts once, whether it is deleted or published again', async () => {
      const { db, store, appId, create, used } = await openWithApp({ releases: 2 });
      for (const version of ['1.0.0', '2.0.0']) {
        const releaseId = await store.release(version);
        await store.publish(releaseId, LINUX, SHA_A);
        await deleteRelease(db, { appId, releaseId }, { by: by(), allowStranding: true });
      }
      expect(await used()).toMatchObject({ releases: 2, stored_bytes: 0, channels: 1 });
      await expect(create('3.0.0')).rejects.toMatchObject({ code: 'limit_reached' });
      expect(await create('1.0.0')).toMatchObject({ version: '1.0.0' });
    });

    test('what is above a lowered limit stays, and can be changed and deleted', async () => {
      const { db, appId, idOf, create } = await openWithApp();
      const first = await idOf('1.0.0', { notes: 'some notes' });
      await idOf('2.0.0', { notes: 'some notes' });
      await setLimits(db, { appId, changes: { releases: 1, notes_bytes: 0 } }, by());
      expect(await updateRelease(db, { appId, releaseId: first }, { by: by(), notes: 'fewer' })).toEqual({
        kind: 'updated',
      });
      await expect(
        updateRelease(db, { appId, releaseId: first }, { by: by(), notes: 'more than before' }),
      ).rejects.toMatchObject({ errors: [{ field: 'notes_bytes' }] });
      expect(await deleteRelease(db, { appId, releaseId: first }, { by: by() })).toEqual({ kind: 'deleted' });
      await expect(create('3.0.0')).rejects.toMatchObject({ code: 'limit_reached' });
    });
  });
}
