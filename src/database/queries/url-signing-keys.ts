import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Clock } from '../../protocol/time.ts';
import { type Attribution, SERVER } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { URL_KEYS } from './audited-rows.ts';

/** However old they are. */
const KEYS_KEPT = 2;

export interface UrlSigningKey {
  /** 8 hexadecimal digits, part of each URL that it signs. */
  readonly id: string;
  readonly secret: Buffer;
}

export function urlSigningKeys(db: Kysely<Schema>, clock: Clock) {
  return {
    current: () => currentUrlSigningKey(db, clock()),
    find: (id: string) => findUrlSigningKey(db, id, clock()),
  };
}

/** The newest key that has not been replaced; creates one when there is none. */
export async function currentUrlSigningKey(db: Kysely<Schema>, now: Date): Promise<UrlSigningKey> {
  return (
    (await newestUrlSigningKey(db)) ??
    transact(db, async (transaction) => {
      const other = await newestUrlSigningKey(transaction); // made by another process
      if (other !== undefined) return other;
      const key = await addUrlSigningKey(transaction, now);
      const by = { actor: SERVER, now };
      const details = { key: key.id };
      recordAudit(transaction, { by, action: 'keys.created', appId: null, details, rows: [URL_KEYS] });
      return key;
    })
  );
}

async function newestUrlSigningKey(db: Queries): Promise<UrlSigningKey | undefined> {
  const row = await db
    .selectFrom('url_signing_keys')
    .selectAll()
    .where('valid_until', 'is', null)
    .orderBy('created_at', 'desc')
    .executeTakeFirst();
  return row && { id: row.id, secret: Buffer.from(row.secret, 'hex') };
}

export async function findUrlSigningKey(
  db: Queries,
  id: string,
  now: Date,
): Promise<UrlSigningKey | undefined> {
  const row = await db.selectFrom('url_signing_keys').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined || (row.valid_until !== null && row.valid_until <= now.getTime())) return undefined;
  return { id, secret: Buffer.from(row.secret, 'hex') };
}

/** Adds the key that signs from now on. URLs of earlier keys stay valid until those are forgotten. */
export async function addUrlSigningKey(db: Queries, now: Date): Promise<UrlSigningKey> {
  const key = { id: randomBytes(4).toString('hex'), secret: randomBytes(32) };
  await db
    .insertInto('url_signing_keys')
    .values({ id: key.id, secret: key.secret.toString('hex'), created_at: now.getTime(), valid_until: null })
    .execute();
  return key;
}

/** Replaces all keys by a new one. URLs that they have signed are valid until then at most. @returns the new one */
export async function replaceUrlSigningKeys(
  db: Kysely<Schema>,
  validUntil: Date,
  by: Attribution,
): Promise<UrlSigningKey> {
  return transact(db, async (transaction) => {
    await transaction
      .updateTable('url_signing_keys')
      .set({ valid_until: validUntil.getTime() })
      .where((eb) => eb.or([eb('valid_until', 'is', null), eb('valid_until', '>', validUntil.getTime())]))
      .execute();
    const key = await addUrlSigningKey(transaction, by.now);
    const details = { key: key.id, valid_until: validUntil.toISOString() };
    recordAudit(transaction, { by, action: 'keys.rotated', appId: null, details, rows: [URL_KEYS] });
    return key;
  });
}

/**
 * Adds a key when the newest is older than `maxAgeMs`, and forgets those older than twice that. `maxAgeMs` must be longer
 * than any URL is valid. A clock that was wrong for some time does no harm: a key from the future is dated back, and the
 * key before the newest is kept, however old it seems.
 */
export async function rotateUrlSigningKeys(db: Kysely<Schema>, maxAgeMs: number, now: Date): Promise<void> {
  await transact(db, async (transaction) => {
    const ended = await transaction
      .deleteFrom('url_signing_keys')
      .where('valid_until', '<=', now.getTime())
      .executeTakeFirstOrThrow();
    const ahead = await transaction
      .updateTable('url_signing_keys')
      .set({ created_at: now.getTime() })
      .where('created_at', '>', now.getTime())
      .executeTakeFirstOrThrow();
    const keys = await transaction
      .selectFrom('url_signing_keys')
      .select(['id', 'created_at'])
      .where('valid_until', 'is', null)
      .orderBy('created_at', 'desc')
      .execute();
    const isRotated = keys[0] === undefined || keys[0].created_at < now.getTime() - maxAgeMs;
    if (isRotated) await addUrlSigningKey(transaction, now);
    const old = keys
      .slice(isRotated ? 1 : KEYS_KEPT)
      .filter(({ created_at }) => created_at < now.getTime() - 2 * maxAgeMs)
      .map(({ id }) => id);
    if (old.length > 0) await transaction.deleteFrom('url_signing_keys').where('id', 'in', old).execute();
    const others = Number(ended.numDeletedRows) + Number(ahead.numUpdatedRows) + old.length;
    if (!isRotated && others === 0) return;
    const by = { actor: SERVER, now };
    const details = { added: isRotated, removed: Number(ended.numDeletedRows) + old.length };
    recordAudit(transaction, { by, action: 'keys.rotated', appId: null, details, rows: [URL_KEYS] });
  });
}
