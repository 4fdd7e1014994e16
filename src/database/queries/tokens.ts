import { randomUUID } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import { isGrant } from '../../protocol/access/scope.ts';
import type { JobIdentity } from '../../protocol/messages.ts';
import { equalDigests, generateToken, hashToken, isWellFormedToken } from '../../protocol/token.ts';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema, TokensTable } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { chunks } from './chunks.ts';
import { queueDropped } from './orphans.ts';

export interface TokenRecord {
  readonly id: string;
  readonly appId: string;
  readonly name: string;
  /** What it may be used for: texts that `isGrant` accepts. */
  readonly scopes: readonly string[];
  /** Milliseconds since 1970, as are the others. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** The job that got it for its identity token; null for a stored token. */
  readonly job: JobIdentity | null;
}

export interface NewToken {
  readonly appId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  /** For a job of a trusted publisher. */
  readonly trusted?: { readonly publisherId: string; readonly job: JobIdentity };
}

/** Creates a token. Only its SHA-256 is stored, so that this is the only time its text is known. */
export async function createToken(
  db: Kysely<Schema>,
  token: NewToken,
  by: Attribution,
): Promise<{ record: TokenRecord; token: string }> {
  return transact(db, (transaction) => insertToken(transaction, token, by));
}

/** As `createToken`, in a transaction. */
export async function insertToken(
  transaction: Transaction<Schema>,
  { appId, name, scopes, expiresAt, trusted }: NewToken,
  by: Attribution,
): Promise<{ record: TokenRecord; token: string }> {
  const token = generateToken();
  const row: TokensTable = {
    id: randomUUID(),
    app_id: appId,
    name,
    hash: hashToken(token),
    scopes: scopes.join(' '),
    created_at: by.now.getTime(),
    expires_at: expiresAt?.getTime() ?? null,
    revoked_at: null,
    publisher_id: trusted?.publisherId ?? null,
    job: trusted === undefined ? null : JSON.stringify(trusted.job),
  };
  await transaction.insertInto('tokens').values(row).execute();
  const record = toRecord(row);
  recordAudit(transaction, {
    by,
    action: 'token.created',
    appId,
    details: {
      token_id: row.id,
      name,
      scopes: record.scopes,
      expires_at: row.expires_at,
      ...jobDetails(trusted),
    },
    rows: [`token:${row.id}`],
  });
  return { record, token };
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
  return isValid(row, now) ? toRecord(row) : undefined;
}

/** The record of a token that was presented before, if it is neither expired nor revoked at `now`. */
export async function findTokenStillValid(
  db: Queries,
  id: string,
  now: Date,
): Promise<TokenRecord | undefined> {
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row !== undefined && isValid(row, now) ? toRecord(row) : undefined;
}

function isValid({ revoked_at, expires_at }: TokensTable, now: Date): boolean {
  return revoked_at === null && (expires_at === null || expires_at > now.getTime());
}

/** The tokens of one app or of all, oldest first, including expired and revoked ones. */
export async function listTokens(db: Queries, appId?: string): Promise<TokenRecord[]> {
  const all = db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id');
  const rows = await (appId === undefined ? all : all.where('app_id', '=', appId)).execute();
  return rows.map(toRecord);
}

/** The token with this id, else those with this name that are not revoked. */
export async function findTokensCalled(db: Queries, reference: string): Promise<TokenRecord[]> {
  const exact = await db.selectFrom('tokens').selectAll().where('id', '=', reference).executeTakeFirst();
  if (exact !== undefined) return [toRecord(exact)];
  const named = await db
    .selectFrom('tokens')
    .selectAll()
    .where('name', '=', reference)
    .where('revoked_at', 'is', null)
    .orderBy('created_at')
    .execute();
  return named.map(toRecord);
}

/** Which tokens: one, or all of an app; all there are where neither is given. */
export interface TokenFilter {
  readonly id?: string;
  readonly appId?: string | undefined;
}

/**
 * Revokes tokens, also again, which keeps the time of the first. What they were granted ends with them: their pending
 * uploads are dropped, so that no URL of theirs leads to one, and no draft goes live by itself with what they made.
 * @returns those that were not revoked before
 */
export async function revokeTokens(
  db: Kysely<Schema>,
  { id, appId }: TokenFilter,
  by: Attribution,
): Promise<TokenRecord[]> {
  return transact(db, async (transaction) => {
    const rows = await transaction
      .updateTable('tokens')
      .set({ revoked_at: by.now.getTime() })
      .where('revoked_at', 'is', null)
      .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
      .$if(appId !== undefined, (query) => query.where('app_id', '=', appId ?? ''))
      .returningAll()
      .execute();
    for (const some of chunks(rows.map(({ id }) => id))) {
      const dropped = await transaction
        .deleteFrom('artifacts')
        .where('status', '=', sql.lit('pending'))
        .where('token_id', 'in', some)
        .returning('id')
        .execute();
      await queueDropped(transaction, dropped);
    }
    const entries = rows.map((row) => ({
      by,
      action: 'token.revoked' as const,
      appId: row.app_id,
      details: { token_id: row.id, name: row.name },
      rows: [`token:${row.id}` as const],
    }));
    recordAudit(transaction, ...entries);
    return rows.map(toRecord);
  });
}

/** When a token was used, in milliseconds since 1970. */
export interface TokenUse {
  readonly tokenId: string;
  readonly usedAt: number;
}

/** Records when tokens were used last. One that another node has recorded a later use of keeps that. */
export async function recordTokenUses(db: Queries, uses: readonly TokenUse[]): Promise<void> {
  for (const some of chunks(uses)) {
    await db
      .insertInto('token_uses')
      .values(some.map(({ tokenId, usedAt }) => ({ token_id: tokenId, used_at: usedAt })))
      .onConflict((conflict) =>
        conflict
          .column('token_id')
          .doUpdateSet((eb) => ({ used_at: eb.ref('excluded.used_at') }))
          .whereRef('token_uses.used_at', '<', 'excluded.used_at'),
      )
      .execute();
  }
}

/** When each token was used last, by id: milliseconds since 1970. Those that were never used are left out. */
export async function readTokenUses(db: Queries): Promise<ReadonlyMap<string, number>> {
  const rows = await db.selectFrom('token_uses').selectAll().execute();
  return new Map(rows.map(({ token_id, used_at }) => [token_id, used_at]));
}

/** Forgets tokens of jobs that expired before; stored tokens stay listed. */
export async function forgetTokensOfJobs(db: Kysely<Schema>, before: Date, by: Attribution): Promise<void> {
  await transact(db, async (transaction) => {
    const forgotten = await transaction
      .deleteFrom('tokens')
      .where('publisher_id', 'is not', null)
      .where('expires_at', '<', before.getTime())
      .returning('id')
      .execute();
    if (forgotten.length === 0) return;
    for (const some of chunks(forgotten.map(({ id }) => id)))
      await transaction.deleteFrom('token_uses').where('token_id', 'in', some).execute();
    const rows = forgotten.map(({ id }) => `token:${id}` as const);
    const details = { tokens: forgotten.length };
    recordAudit(transaction, { by, action: 'token.forgotten', appId: null, details, rows });
  });
}

function jobDetails(trusted: NewToken['trusted']) {
  return trusted === undefined ? {} : { publisher_id: trusted.publisherId, job: trusted.job };
}

function toRecord(row: TokensTable): TokenRecord {
  return {
    id: row.id,
    appId: row.app_id,
    name: row.name,
    scopes: row.scopes.split(' ').filter(isGrant),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    job: row.job === null ? null : JSON.parse(row.job),
  };
}
