import { type Kysely, sql, type Transaction } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { renameApp } from '../../../src/database/queries/apps.ts';
import { issuerRecords } from '../../../src/database/queries/issuer-keys.ts';
import { pruneAudit } from '../../../src/database/queries/prune-audit.ts';
import { storeStatement } from '../../../src/database/queries/statements.ts';
import { addTrustedPublisher } from '../../../src/database/queries/trusted-publishers.ts';
import { currentUrlSigningKey } from '../../../src/database/queries/url-signing-keys.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import { addWebhook } from '../../../src/database/queries/webhooks.ts';
import type { Schema } from '../../../src/database/schema.ts';
import { JOB, publisherOf } from '../../support/identity/trusted-job.ts';
import { signedManifest } from '../../support/publish/signed-envelope.ts';
import { by } from '../../support/server/by.ts';
import { webhookOf } from '../../support/server/new-webhook.ts';
import { HOUR, later, NOW } from '../../support/server/store-with-app.ts';
import { dropTriggers, fill, foundAfter } from './audit.contract.ts';
import type { OpenStore } from './database.contract.ts';

/** Tables of which an edit is not found, and why. */
const FREE_TABLES: Readonly<Record<string, string>> = {
  attempts: 'who downloads a release, for a day: a sketch; a wrong one pauses a rollout at worst',
  artifact_digests: 'computed from the files, and computed again if it is deleted',
  changed_apps: 'which apps have changed, for the caches of other processes',
  conversions: 'how many of them ran it: a wrong number pauses a rollout at worst',
  count_keys: 'keys that processes hand each other for counting, sealed',
  count_nodes: 'processes that count',
  counts: 'how many installed apps there are, which is shown to people only',
  hourly_changes: 'how many changes were made in an hour, which only limits those to come',
  orphans: 'what is removed from the storage if no file refers to it',
  settings: 'a start compares the storage and the id of the database with what the storage says of them',
  storage_claim: 'a start compares it with what the storage says',
  token_uses: 'when a token was used last, which is shown to people only',
  webhook_deliveries: 'messages to webhooks, which change nothing that is served',
  used_identities: 'identity tokens that were exchanged, for minutes; each exchange has an entry of its own',
};

/** The same for columns. */
const FREE_COLUMNS: Readonly<Record<string, string>> = {
  'apps.revision': 'a number that caches compare',
  'artifacts.expires_at': 'of uploads',
  'artifacts.leased_until': 'of uploads',
  'artifacts.lost_at': 'the server compares the file itself with it, each minute',
  'artifacts.multipart_id': 'of uploads',
  'artifacts.poll_at': 'of uploads',
  'artifacts.refusal': 'of uploads',
  'issuer_keys.ended_at': 'when keys were fetched; what they are is compared',
  'issuer_keys.error': 'why keys were not fetched',
  'issuer_keys.fetched_at': 'when keys were fetched; what they are is compared',
  'issuer_keys.started_at': 'when keys were fetched; what they are is compared',
  'webhooks.failing_since': 'since when nothing has reached it',
};

/** Columns that take no other value. */
const FIXED_COLUMNS = ['audit_head.id'];

/** Rows that are edited, where not any. Uploads that are not complete are free: they change nothing that is served. */
const EDITED: Readonly<Record<string, string>> = { artifacts: "status = 'complete'" };

/** Rows that are deleted, where not any: those of a release refer to it. */
const DELETED: Readonly<Record<string, string>> = { ...EDITED, releases: "status = 'draft'" };

/** What a copy of a row needs other values for. */
const COPIED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  apps: { id: "'new'", slug: 'null' },
  app_limits: { name: "'releases'" },
  app_usage: { app_id: "'new'" },
  artifacts: { id: "'new'", storage_key: "'new'", target: "'windows'" },
  audit: { seq: 'seq + 1' },
  audit_baseline: { name: "'token:new'" },
  issuer_keys: { issuer: "'https://new.example'", jwks: "'{}'" },
  statements: { id: "'new'" },
  published_bytes: { precedence: "'7.0.0'" },
  releases: { id: "'new'", precedence: "'7.0.0'" },
  slugs: { slug: "'new'" },
  tokens: { id: "'new'", hash: "'new'" },
  trusted_publishers: { id: "'new'" },
  url_signing_keys: { id: "'new'" },
  webhooks: { id: "'new'" },
};

const VALUES = ["'x'", "'7'", '7', '1', '0', "'draft'", "'published'", "'deleting'", "'attestation'", 'null'];

/** A store with rows in every table that is compared with the log, of which a part is pruned. */
async function fillAll(open: () => Promise<OpenStore>): Promise<Kysely<Schema>> {
  const { database } = await open();
  const { db, appId, live } = await fill(database);
  const stored = signedManifest({ version: '1.0.0', releaseId: live });
  await storeStatement(db, { appId, releaseId: live, ...stored }, by());
  await setLimits(db, { appId, changes: { drafts: 5 } }, by());
  await addTrustedPublisher(db, publisherOf(appId, JOB.issuer), by());
  await addWebhook(db, webhookOf(appId), by());
  await currentUrlSigningKey(db, NOW);
  const records = issuerRecords(db);
  await records.start(JOB.issuer, 1, NOW.getTime());
  await records.end(JOB.issuer, { jwks: '{"keys":[]}' }, NOW.getTime());
  await pruneAudit(db, { olderThan: later(240 * HOUR), by: by(later(240 * HOUR)) });
  await renameApp(db, { appId, name: 'Later' }, by(later(240 * HOUR)));
  return db;
}

/** As whoever may change the schema can, too: without triggers and references. */
async function withoutGuards(transaction: Transaction<Schema>, isPostgres: boolean): Promise<void> {
  await dropTriggers(transaction);
  const statement = isPostgres
    ? 'set local session_replication_role = replica'
    : 'pragma defer_foreign_keys = on';
  await sql.raw(statement).execute(transaction);
}

/** That `audit verify` finds edits of every table, but for those that are listed, on every engine. */
export function describeEditedTables(name: string, open: () => Promise<OpenStore>): void {
  describe(`attack M11: edits of the database on ${name}`, () => {
    let db: Kysely<Schema>;
    let isPostgres: boolean;
    /** The names of the columns of each table that is not free. */
    let tables: ReadonlyMap<string, readonly string[]>;

    beforeEach(async () => {
      db = await fillAll(open);
      const all = await db.introspection.getTables();
      isPostgres = all.some(({ schema }) => schema !== undefined);
      tables = new Map(
        all
          .filter((table) => !(table.name in FREE_TABLES))
          .map((table) => [table.name, table.columns.map((column) => column.name)]),
      );
      expect((await verifyAudit(db)).problems).toEqual([]);
    });

    /** @returns what is found; undefined where nothing was edited, or the database does not allow it */
    const edit = async (change: (db: Transaction<Schema>) => Promise<bigint | undefined>) => {
      let rows: bigint | undefined;
      const found = await foundAfter(db, async (transaction) => {
        await withoutGuards(transaction, isPostgres);
        rows = await change(transaction);
      }).catch(() => undefined);
      return rows === 1n ? found : undefined;
    };
    const oneOf = (table: string, rows = EDITED) => {
      const row = sql.raw(isPostgres ? 'ctid' : 'rowid');
      const which = sql.raw(rows[table] ?? 'true');
      return sql`${row} = (select ${row} from ${sql.table(table)} where ${which} limit 1)`;
    };

    test('any value of any column is found, or listed with the reason why not', async () => {
      const unfound: string[] = [];
      const fixed: string[] = [];
      for (const [table, columns] of tables) {
        for (const column of columns) {
          let found: string[] | undefined;
          for (const value of VALUES) {
            found = await edit(async (transaction) => {
              const { rows } = await sql<{ now: unknown }>`
                select ${sql.ref(column)} as now from ${sql.table(table)} where ${oneOf(table)}`.execute(
                transaction,
              );
              if (String(rows[0]?.now) === value.replaceAll("'", '')) return undefined;
              const updated = await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${sql.raw(value)}
                where ${oneOf(table)}`.execute(transaction);
              return updated.numAffectedRows;
            });
            if (found !== undefined) break;
          }
          if (found === undefined) fixed.push(`${table}.${column}`);
          else if (found.length === 0) unfound.push(`${table}.${column}`);
        }
      }
      expect(unfound.sort()).toEqual(Object.keys(FREE_COLUMNS));
      expect(fixed).toEqual(FIXED_COLUMNS);
    });

    test('any row that is deleted is found', async () => {
      for (const table of tables.keys()) {
        const found = await edit(async (transaction) => {
          const which = oneOf(table, DELETED);
          const deleted = await sql`delete from ${sql.table(table)} where ${which}`.execute(transaction);
          return deleted.numAffectedRows;
        });
        expect([table, found]).toEqual([table, expect.arrayContaining([expect.any(String)])]);
      }
    });

    test('any row that is added is found', async () => {
      const added = [...tables.keys()].filter((table) => table !== 'audit_head'); // it has one
      expect(added.sort()).toEqual(Object.keys(COPIED).sort());
      for (const table of added) {
        const columns = tables.get(table) ?? [];
        const changes = COPIED[table] ?? {};
        const values = columns.map((one) => (changes[one] ? sql.raw(changes[one]) : sql.ref(one)));
        const found = await edit(async (transaction) => {
          const last = table === 'audit' ? sql`order by seq desc` : sql``;
          const inserted = await sql`
            insert into ${sql.table(table)} (${sql.join(columns.map((one) => sql.ref(one)))})
            select ${sql.join(values)} from ${sql.table(table)}
            where ${sql.raw(EDITED[table] ?? 'true')} ${last} limit 1`.execute(transaction);
          return inserted.numAffectedRows;
        });
        expect([table, found]).toEqual([table, expect.arrayContaining([expect.any(String)])]);
      }
    });

    test('the tables that are free are those of the database', async () => {
      const all = (await db.introspection.getTables()).map((table) => table.name);
      const local = isPostgres ? ['changed_apps'] : [];
      expect(Object.keys(FREE_TABLES).filter((table) => !all.includes(table))).toEqual(local);
    });
  });
}
