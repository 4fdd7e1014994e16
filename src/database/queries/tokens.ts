import { randomUUID } from 'node:crypto';
import {
  equalDigests,
  generateToken,
  hashToken,
  isScope,
  isWellFormedToken,
  type Scope,
} from '../../protocol/token.ts';
import type { Queries, TokensTable } from '../schema.ts';

export interface TokenRecord {
  readonly id: string;
  readonly appId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds since 1970, as are the others. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

export interface NewToken {
  readonly appId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Creates a token. Only its SHA-256 is stored, so that this is the only time its text is known. */
export async function createToken(
  db: Queries,
  { appId, name, scopes, expiresAt }: NewToken,
  now: Date,
): Promise<{ record: TokenRecord; token: string }> {
  const token = generateToken();
  const row: TokensTable = {
    id: randomUUID(),
    app_id: appId,
    name,
    hash: hashToken(token),
    scopes: scopes.join(' '),
    created_at: now.getTime(),
    expires_at: expiresAt?.getTime() ?? null,
    revoked_at: null,
  };
  await db.insertInto('tokens').values(row).execute();
  return { record: toRecord(row), token };
}

/** The token's record if it is known, and neither expired nor revoked at `now`. */
export async function findValidToken(
  db: Queries,
  token: string,
  now: Date,
): Promise<TokenRecord | undefined> {
  if (!isWellFormedToken(token)) return undefined;
  const hash = hashToken(token);
  const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
  if (row === undefined || !equalDigests(row.hash, hash)) return undefined;
  if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now.getTime()))
    return undefined;
  return toRecord(row);
}

/** The tokens of one app or of all, oldest first, including expired and revoked ones. */
export async function listTokens(db: Queries, appId?: string): Promise<TokenRecord[]> {
  const all = db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id');
  const rows = await (appId === undefined ? all : all.where('app_id', '=', appId)).execute();
  return rows.map(toRecord);
}

/** Revokes a token, also again, which keeps the time of the first. @returns whether there is such a token */
export async function revokeToken(db: Queries, id: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tokens')
    .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(now.getTime())) }))
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

function toRecord(row: TokensTable): TokenRecord {
  return {
    id: row.id,
    appId: row.app_id,
    name: row.name,
    scopes: row.scopes.split(' ').filter(isScope),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
