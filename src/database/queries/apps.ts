import { randomUUID } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import { type AutoPause, autoPauseOf } from '../../protocol/health/auto-pause.ts';
import type { CohortFallback } from '../../protocol/rollout/cohort.ts';
import { noteChange } from '../app-changes.ts';
import type { Attribution } from '../attribution.ts';
import type { AppsTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { forgetLimits, requireWithinLimits } from './app-limits.ts';
import { recordAudit } from './audit.ts';
import type { AuditedName } from './audited-rows.ts';
import { deleteArtifactsOf } from './delete-artifacts.ts';
import { insertToken, type NewToken } from './tokens.ts';

export interface App {
  readonly id: string;
  readonly name: string;
  readonly slug: string | null;
  readonly pubkey: string | null;
  /** Whether releases go live only when somebody else than their uploader asks for it. */
  readonly approval: boolean;
  /** Whether only trusted publishers may publish, and stored tokens may not. */
  readonly trustedOnly: boolean;
  /** Whether uploads need signatures that name their version, where there is a key. */
  readonly requireBoundSignatures: boolean;
  /** Extension `rollout`: which cohort its apps are in that do not say it. */
  readonly cohortFallback: CohortFallback;
  /** Extension `policy`: lower versions have to update. */
  readonly minimumVersion: string | null;
  readonly autoPause: AutoPause;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface NewApp {
  readonly name: string;
  readonly slug?: string | undefined;
  readonly pubkey?: string | undefined;
  readonly approval?: boolean;
  /** By default where it has a key. */
  readonly requireBoundSignatures?: boolean | undefined;
}

export interface AppSlug {
  readonly appId: string;
  readonly slug: string;
}

export interface SlugChange extends AppSlug {
  /** Only for an app that has none, or this one. */
  readonly onlyFirst?: boolean;
}

export interface AppKey {
  readonly appId: string;
  readonly pubkey: string;
}

export interface AppName {
  readonly appId: string;
  readonly name: string;
}

export interface NewAppWithToken {
  readonly app: NewApp;
  readonly token: Omit<NewToken, 'appId'>;
}

/**
 * Creates an app together with its first token.
 * @returns both (the only time that the token's text is known), or `slug_taken` when another app has or had the slug
 */
export async function createAppWithToken(
  db: Kysely<Schema>,
  { app, token }: NewAppWithToken,
  by: Attribution,
): Promise<{ readonly app: App; readonly token: string } | 'slug_taken'> {
  return transact(db, async (transaction) => {
    const created = await insertApp(transaction, app, by);
    if (created === 'slug_taken') return created;
    const { token: text } = await insertToken(transaction, { ...token, appId: created.id }, by);
    return { app: created, token: text };
  });
}

/** Creates an app. @returns it, or `slug_taken` when another app has or had the slug */
export async function createApp(
  db: Kysely<Schema>,
  app: NewApp,
  by: Attribution,
): Promise<App | 'slug_taken'> {
  return transact(db, (transaction) => insertApp(transaction, app, by));
}

async function insertApp(
  transaction: Transaction<Schema>,
  app: NewApp,
  by: Attribution,
): Promise<App | 'slug_taken'> {
  const { now } = by;
  const { slug, pubkey, requireBoundSignatures = pubkey !== undefined } = app;
  if (slug !== undefined && (await slugOwner(transaction, slug)) !== undefined) return 'slug_taken';
  const row: AppsTable = {
    id: randomUUID(),
    name: app.name,
    slug: slug ?? null,
    pubkey: pubkey ?? null,
    approval: app.approval ? 1 : 0,
    require_bound_signatures: requireBoundSignatures ? 1 : 0,
    revision: 0,
    trusted_only: 0,
    cohort_fallback: 'hold',
    minimum_version: null,
    auto_pause: null,
    created_at: now.getTime(),
  };
  await transaction.insertInto('apps').values(row).execute();
  if (slug !== undefined) await reserveSlug(transaction, { appId: row.id, slug }, now);
  await noteChange(transaction, row.id);
  recordAudit(transaction, {
    by,
    action: 'app.created',
    appId: row.id,
    details: { name: row.name, slug: row.slug, pubkey: row.pubkey },
    rows: [`app:${row.id}`, ...slugRows(slug)],
  });
  return toApp(row);
}

export async function findApp(db: Queries, id: string): Promise<App | undefined> {
  const row = await db.selectFrom('apps').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toApp(row);
}

export async function listApps(db: Queries): Promise<App[]> {
  const rows = await db.selectFrom('apps').selectAll().orderBy('created_at').orderBy('id').execute();
  return rows.map(toApp);
}

/**
 * api.md, "Register a Slug". An earlier slug of the app keeps working: installed apps have it built in.
 * @returns `slug_taken` when another app has or had the slug, `has_slug` when it was to be the first
 * @throws Problem `limit_reached`
 */
export async function setSlug(
  db: Kysely<Schema>,
  { appId, slug, onlyFirst = false }: SlugChange,
  by: Attribution,
): Promise<'set' | 'slug_taken' | 'has_slug'> {
  return transact(db, async (transaction) => {
    const before = (await findApp(transaction, appId))?.slug ?? null;
    if (onlyFirst && before !== null && before !== slug) return 'has_slug';
    const owner = await slugOwner(transaction, slug);
    if (owner !== undefined && owner !== appId) return 'slug_taken';
    if (owner === undefined) {
      await requireWithinLimits(transaction, appId, { slugs: 1 });
      await reserveSlug(transaction, { appId, slug }, by.now);
    }
    await transaction.updateTable('apps').set({ slug }).where('id', '=', appId).execute();
    await raiseRevision(transaction, appId);
    if (slug !== before) {
      const rows = [`app:${appId}`, ...slugRows(slug)] as const;
      recordAudit(transaction, { by, action: 'app.slug_set', appId, details: { slug, before }, rows });
    }
    return 'set';
  });
}

/** Sets the minisign public key that verifies uploads, as `formatPublicKey` writes it. @returns whether the app exists */
export async function setAppKey(
  db: Kysely<Schema>,
  { appId, pubkey }: AppKey,
  by: Attribution,
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const app = await findApp(transaction, appId);
    if (app === undefined) return false;
    await transaction.updateTable('apps').set({ pubkey }).where('id', '=', appId).execute();
    const details = { pubkey, before: app.pubkey };
    recordAudit(transaction, { by, action: 'app.key_set', appId, details, rows: [`app:${appId}`] });
    return true;
  });
}

/**
 * Sets whether releases go live only when somebody else than their uploader asks for it. Drafts that there are then wait
 * for that; they go on to wait for a request when it is switched off.
 */
export async function setApproval(
  db: Kysely<Schema>,
  { appId, approval }: { readonly appId: string; readonly approval: boolean },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    await transaction
      .updateTable('apps')
      .set({ approval: approval ? 1 : 0 })
      .where('id', '=', appId)
      .execute();
    const held = approval ? await holdDrafts(transaction, appId) : [];
    const rows = [`app:${appId}` as const, ...held.map((id) => `release:${id}` as const)];
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details: { approval }, rows });
  });
}

/** @returns the ids of drafts that go live by a request only from now on */
async function holdDrafts(transaction: Queries, appId: string): Promise<string[]> {
  const rows = await transaction
    .updateTable('releases')
    .set({ awaits_approval: 1 })
    .where('app_id', '=', appId)
    .where('status', '=', sql.lit('draft'))
    .returning('id')
    .execute();
  return rows.map(({ id }) => id);
}

/** Whether an app's releases take somebody else to go live. Belongs into the transaction that takes them live. */
export async function requiresApproval(transaction: Queries, appId: string): Promise<boolean> {
  const row = await transaction
    .selectFrom('apps')
    .select('approval')
    .where('id', '=', appId)
    .executeTakeFirst();
  return row?.approval === 1;
}

/** Whether only trusted publishers may publish it from now on. @returns whether the app exists */
export async function setTrustedOnly(
  db: Kysely<Schema>,
  { appId, only }: { readonly appId: string; readonly only: boolean },
  by: Attribution,
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('apps')
      .set({ trusted_only: only ? 1 : 0 })
      .where('id', '=', appId)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return false;
    const details = { trusted_only: only };
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details, rows: [`app:${appId}`] });
    return true;
  });
}

/** Sets whether uploads need signatures that name their version. It changes nothing about what is uploaded already. */
export async function setRequireBoundSignatures(
  db: Kysely<Schema>,
  { appId, required }: { readonly appId: string; readonly required: boolean },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    await transaction
      .updateTable('apps')
      .set({ require_bound_signatures: required ? 1 : 0 })
      .where('id', '=', appId)
      .execute();
    const details = { require_bound_signatures: required };
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details, rows: [`app:${appId}`] });
  });
}

/** Sets which cohort its apps are in that do not say it. */
export async function setCohortFallback(
  db: Kysely<Schema>,
  { appId, fallback }: { readonly appId: string; readonly fallback: CohortFallback },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    await transaction
      .updateTable('apps')
      .set({ cohort_fallback: fallback })
      .where('id', '=', appId)
      .execute();
    await raiseRevision(transaction, appId);
    const details = { cohort_fallback: fallback };
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details, rows: [`app:${appId}`] });
  });
}

/** Extension `policy`: sets below which version apps have to update; null for none. */
export async function setMinimumVersion(
  db: Kysely<Schema>,
  { appId, version }: { readonly appId: string; readonly version: string | null },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    await transaction.updateTable('apps').set({ minimum_version: version }).where('id', '=', appId).execute();
    await raiseRevision(transaction, appId);
    const details = { minimum_version: version };
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details, rows: [`app:${appId}`] });
  });
}

/** Sets when the server pauses rollouts of the app by itself. What is left out stays. @returns what is set then */
export async function setAutoPause(
  db: Kysely<Schema>,
  { appId, change }: { readonly appId: string; readonly change: Partial<AutoPause> },
  by: Attribution,
): Promise<AutoPause> {
  return transact(db, async (transaction) => {
    const app = await findApp(transaction, appId);
    const autoPause = { ...(app?.autoPause ?? autoPauseOf(null)), ...change };
    const auto_pause = JSON.stringify(autoPause);
    await transaction.updateTable('apps').set({ auto_pause }).where('id', '=', appId).execute();
    const details = { auto_pause: autoPause };
    recordAudit(transaction, { by, action: 'app.settings_set', appId, details, rows: [`app:${appId}`] });
    return autoPause;
  });
}

/** The app with this id or current slug, else those with this name. */
export async function findAppsCalled(db: Queries, reference: string): Promise<App[]> {
  const exact = await db
    .selectFrom('apps')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', reference), eb('slug', '=', reference)]))
    .executeTakeFirst();
  if (exact !== undefined) return [toApp(exact)];
  const former = db.selectFrom('slugs').select('app_id').where('slug', '=', reference);
  const others = await db
    .selectFrom('apps')
    .selectAll()
    .where((eb) => eb.or([eb('name', '=', reference), eb('id', 'in', former)]))
    .orderBy('id')
    .execute();
  return others.map(toApp);
}

/** @returns whether the app exists */
export async function renameApp(
  db: Kysely<Schema>,
  { appId, name }: AppName,
  by: Attribution,
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const app = await findApp(transaction, appId);
    if (app === undefined) return false;
    await transaction.updateTable('apps').set({ name }).where('id', '=', appId).execute();
    const details = { name, before: app.name };
    recordAudit(transaction, { by, action: 'app.renamed', appId, details, rows: [`app:${appId}`] });
    return true;
  });
}

/** What an app has, for people. */
export interface AppContents {
  /** Every slug that it has or had, oldest first. */
  readonly slugs: readonly string[];
  readonly releases: { readonly published: number; readonly draft: number; readonly yanked: number };
  /** Complete ones. */
  readonly files: { readonly count: number; readonly bytes: number };
  /** Of tokens that are not revoked. */
  readonly tokens: number;
}

export async function appContents(db: Queries, appId: string): Promise<AppContents> {
  const slugs = await slugsOf(db, appId);
  const releases = await db
    .selectFrom('releases')
    .select((eb) => ['status', eb.fn.countAll<number>().as('count')])
    .where('app_id', '=', appId)
    .groupBy('status')
    .execute();
  const count = (status: string) => Number(releases.find((row) => row.status === status)?.count ?? 0);
  const files = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select((eb) => [eb.fn.countAll().as('count'), eb.fn.sum('file_size').as('bytes')])
    .where('releases.app_id', '=', appId)
    .where('artifacts.status', '=', 'complete')
    .executeTakeFirstOrThrow();
  const tokens = await db
    .selectFrom('tokens')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('app_id', '=', appId)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return {
    slugs,
    releases: { published: count('published'), draft: count('draft'), yanked: count('yanked') },
    files: { count: Number(files.count), bytes: Number(files.bytes ?? 0) },
    tokens: Number(tokens.count),
  };
}

/**
 * Deletes an app with its releases and tokens. Its files are queued for removal, and its slugs stay reserved: installed
 * apps that have them built in must not be offered another app's updates.
 */
export async function deleteApp(db: Kysely<Schema>, appId: string, by: Attribution): Promise<void> {
  await transact(db, async (transaction) => {
    const app = await findApp(transaction, appId);
    if (app === undefined) return;
    await raiseRevision(transaction, appId);
    const slugs = await slugsOf(transaction, appId);
    const releases = transaction.selectFrom('releases').select('id').where('app_id', '=', appId);
    await deleteArtifactsOf(transaction, releases);
    await transaction.updateTable('slugs').set({ app_id: null }).where('app_id', '=', appId).execute();
    const tokens = transaction.selectFrom('tokens').select('id').where('app_id', '=', appId);
    await transaction.deleteFrom('token_uses').where('token_id', 'in', tokens).execute();
    for (const table of [
      'releases',
      'published_bytes',
      'tokens',
      'trusted_publishers',
      'webhooks',
    ] as const) {
      await transaction.deleteFrom(table).where('app_id', '=', appId).execute();
    }
    await forgetLimits(transaction, appId);
    for (const table of ['counts', 'attempts', 'conversions'] as const)
      await transaction.deleteFrom(table).where('app_id', '=', appId).execute();
    await transaction.deleteFrom('apps').where('id', '=', appId).execute();
    recordAudit(transaction, {
      by,
      action: 'app.deleted',
      appId,
      details: { name: app.name, slugs },
      rows: [`app:${appId}`, ...slugRows(...slugs)],
    });
  });
}

/**
 * Gives a slug back that an app had, or that a deleted app has left.
 * @returns `in_use` for an app's current slug
 */
export async function freeSlug(
  db: Kysely<Schema>,
  slug: string,
  by: Attribution,
): Promise<'freed' | 'in_use' | 'unknown'> {
  return transact(db, async (transaction) => {
    const current = await transaction
      .selectFrom('apps')
      .select('id')
      .where('slug', '=', slug)
      .executeTakeFirst();
    if (current !== undefined) return 'in_use';
    const owner = await slugOwner(transaction, slug);
    await transaction.deleteFrom('slugs').where('slug', '=', slug).execute();
    if (owner === undefined) return 'unknown';
    if (owner !== null) await raiseRevision(transaction, owner);
    recordAudit(transaction, {
      by,
      action: 'slug.freed',
      appId: owner,
      details: { slug },
      rows: slugRows(slug),
    });
    return 'freed';
  });
}

/** Invalidates every node's cache of the app's offers. Belongs into each transaction that changes them. */
export async function raiseRevision(transaction: Queries, appId: string): Promise<void> {
  await transaction
    .updateTable('apps')
    .set((eb) => ({ revision: eb('revision', '+', 1) }))
    .where('id', '=', appId)
    .execute();
  await noteChange(transaction, appId);
}

/** Every slug that an app has or had, oldest first. */
async function slugsOf(db: Queries, appId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('slugs')
    .select('slug')
    .where('app_id', '=', appId)
    .orderBy('created_at')
    .execute();
  return rows.map(({ slug }) => slug);
}

function slugRows(...slugs: readonly (string | undefined)[]): AuditedName[] {
  return slugs.filter((slug) => slug !== undefined).map((slug) => `slug:${slug}` as const);
}

/** The app that has or had the slug; null for a deleted one. */
async function slugOwner(db: Queries, slug: string): Promise<string | null | undefined> {
  const row = await db.selectFrom('slugs').select('app_id').where('slug', '=', slug).executeTakeFirst();
  return row?.app_id;
}

async function reserveSlug(db: Queries, { appId, slug }: AppSlug, now: Date): Promise<void> {
  await db.insertInto('slugs').values({ slug, app_id: appId, created_at: now.getTime() }).execute();
}

function toApp({ id, name, slug, pubkey, created_at, ...row }: AppsTable): App {
  const settings = {
    approval: row.approval !== 0,
    requireBoundSignatures: row.require_bound_signatures !== 0,
    trustedOnly: row.trusted_only !== 0,
    cohortFallback: row.cohort_fallback,
    minimumVersion: row.minimum_version,
    autoPause: autoPauseOf(row.auto_pause),
  };
  return { id, name, slug, pubkey, ...settings, createdAt: created_at };
}
