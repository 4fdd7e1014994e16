import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocol/time.ts';
import type { Queries } from '../schema.ts';

export interface UrlSigningKey {
  /** 8 hexadecimal digits, part of each URL that it signs. */
  readonly id: string;
  readonly secret: Buffer;
}

export function urlSigningKeys(db: Queries, clock: Clock) {
  return {
    current: () => currentUrlSigningKey(db, clock()),
    find: (id: string) => findUrlSigningKey(db, id),
  };
}

/** The newest key; creates one when there is none. */
export async function currentUrlSigningKey(db: Queries, now: Date): Promise<UrlSigningKey> {
  const row = await db
    .selectFrom('url_signing_keys')
    .selectAll()
    .orderBy('created_at', 'desc')
    .executeTakeFirst();
  return row === undefined
    ? addUrlSigningKey(db, now)
    : { id: row.id, secret: Buffer.from(row.secret, 'hex') };
}

export async function findUrlSigningKey(db: Queries, id: string): Promise<UrlSigningKey | undefined> {
  const row = await db.selectFrom('url_signing_keys').selectAll().where('id', '=', id).executeTakeFirst();
  return row && { id, secret: Buffer.from(row.secret, 'hex') };
}

/** Adds the key that signs from now on. URLs of earlier keys stay valid until those are forgotten. */
export async function addUrlSigningKey(db: Queries, now: Date): Promise<UrlSigningKey> {
  const key = { id: randomBytes(4).toString('hex'), secret: randomBytes(32) };
  await db
    .insertInto('url_signing_keys')
    .values({ id: key.id, secret: key.secret.toString('hex'), created_at: now.getTime() })
    .execute();
  return key;
}

/**
 * Adds a key when the newest is older than `maxAgeMs`, and forgets those older than twice that. `maxAgeMs` must be longer
 * than any URL is valid.
 */
export async function rotateUrlSigningKeys(db: Queries, maxAgeMs: number, now: Date): Promise<void> {
  const newest = await db
    .selectFrom('url_signing_keys')
    .select((eb) => eb.fn.max('created_at').as('created_at'))
    .executeTakeFirst();
  if (newest?.created_at == null || newest.created_at < now.getTime() - maxAgeMs)
    await addUrlSigningKey(db, now);
  await db
    .deleteFrom('url_signing_keys')
    .where('created_at', '<', now.getTime() - 2 * maxAgeMs)
    .execute();
}
