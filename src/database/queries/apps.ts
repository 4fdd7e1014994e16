import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { AppsTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { createToken, type NewToken } from './tokens.ts';

export interface App {
  readonly id: string;
  readonly name: string;
  readonly slug: string | null;
  readonly pubkey: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface NewApp {
  readonly name: string;
  readonly slug?: string | undefined;
  readonly pubkey?: string | undefined;
}

export interface AppSlug {
  readonly appId: string;
  readonly slug: string;
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
  now: Date,
): Promise<{ readonly app: App; readonly token: string } | 'slug_taken'> {
  return transact(db, async (transaction) => {
    const created = await insertApp(transaction, app, now);
    if (created === 'slug_taken') return created;
    const { token: text } = await createToken(transaction, { ...token, appId: created.id }, now);
    return { app: created, token: text };
  });
}

/** Creates an app. @returns it, or `slug_taken` when another app has or had the slug */
export async function createApp(db: Kysely<Schema>, app: NewApp, now: Date): Promise<App | 'slug_taken'> {
  return transact(db, (transaction) => insertApp(transaction, app, now));
}

async function insertApp(transaction: Queries, app: NewApp, now: Date): Promise<App | 'slug_taken'> {
  const { slug } = app;
  if (slug !== undefined && (await slugOwner(transaction, slug)) !== undefined) return 'slug_taken';
  const row: AppsTable = {
    id: randomUUID(),
    name: app.name,
    slug: slug ?? null,
    pubkey: app.pubkey ?? null,
    revision: 0,
    created_at: now.getTime(),
  };
  await transaction.insertInto('apps').values(row).execute();
  if (slug !== undefined) await reserveSlug(transaction, { appId: row.id, slug }, now);
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
 * @returns `slug_taken` when another app has or had the slug
 */
export async function setSlug(
  db: Kysely<Schema>,
  { appId, slug }: AppSlug,
  now: Date,
): Promise<'set' | 'slug_taken'> {
  return transact(db, async (transaction) => {
    const owner = await slugOwner(transaction, slug);
    if (owner !== undefined && owner !== appId) return 'slug_taken';
    if (owner === undefined) await reserveSlug(transaction, { appId, slug }, now);
    await transaction.updateTable('apps').set({ slug }).where('id', '=', appId).execute();
    await raiseRevision(transaction, appId);
    return 'set';
  });
}

/** Sets the minisign public key that verifies uploads, as `formatPublicKey` writes it. @returns whether the app exists */
export async function setAppKey(db: Queries, appId: string, pubkey: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('apps')
    .set({ pubkey })
    .where('id', '=', appId)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** An app by its id or its current slug. */
export async function findAppByIdOrSlug(db: Queries, idOrSlug: string): Promise<App | undefined> {
  const row = await db
    .selectFrom('apps')
    .selectAll()
    .where((eb) => eb.or([eb('id', '=', idOrSlug), eb('slug', '=', idOrSlug)]))
    .executeTakeFirst();
  return row && toApp(row);
}

/** Invalidates every node's cache of the app's offers. Belongs into each transaction that changes them. */
export async function raiseRevision(transaction: Queries, appId: string): Promise<void> {
  await transaction
    .updateTable('apps')
    .set((eb) => ({ revision: eb('revision', '+', 1) }))
    .where('id', '=', appId)
    .execute();
}

async function slugOwner(db: Queries, slug: string): Promise<string | undefined> {
  const row = await db.selectFrom('slugs').select('app_id').where('slug', '=', slug).executeTakeFirst();
  return row?.app_id;
}

async function reserveSlug(db: Queries, { appId, slug }: AppSlug, now: Date): Promise<void> {
  await db.insertInto('slugs').values({ slug, app_id: appId, created_at: now.getTime() }).execute();
}

function toApp({ id, name, slug, pubkey, created_at }: AppsTable): App {
  return { id, name, slug, pubkey, createdAt: created_at };
}
