import { readdirSync, readFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';
import { basename, join } from 'node:path';
import { CompiledQuery, type KyselyPlugin, sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { GENESIS } from '../../../src/database/attribution.ts';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { strandedByChange } from '../../../src/database/queries/app-files.ts';
import { auditHead, hashOfEntry } from '../../../src/database/queries/audit.ts';
import { chunks } from '../../../src/database/queries/chunks.ts';
import { hasRecords } from '../../../src/database/queries/recorded-files.ts';
import { addTrustedPublisher } from '../../../src/database/queries/trusted-publishers.ts';
import type { AuditTable } from '../../../src/database/schema.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { versionOrder } from '../../../src/protocol/version.ts';
import { resolveOffers } from '../../../src/server/update-check/resolve-offers.ts';
import { JOB, publisherOf } from '../../support/identity/trusted-job.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { SHA_A } from '../../support/server/store-with-app.ts';
import { runEveryQuery } from './query-scenario.ts';

/** Filling the stores takes a while. */
vi.setConfig({ testTimeout: 120_000 });

/* The plan of each query that a server or `publish` waits for, on a store that is filled with other apps. */

/** Tables that grow with apps and releases. */
const GROWING =
  'apps|app_usage|app_limits|hourly_changes|slugs|tokens|trusted_publishers|used_identities|releases|artifacts|artifact_digests|manifests|published_bytes|audit|audit_baseline|token_uses|attempts|conversions|webhook_deliveries|counts|was|low|high|b|a';
const APPS = 200;
const RELEASES = 30;
/** Of the first app. */
const MANY_RELEASES = 1000;

/** Functions that may read or sort a whole table, and why. */
const WHOLE: Readonly<Record<string, string>> = {
  listApps: 'an operator lists all apps',
  watchedReleases: 'an index has only what is not offered to everyone',
  exportedApps: 'a server that keeps an export looks for what has changed',
  findAppsCalled: 'an operator names an app by what is no key',
  listTokens: 'an operator lists tokens',
  revokeTokens: 'an operator revokes tokens',
  findTokensCalled: 'an operator names a token by what is no key',
  appContents: 'an operator looks at one app',
  deleteApp: 'an operator deletes an app',
  insertApp: 'SQLite plans the check of references to a new row, and leaves it out when it runs',
  recordedFiles: 'fsck and backup read all files',
  listComparedFiles: 'reads a page',
  countStore: 'fsck and copy count rows',
  hasRecords: 'reads one row',
  everySlug: 'an operator imports logs',
  everyVersion: 'an operator imports logs',
  countsOf: 'an operator imports logs',
  storeHistory: 'backup compares all apps',
  knownFiles: 'backup compares all files',
  publishedFiles: 'backup compares all bytes that were ever live',
  readSnapshot: 'copy reads everything',
  replaceRows: 'copy replaces everything',
  recountUsage: 'copy replaces everything',
  queueOrphans: 'copy replaces everything',
  listAudit: 'an operator reads the log',
  verifyAudit: 'verifies everything',
  compareRows: 'verifies everything',
  wrongOffers: 'verifies everything',
  readAuditedRows: 'verifies everything',
  nameAuditedRows: 'verifies everything',
  entriesInOrder: 'reads a page, to prune it',
  findWrongUsage: 'verifies everything',
  slugsOf: 'an operator deletes an app',
  rotateUrlSigningKeys: 'there are a few keys',
  pruneAudit: 'prunes a part of the log once a day',
  foldIntoBaseline: 'prunes a part of the log once a day',
  replaceHistory: 'copy replaces everything',
  readTokenUses: 'an operator lists tokens',
  newestUrlSigningKey: 'there are a few keys',
  findResumableUpload: 'sorts the pending uploads of one file of a release',
};

/** What `audit verify` compares with the log: whole tables. */
const READS_ALL = /: select \* from "\w+"(?: where "status" = (?:\?|\$1))?$/;

/** Fills a store with apps, each with as many releases as the others. */
async function fill(db: Database['queries']): Promise<void> {
  for (let app = 0; app < APPS; app++) {
    const app_id = `app-${app}`;
    const times = { created_at: 0, expires_at: 0, leased_until: 0 };
    await db
      .insertInto('apps')
      .values({
        id: app_id,
        name: 'a',
        slug: app_id,
        pubkey: null,
        approval: 0,
        require_bound_signatures: 0,
        revision: 0,
        trusted_only: 0,
        cohort_fallback: 'hold' as const,
        created_at: 0,
      })
      .execute();
    await db.insertInto('slugs').values({ slug: app_id, app_id, created_at: 0 }).execute();
    await fillTrust(db, app_id);
    await fillCounts(db, app_id);
    const all = Array.from({ length: app === 0 ? MANY_RELEASES : RELEASES }, (_, i) => {
      const version = `1.${i}.0`;
      return { id: `${app_id}-${i}`, version, version_order: versionOrder(version) };
    });
    const platform = { target: 'linux', arch: 'x86_64', bundle_type: '' } as const;
    await db
      .insertInto('releases')
      .values(
        all.map((release) => ({
          ...{
            ...release,
            app_id,
            precedence: release.version,
            notes: null,
            signature: 's',
            status: 'published' as const,
          },
          ...{
            channel: 'stable',
            signing_key_id: null,
            embedded_pubkey: null,
            ...{ mandatory: 0, rolled_back: 0 },
            requires: null,
            allow_stranding: 0,
          },
          ...{ expect: null, token_id: null, awaits_approval: 0, provenance: null },
          ...{ rollout: null, paused_at: null, held_until: 0 },
          ...{ pub_date: 0, created_at: 0 },
        })),
      )
      .execute();
    await db
      .insertInto('artifacts')
      .values(
        all.map(({ id, version_order }) => ({
          ...{
            id,
            release_id: id,
            app: app_id,
            file_name: null,
            token_id: null,
            lost_at: null,
            version_order,
            lane: 'stable linux-x86_64  ',
            released: 1,
            ...platform,
          },
          ...{
            file_size: 1,
            sha256: SHA_A,
            signature: null,
            signing_key_id: null,
            status: 'complete' as const,
          },
          ...{
            storage_key: id,
            ...times,
            poll_at: null,
            refusal: null,
            multipart_id: null,
            job: null,
            attempt: null,
            default_kinds: '',
          },
        })),
      )
      .execute();
    await db
      .insertInto('artifact_digests')
      .values(
        all.map(({ id }) => ({
          artifact_id: id,
          algorithm: 'sha512' as const,
          digest: 'ab',
          leased_until: 0,
        })),
      )
      .execute();
    await db
      .insertInto('statements')
      .values(
        all.map(({ id }) => ({
          ...{ id, app: app_id, release_id: id },
          kind: 'manifest',
          document: '{}',
          created_at: 0,
        })),
      )
      .execute();
    await db
      .insertInto('published_bytes')
      .values(
        all.map(({ version, version_order }) => ({
          ...{ app_id, precedence: version, version_order, lane: 'stable linux-x86_64  ', ...platform },
          ...{ sha256: SHA_A, channel: 'stable', signing_key_id: null, embedded_pubkey: null },
          default_kinds: '',
        })),
      )
      .execute();
  }
  await fillAudit(db);
}

/** Fills the log with entries, as if each release had one. */
async function fillAudit(db: Database['queries']): Promise<void> {
  const actor = {
    actor_kind: 'server',
    actor_id: null,
    actor_name: null,
    address: null,
    request_id: null,
  } as const;
  const change = { at: 0, action: 'release.created', outcome: 'done', details: '{}', rows: '{}' } as const;
  const before = await auditHead(db);
  const entries: AuditTable[] = [];
  for (let i = 1; i <= APPS * RELEASES; i++) {
    const previous = entries.at(-1)?.hash ?? before.hash;
    const entry = { seq: before.seq + i, ...change, app_id: `app-${i % APPS}`, ...actor, previous };
    entries.push({ ...entry, hash: hashOfEntry(entry) });
  }
  for (const some of chunks(entries)) await db.insertInto('audit').values(some).execute();
  const { seq = 0, hash = GENESIS } = entries.at(-1) ?? {};
  await db.updateTable('audit_head').set({ seq, hash }).execute();
}

/** A month by day, as it was counted. */
async function fillCounts(db: Database['queries'], app_id: string): Promise<void> {
  const count = { app_id, platform: 'linux-x86_64', version: '1.0.0', generation: 'g', clients: 100 };
  const days = Array.from({ length: 30 }, (_, day) => `2026-02-${String(day + 1).padStart(2, '0')}`);
  const kinds = ['seen', 'running'] as const;
  const rows = days.flatMap((period) =>
    kinds.map((kind) => ({ ...count, period, kind, sketch: null, sketch_until: null })),
  );
  await db.insertInto('counts').values(rows).execute();
}

/** What an app trusts, and the tokens that its jobs and others have. */
async function fillTrust(db: Database['queries'], appId: string): Promise<void> {
  const publisher = await addTrustedPublisher(db, publisherOf(appId, JOB.issuer), by());
  if (publisher === 'exists') throw new Error(publisher);
  await db
    .insertInto('used_identities')
    .values({ issuer: JOB.issuer, jti: appId, expires_at: 1e15 })
    .execute();
  const none = { scopes: '', created_at: 0, revoked_at: null };
  const tokens = Array.from({ length: 10 }, (_, i) => ({
    ...{ ...none, id: `${appId}-${i}`, app_id: appId, name: 'a', hash: `${appId}-${i}`, expires_at: 1e15 },
    ...(i < 2 ? { publisher_id: publisher.id, job: JSON.stringify(JOB) } : { publisher_id: null, job: null }),
  }));
  await db.insertInto('tokens').values(tokens).execute();
}

const QUERIES = new URL('../../../src/database/queries/', import.meta.url).pathname;

interface SeenQuery extends CompiledQuery {
  /** The functions that ran it. */
  readonly by: Set<string>;
}

Error.stackTraceLimit = 50; // Kysely's own calls are ten and more

/** The database with each query that runs on it. */
function recording({ queries }: Database) {
  const seen = new Map<string, SeenQuery>();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => {
      const compiled = queries.getExecutor().compileQuery(node, queryId);
      const { by } = seen.get(compiled.sql) ?? { by: new Set<string>() };
      seen.set(compiled.sql, { ...compiled, by: by.add(callerOf(new Error().stack ?? '')) });
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return { queries: queries.withPlugin(plugin), seen };
}

/** The innermost function of a file of queries; around a callback, the one that it is written in. */
function callerOf(stack: string): string {
  const frame = stack.split('\n').find((line) => line.includes('/database/queries/')) ?? '';
  const [, name] = /at (?:async )?(\w+) \(/.exec(frame) ?? [];
  if (name !== undefined) return name;
  const [, file = '', line] = /([\w-]+\.ts):(\d+)/.exec(frame) ?? [];
  const before = readFileSync(join(QUERIES, file), 'utf8').split('\n').slice(0, Number(line));
  return (
    before.map((text) => /^(?:export )?(?:async )?function (\w+)/.exec(text)?.[1]).findLast(Boolean) ?? frame
  );
}

/** @returns where the files of queries execute one that did not run, as `file: what is around it` */
async function unexecutedDuring(run: () => Promise<void>): Promise<string[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Debugger.enable'); // for the sources
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    await run();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const scripts = new Map(result.map((script) => [basename(script.url), script]));
    const found = readdirSync(QUERIES).map(async (file) => {
      const script = scripts.get(file);
      if (script === undefined) return [`${file}: not even imported`];
      const { scriptSource } = await session.post('Debugger.getScriptSource', script);
      return unexecutedIn(scriptSource, script.functions).map((around) => `${file}: ${around}`);
    });
    return (await Promise.all(found)).flat();
  } finally {
    session.disconnect();
  }
}

function unexecutedIn(source: string, functions: readonly Profiler.FunctionCoverage[]): string[] {
  const ranges = functions.flatMap((one) => one.ranges);
  return [...source.matchAll(/\.execute(?:TakeFirst|TakeFirstOrThrow)?\(/g)].flatMap(({ index }) => {
    const around = ranges.filter(({ startOffset, endOffset }) => startOffset <= index && index < endOffset);
    const [innermost] = around.sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset));
    return innermost?.count ? [] : [source.slice(Math.max(0, index - 200), index + 10)];
  });
}

interface Plan {
  readonly text: string;
  readonly by: readonly string[];
}

async function plansOf(database: Database, explain: string, analyze: string) {
  const { queries, seen } = recording(database);
  const unexecuted = await unexecutedDuring(async () => {
    await hasRecords(queries); // asks for more while there is no app
    await fill(database.queries);
    await runEveryQuery(database, queries);
  });
  const plans = new Map<string, Plan>();
  for (const isAnalyzed of [false, true]) {
    if (isAnalyzed) await sql.raw(analyze).execute(database.queries);
    for (const { sql: query, parameters, by } of seen.values()) {
      const { rows } = await database.queries.executeQuery<object>(
        CompiledQuery.raw(`${explain} ${query}`, [...parameters]),
      );
      const text = rows.map((row) => JSON.stringify(Object.values(row).at(-1))).join('\n');
      plans.set(`${isAnalyzed ? 'analyzed' : 'as created'}: ${query}`, { text, by: [...by] });
    }
  }
  return { plans, unexecuted };
}

/** Plans that nothing excuses: of each query that a function other than those ran, in the given state of statistics. */
function badPlans(plans: ReadonlyMap<string, Plan>, isBad: (plan: string) => boolean): string[] {
  return [...plans].flatMap(([query, { text, by }]) => {
    if (READS_ALL.test(query)) return [];
    const others = by.filter((name) => !(name in WHOLE));
    return others.length > 0 && isBad(text) ? [`${others.join(', ')}: ${query}\n${text}`] : [];
  });
}

test('field 14: no query of SQLite scans or sorts a table that grows', async () => {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  const { plans, unexecuted } = await plansOf(database, 'explain query plan', 'analyze');
  expect.soft(unexecuted).toEqual([]);
  const scan = new RegExp(
    `"SCAN (?:${GROWING})(?! USING (?:COVERING )?INDEX (?:artifacts_(?:pending|poll|deleting)|releases_waiting|webhook_deliveries_pending))\\b`,
  );
  // A join that is planned the wrong way round reads all files of the app.
  const whole = /SEARCH (?:low|high) [^"]*\(app_id=\?\)"|SEARCH [ab] USING INDEX [^"]*\(app_id=\?\)"/;
  // `is not null` of a key, which all rows have.
  const unbounded = /SEARCH \w+ USING (?:COVERING )?INDEX sqlite_autoindex_\w+ \(\w+>\?\)/;
  const sort = /USE TEMP B-TREE/;
  const isBad = (plan: string) => [scan, whole, unbounded, sort].some((pattern) => pattern.test(plan));
  expect(badPlans(plans, isBad)).toEqual([]);
});

describeOnPostgres('PostgreSQL', () => {
  const postgres = usePostgres();

  test('field 14: no query scans a table that grows', async () => {
    const database = await openPostgres({ url: await postgres.server.createDatabase() });
    onTestFinished(() => database.close());
    const { plans } = await plansOf(database, 'explain', 'analyze');
    const scan = /Seq Scan on (?:releases|artifacts|published_bytes|audit)\b/;
    const analyzed = new Map([...plans].filter(([query]) => query.startsWith('analyzed')));
    expect(badPlans(analyzed, (plan) => scan.test(plan))).toEqual([]);
    // Without statistics, as after a restore, the index with the most conditions looks the smallest.
    const wholeIndex =
      /Index (?:Only )?Scan using (?!artifacts_(?:pending|poll|deleting|lost|foreign)|orphans_|releases_waiting)\w+ on (?:releases|artifacts|published_bytes)\b.*\n(?!.*Index Cond)/;
    expect(badPlans(plans, (plan) => wholeIndex.test(plan))).toEqual([]);
  });

  test('field 14: what an app with many releases is offered is found by reading a few rows', async () => {
    const database = await openPostgres({ url: await postgres.server.createDatabase() });
    onTestFinished(() => database.close());
    await fill(database.queries);
    const { queries, seen } = recording(database);
    const appId = 'app-0';
    await resolveOffers(queries, {
      appId,
      slug: appId,
      publicUrl: 'https://updates.example.com',
      now: Date.now(),
    });
    const highest = { releaseId: `${appId}-${MANY_RELEASES - 1}`, version: `1.${MANY_RELEASES - 1}.0` };
    await strandedByChange(queries, appId, { kind: 'withdraw', ...highest });
    for (const isAnalyzed of [false, true]) {
      if (isAnalyzed) await sql`analyze`.execute(database.queries);
      for (const { sql: text, parameters } of seen.values()) {
        const { rows } = await database.queries.executeQuery<object>(
          CompiledQuery.raw(`explain analyze ${text}`, [...parameters]),
        );
        const plan = rows.map((row) => String(Object.values(row)[0])).join('\n');
        const read = [...plan.matchAll(/actual time=\S+ rows=(\d+)/g)].map(([, count]) => Number(count));
        expect(Math.max(...read), plan).toBeLessThan(MANY_RELEASES / 10);
      }
    }
  });
});
