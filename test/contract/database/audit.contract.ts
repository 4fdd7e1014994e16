import { type Kysely, sql, type Transaction } from 'kysely';
import { describe, expect, test } from 'vitest';
import { operator, SERVER } from '../../../src/database/attribution.ts';
import type { Database } from '../../../src/database/database.ts';
import { createApp, deleteApp, renameApp, setAppKey, setSlug } from '../../../src/database/queries/apps.ts';
import { auditHead, listAudit, recordAudit } from '../../../src/database/queries/audit.ts';
import { pruneAudit } from '../../../src/database/queries/prune-audit.ts';
import { publishRelease, updateRelease } from '../../../src/database/queries/publish-release.ts';
import { createRelease, deleteRelease } from '../../../src/database/queries/releases.ts';
import { createToken, revokeTokens } from '../../../src/database/queries/tokens.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import type { Schema } from '../../../src/database/schema.ts';
import { transact } from '../../../src/database/transaction.ts';
import { by } from '../../support/server/by.ts';
import { HOUR, LINUX, later, MAC, SHA_B, StoreWithApp } from '../../support/server/store-with-app.ts';
import type { OpenStore } from './database.contract.ts';

export type Edit = (db: Transaction<Schema>) => Promise<unknown>;

const DAY = 24 * HOUR;

/** The triggers that keep the log, which whoever edits it by hand has to remove first. */
export async function dropTriggers(db: Transaction<Schema>): Promise<void> {
  const isPostgres = (await db.introspection.getTables()).some(({ schema }) => schema !== undefined);
  const triggers = isPostgres ? ['audit_kept on audit'] : ['audit_kept_update', 'audit_kept_delete'];
  for (const trigger of triggers) await sql.raw(`drop trigger ${trigger}`).execute(db);
}

/** What `audit verify` finds after an edit that no change of this program is; the edit is undone. */
export async function foundAfter(db: Kysely<Schema>, edit: Edit): Promise<string[]> {
  const isUndone = new Error('rolled back');
  let found: string[] = [];
  const edited = db.transaction().execute(async (transaction) => {
    await edit(transaction);
    found = (await verifyAudit(transaction)).problems.map(({ kind }) => kind);
    throw isUndone;
  });
  await edited.catch((error) => {
    if (error !== isUndone) throw error;
  });
  return found;
}

/** A store with everything that a log can be about. */
export async function fill(database: Database) {
  const store = await StoreWithApp.in(database);
  const { db, appId } = store;
  const live = await store.release('1.0.0');
  await store.publish(live, LINUX);
  await store.publish(live, MAC, SHA_B);
  const embeddedPubkey = 'RWQA';
  await updateRelease(db, { appId, releaseId: live }, { by: by(), notes: 'better', embeddedPubkey });
  const second = await store.release('1.1.0');
  await store.publish(second, LINUX, SHA_B);
  const draft = { appId, version: '2.0.0', notes: null, signature: null, expect: ['linux-x86_64'] };
  await createRelease(db, draft, by());
  const gone = await store.release('0.9.0');
  await store.publish(gone, LINUX);
  await deleteRelease(db, { appId, releaseId: gone }, { by: by() });
  await setAppKey(db, { appId, pubkey: 'RWQB' }, by());
  const token = { appId, name: 'ci', scopes: ['release:read'], expiresAt: later(HOUR) } as const;
  const { record } = await createToken(db, token, by());
  await createToken(db, { ...token, name: 'second' }, by());
  await revokeTokens(db, { id: record.id }, by());
  await setSlug(db, { appId, slug: 'other-slug' }, by());
  const { appId: other } = await StoreWithApp.in(database, 'deleted-app');
  await deleteApp(db, other, by());
  return { store, db, appId, live, second, token: record.id };
}

/** What the audit log records, and what it finds, on every engine. */
export function describeAudit(name: string, open: () => Promise<OpenStore>): void {
  const openFilled = async () => {
    const { database } = await open();
    return { database, ...(await fill(database)) };
  };

  describe(`attack M11: the audit log on ${name}`, () => {
    test('says who did what, when, from where, with what before and after', async () => {
      const { database } = await open();
      const { queries: db } = database;
      const app = await createApp(db, { name: 'First', slug: 'first' }, by());
      if (app === 'slug_taken') throw new Error(app);
      const actor = { kind: 'token', id: 't', name: 'ci', address: '203.0.113.7', requestId: 'r' } as const;
      await renameApp(db, { appId: app.id, name: 'Second' }, { actor, now: later(1) });
      const [created, renamed] = await listAudit(db, { limit: 10 });
      expect(created).toMatchObject({
        ...{ seq: 1, app_id: app.id, action: 'app.created', outcome: 'done', at: by().now.getTime() },
        ...{ actor_kind: 'operator', actor_id: null, actor_name: 'tester', address: null, request_id: null },
        ...{ previous: '0'.repeat(64) },
      });
      expect(renamed).toMatchObject({
        ...{ seq: 2, app_id: app.id, action: 'app.renamed', at: later(1).getTime() },
        ...{ actor_kind: 'token', actor_id: 't', actor_name: 'ci', address: '203.0.113.7', request_id: 'r' },
        ...{ details: JSON.stringify({ name: 'Second', before: 'First' }), previous: created?.hash },
      });
      expect(await auditHead(db)).toEqual({ seq: 2, hash: renamed?.hash });
    });

    test('has an entry for each change, in order, and none for what changes nothing', async () => {
      const { db, appId, store, live, token } = await openFilled();
      const head = await auditHead(db);
      await setSlug(db, { appId, slug: 'other-slug' }, by());
      await updateRelease(db, { appId, releaseId: live }, { by: by(), notes: 'better' });
      await revokeTokens(db, { id: token }, by());
      await publishRelease(db, { appId, releaseId: live }, { required: null, by: by() });
      expect(await store.complete('unknown')).toBe('gone');
      expect(await auditHead(db)).toEqual(head);
      const actions = (await listAudit(db, { appId, limit: 100 })).map(({ action }) => action);
      expect(actions).toEqual([
        ...['app.created', 'release.created', 'file.completed', 'file.completed', 'release.edited'],
        ...['release.created', 'file.completed', 'release.created', 'release.created', 'file.completed'],
        ...['release.deleted', 'app.key_set', 'token.created', 'token.created', 'token.revoked'],
        'app.slug_set',
      ]);
    });

    test('names the token with which a draft goes live by itself, and the one that created it', async () => {
      const { store, db, appId } = await openFilled();
      const publisher = { appId, name: 'ci', scopes: ['release:upload', 'release:publish'], expiresAt: null };
      const { record } = await createToken(db, publisher, by());
      const actor = { ...SERVER, kind: 'token', id: record.id, name: 'ci' } as const;
      const draft = { appId, version: '3.0.0', notes: null, signature: 's', expect: ['linux-x86_64'] };
      const created = await createRelease(db, draft, { ...by(), actor });
      if (typeof created === 'string') throw new Error(created);
      expect(await store.complete(await store.grant(created.id), SHA_B)).toBe('went_live');
      const [completed, published] = await listAudit(db, { limit: 2 });
      expect(completed).toMatchObject({ action: 'file.completed', actor_name: 'tester' });
      expect(published).toMatchObject({ action: 'release.published', actor_name: 'tester' });
      expect(JSON.parse(published?.details ?? '')).toMatchObject({
        ...{ version: '3.0.0', by_itself: true, created_by: record.id, files: { 'linux-x86_64': SHA_B } },
      });
    });

    test('is intact after every change, and after parallel ones of several processes', async () => {
      const { database, openAgain } = await open();
      // Transactions of several connections to SQLite in one process wait for each other with the process.
      const stores = name === 'SQLite' ? [database] : [database, await openAgain(), await openAgain()];
      await fill(database);
      const apps = Array.from({ length: 24 }, (_, i) => i);
      const created = apps.map(async (i) => {
        const { queries } = stores[i % stores.length] ?? database;
        const app = await createApp(queries, { name: `App ${i}`, slug: `app-${i}` }, by());
        if (app === 'slug_taken') throw new Error(app);
        await renameApp(queries, { appId: app.id, name: 'renamed' }, by());
        await createToken(queries, { appId: app.id, name: 't', scopes: [], expiresAt: null }, by());
      });
      await Promise.all(created);
      const { problems, entries, head } = await verifyAudit(database.queries);
      expect(problems).toEqual([]);
      expect(entries).toBe(head.seq);
      expect(head.seq).toBeGreaterThanOrEqual(72);
    });

    test('has nothing of a transaction that is rolled back', async () => {
      const { db, appId } = await openFilled();
      const head = await auditHead(db);
      const failed = transact(db, async (transaction) => {
        recordAudit(transaction, { by: by(), action: 'app.renamed', appId });
        throw new Error('rolled back');
      });
      await expect(failed).rejects.toThrow('rolled back');
      expect(await auditHead(db)).toEqual(head);
      expect((await verifyAudit(db)).problems).toEqual([]);
    });

    test('refuses changes outside of a transaction that writes its end', async () => {
      const { db, appId } = await openFilled();
      const outside = db.transaction().execute(async (transaction) => {
        recordAudit(transaction, { by: by(), action: 'app.renamed', appId });
      });
      await expect(outside).rejects.toThrow('not a transaction of `transact`');
    });

    test('is append-only', async () => {
      const { db } = await openFilled();
      const refused = /append-only/;
      await expect(db.deleteFrom('audit').execute()).rejects.toThrow(refused);
      await expect(db.deleteFrom('audit').where('seq', '=', 3).execute()).rejects.toThrow(refused);
      await expect(db.updateTable('audit').set({ actor_name: 'x' }).execute()).rejects.toThrow(refused);
      expect((await verifyAudit(db)).problems).toEqual([]);
    });

    test('takes text that a database cannot store', async () => {
      const { db, appId } = await openFilled();
      const odd = 'a\0b\ud800c';
      await transact(db, async (transaction) => {
        const actor = { ...operator(odd), address: null };
        recordAudit(transaction, { by: { ...by(), actor }, action: 'app.renamed', appId, details: { odd } });
      });
      const { problems } = await verifyAudit(db);
      expect(problems).toEqual([]);
      const [entry] = await listAudit(db, { limit: 1 });
      expect(entry).toMatchObject({ actor_name: 'a\u{FFFD}b\u{FFFD}c' });
    });

    describe('finds an edit of the database:', () => {
      const at = (table: 'releases' | 'tokens' | 'apps' | 'artifacts' | 'published_bytes' | 'slugs') => table;
      const edits: Readonly<Record<string, readonly [Edit, readonly string[]]>> = {
        'notes of a live release': [
          (db) => db.updateTable('releases').set({ notes: 'evil' }).where('version', '=', '1.0.0').execute(),
          ['row_changed'],
        ],
        'a version': [
          (db) =>
            db.updateTable('releases').set({ version: '9.0.0' }).where('version', '=', '1.0.0').execute(),
          ['row_changed'],
        ],
        'a status': [
          (db) =>
            db.updateTable('releases').set({ status: 'yanked' }).where('version', '=', '1.0.0').execute(),
          ['row_changed', 'offer_changed'],
        ],
        'a signature': [
          (db) => db.updateTable('releases').set({ signature: 's' }).where('version', '=', '1.0.0').execute(),
          ['row_changed'],
        ],
        'the SHA-256 of a file': [
          (db) =>
            db
              .updateTable('artifacts')
              .set({ sha256: 'c'.repeat(64) })
              .where('target', '=', 'darwin')
              .execute(),
          ['row_changed'],
        ],
        'whether a file is offered': [
          (db) => db.updateTable('artifacts').set({ released: 0 }).where('target', '=', 'darwin').execute(),
          ['offer_changed'],
        ],
        'the bytes that were ever live': [
          (db) =>
            db
              .updateTable('published_bytes')
              .set({ sha256: 'c'.repeat(64) })
              .where('precedence', '=', '0.9.0')
              .execute(),
          ['row_changed'],
        ],
        'the key of an app': [
          (db) => db.updateTable('apps').set({ pubkey: 'RWQC' }).execute(),
          ['row_changed'],
        ],
        'the scopes of a token': [
          (db) =>
            db.updateTable('tokens').set({ scopes: 'app:admin' }).where('name', '=', 'second').execute(),
          ['row_changed'],
        ],
        'a revoked token that is valid again': [
          (db) => db.updateTable('tokens').set({ revoked_at: null }).where('name', '=', 'ci').execute(),
          ['row_changed'],
        ],
        'a token that was added': [
          (db) => insertLike(db, at('tokens'), { id: "'new'", hash: "'h'" }),
          ['row_unrecorded'],
        ],
        'a release that was added': [
          (db) => insertLike(db, at('releases'), { id: "'new'", precedence: "'7.0.0'" }),
          ['row_unrecorded'],
        ],
        'a file that was added': [
          (db) => insertLike(db, at('artifacts'), { id: "'new'", storage_key: "'new'", target: "'windows'" }),
          ['row_changed'],
        ],
        'an app that was added': [
          (db) => insertLike(db, at('apps'), { id: "'new'", slug: 'null' }),
          ['row_unrecorded'],
        ],
        'a slug that was given to an app': [
          (db) => insertLike(db, at('slugs'), { slug: "'new'" }),
          ['row_unrecorded'],
        ],
        'a token that was deleted': [
          (db) => db.deleteFrom('tokens').where('name', '=', 'ci').execute(),
          ['row_missing'],
        ],
        'a release that was deleted': [
          async (db) => {
            await db
              .deleteFrom('artifacts')
              .where('version_order', '=', (eb) =>
                eb.selectFrom('releases').select('version_order').where('version', '=', '1.1.0'),
              )
              .execute();
            await db.deleteFrom('releases').where('version', '=', '1.1.0').execute();
          },
          ['row_missing'],
        ],
        'a file that was deleted': [
          (db) => db.deleteFrom('artifacts').where('target', '=', 'darwin').execute(),
          ['row_changed'],
        ],
        'a reserved slug that was deleted': [
          (db) => db.deleteFrom('slugs').where('slug', '=', 'deleted-app').execute(),
          ['row_missing'],
        ],
        'an entry of the log': [
          async (db) => {
            await dropTriggers(db);
            await db.updateTable('audit').set({ actor_name: 'someone else' }).where('seq', '=', 4).execute();
          },
          ['entry_changed'],
        ],
        'an entry with a hash that fits': [
          async (db) => {
            await dropTriggers(db);
            await db
              .updateTable('audit')
              .set({ hash: 'c'.repeat(64) })
              .where('seq', '=', 4)
              .execute();
          },
          ['entry_changed', 'chain_broken'],
        ],
        'an entry that was deleted': [
          async (db) => {
            await dropTriggers(db);
            await db.deleteFrom('audit').where('seq', '=', 2).execute();
          },
          ['entries_missing'],
        ],
        'entries in another order': [
          async (db) => {
            await dropTriggers(db);
            for (const [from, to] of [
              [2, 1000],
              [3, 2],
              [1000, 3],
            ] as const)
              await db.updateTable('audit').set({ seq: to }).where('seq', '=', from).execute();
          },
          ['chain_broken', 'entry_changed', 'chain_broken', 'entry_changed', 'chain_broken'],
        ],
        'the end of the log that was cut off': [
          async (db) => {
            await dropTriggers(db);
            const { seq } = await auditHead(db);
            await db.deleteFrom('audit').where('seq', '=', seq).execute();
          },
          ['head_changed', 'row_changed'],
        ],
        'all of the log': [
          async (db) => {
            await dropTriggers(db);
            await db.deleteFrom('audit').execute();
          },
          ['head_changed', 'row_unrecorded'],
        ],
        'an entry that was added': [
          async (db) => {
            const { seq } = await auditHead(db);
            await sql`insert into audit select seq + 1, at, app_id, action, outcome, actor_kind, actor_id, actor_name,
              address, request_id, details, rows, previous, hash from audit where seq = ${seq}`.execute(db);
          },
          ['chain_broken', 'entry_changed', 'head_changed'],
        ],
        'the recorded end': [
          (db) => db.updateTable('audit_head').set({ hash: 'x' }).execute(),
          ['head_changed'],
        ],
        'what a pruning is to have left': [
          (db) =>
            db
              .insertInto('audit_baseline')
              .values({ name: 'token:x', app_id: null, digest: 'd', seq: 0 })
              .execute(),
          ['baseline_changed', 'row_missing'],
        ],
      };

      test.each(Object.keys(edits))('%s', async (edited) => {
        const { db } = await openFilled();
        const [edit, kinds] = edits[edited] ?? [async () => {}, []];
        expect((await verifyAudit(db)).problems).toEqual([]);
        const found = await foundAfter(db, edit);
        if (kinds.includes('entries_missing') || kinds.includes('head_changed'))
          expect(found).toEqual(expect.arrayContaining([...kinds]));
        else expect(found).toEqual(kinds);
      });

      test('a log that was cut off and continued: with a checkpoint that was kept elsewhere', async () => {
        const { db, appId } = await openFilled();
        const checkpoint = await auditHead(db);
        const cut: Edit = async (transaction) => {
          await dropTriggers(transaction);
          await transaction.deleteFrom('audit').where('seq', '=', checkpoint.seq).execute();
          const [last] = await listAudit(transaction, { limit: 1 });
          const { seq = 0, hash = '' } = last ?? {};
          await transaction.updateTable('audit_head').set({ seq, hash }).execute();
        };
        await transact(db, cut);
        await renameApp(db, { appId, name: 'Later' }, by());
        const { problems } = await verifyAudit(db, [checkpoint]);
        expect(problems).toContainEqual({ kind: 'checkpoint_missing', seq: checkpoint.seq });
      });
    });

    test('proves that a checkpoint is part of it, after later changes too', async () => {
      const { db, appId } = await openFilled();
      const checkpoints = [await auditHead(db)];
      await renameApp(db, { appId, name: 'Later' }, by());
      checkpoints.push(await auditHead(db));
      expect((await verifyAudit(db, checkpoints)).problems).toEqual([]);
      const other = { seq: checkpoints[0]?.seq ?? 0, hash: 'c'.repeat(64) };
      expect((await verifyAudit(db, [other])).problems).toEqual([
        { kind: 'checkpoint_missing', seq: other.seq },
      ]);
    });

    describe('that is pruned', () => {
      test('still verifies, and finds edits of what only pruned entries were about', async () => {
        const { db, appId, live } = await openFilled();
        const before = await auditHead(db);
        await renameApp(db, { appId, name: 'Later' }, by(later(10 * DAY)));
        const kept = await auditHead(db);
        const prune = { olderThan: later(5 * DAY), by: { actor: SERVER, now: later(11 * DAY) } };
        expect(await pruneAudit(db, prune)).toBe(before.seq);
        expect(await pruneAudit(db, prune)).toBe(0);
        const entries = await listAudit(db, { limit: 100 });
        expect(entries.map(({ action }) => action)).toEqual(['app.renamed', 'audit.pruned']);
        expect((await verifyAudit(db, [before, kept])).problems).toEqual([]);
        const early = { seq: 1, hash: 'c'.repeat(64) };
        expect((await verifyAudit(db, [early])).problems).toEqual([{ kind: 'checkpoint_pruned', seq: 1 }]);
        const editNotes: Edit = (one) =>
          one.updateTable('releases').set({ notes: 'evil' }).where('id', '=', live).execute();
        expect(await foundAfter(db, editNotes)).toEqual(['row_changed']);
        const editBaseline: Edit = (one) => one.updateTable('audit_baseline').set({ seq: 1 }).execute();
        expect(await foundAfter(db, editBaseline)).toEqual(['baseline_changed']);
        const editHead: Edit = (one) => one.updateTable('audit_head').set({ pruned_seq: 1 }).execute();
        expect(await foundAfter(db, editHead)).not.toEqual([]);
        await expect(db.deleteFrom('audit').execute()).rejects.toThrow(/append-only/);
      });

      test('is pruned again, and knows of apps that were deleted between', async () => {
        const { store, db, appId } = await openFilled();
        const prune = (day: number) =>
          pruneAudit(db, { olderThan: later(day * DAY), by: { actor: SERVER, now: later(day * DAY) } });
        expect(await prune(5)).toBeGreaterThan(10);
        await deleteApp(db, appId, by(later(6 * DAY)));
        await StoreWithApp.in({ queries: store.db } as Database, 'another');
        expect(await prune(20)).toBeGreaterThan(1);
        expect(await prune(40)).toBe(1);
        expect((await verifyAudit(db)).problems).toEqual([]);
      });

      test('is not pruned where its chain is broken', async () => {
        const { db } = await openFilled();
        await transact(db, async (transaction) => {
          await dropTriggers(transaction);
          await transaction.updateTable('audit').set({ actor_name: 'x' }).where('seq', '=', 4).execute();
        });
        const prune = pruneAudit(db, { olderThan: later(5 * DAY), by: by(later(5 * DAY)) });
        await expect(prune).rejects.toMatchObject({ code: 'verification_failed' });
        expect(await listAudit(db, { limit: 4 })).toHaveLength(4);
      });
    });

    test('is read by app, by time and by number, the last entry last', async () => {
      const { db, appId } = await openFilled();
      await renameApp(db, { appId, name: 'Later' }, by(later(DAY)));
      const all = await listAudit(db, { limit: 1000 });
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i + 1));
      expect(await listAudit(db, { limit: 2 })).toEqual(all.slice(-2));
      expect(await listAudit(db, { since: later(HOUR), limit: 10 })).toEqual(all.slice(-1));
      const ofApp = await listAudit(db, { appId, limit: 1000 });
      expect(ofApp).toEqual(all.filter(({ app_id }) => app_id === appId));
      expect(ofApp.length).toBeLessThan(all.length);
    });
  });
}

type AuditedTable = 'releases' | 'tokens' | 'apps' | 'artifacts' | 'published_bytes' | 'slugs';

/** Adds a copy of a row with other values: expressions, by column. */
async function insertLike(
  db: Transaction<Schema>,
  table: AuditedTable,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const tables = await db.introspection.getTables();
  const columns = (tables.find(({ name }) => name === table)?.columns ?? []).map(({ name }) => name);
  const values = columns.map((column) => (changes[column] ? sql.raw(changes[column]) : sql.ref(column)));
  await sql`insert into ${sql.table(table)} (${sql.join(columns.map((one) => sql.ref(one)))})
    select ${sql.join(values)} from ${sql.table(table)} limit 1`.execute(db);
}
