import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { JobIdentity } from '../../protocol/messages.ts';
import { TRUSTED_TOKEN_LIFE_MS, type TrustedPublisher } from '../../protocol/trust/trusted-publisher.ts';
import type { Actor, Attribution } from '../attribution.ts';
import type { Queries, Schema, TrustedPublishersTable } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { insertToken, type NewToken, type TokenRecord } from './tokens.ts';

export type NewTrustedPublisher = Omit<TrustedPublisher, 'id' | 'createdAt'>;

/** @returns the publisher, or `exists` when the app has the same one, for whatever channels */
export async function addTrustedPublisher(
  db: Kysely<Schema>,
  publisher: NewTrustedPublisher,
  by: Attribution,
): Promise<TrustedPublisher | 'exists'> {
  return transact(db, async (transaction) => {
    const others = await listTrustedPublishers(transaction, publisher.appId);
    if (others.some((other) => isSame(other, publisher))) return 'exists';
    const row: TrustedPublishersTable = {
      id: randomUUID(),
      app_id: publisher.appId,
      provider: publisher.provider,
      issuer: publisher.issuer,
      repository: publisher.repository,
      repository_id: publisher.repositoryId,
      owner_id: publisher.ownerId,
      workflow: publisher.workflow,
      environment: publisher.environment,
      refs: publisher.refs.join(' '),
      protected_refs: publisher.protectedRefs ? 1 : 0,
      channels: publisher.channels.join(','),
      created_at: by.now.getTime(),
    };
    await transaction.insertInto('trusted_publishers').values(row).execute();
    const { app_id: appId, created_at: _, ...details } = row;
    recordAudit(transaction, { by, action: 'trust.added', appId, details, rows: [`publisher:${row.id}`] });
    return toPublisher(row);
  });
}

/** Whether both trust the same jobs, which then have one list of channels. Ids that were pinned are not repeated by who adds it again. */
function isSame(known: TrustedPublisher, added: NewTrustedPublisher): boolean {
  const keys = ['provider', 'issuer', 'repository', 'workflow', 'environment', 'protectedRefs'] as const;
  const ids = ['repositoryId', 'ownerId'] as const;
  return (
    keys.every((key) => known[key] === added[key]) &&
    ids.every((key) => added[key] === null || known[key] === added[key]) &&
    known.refs.join(' ') === added.refs.join(' ')
  );
}

/** An app's publishers, oldest first. */
export async function listTrustedPublishers(db: Queries, appId: string): Promise<TrustedPublisher[]> {
  const rows = await db.selectFrom('trusted_publishers').selectAll().where('app_id', '=', appId).execute();
  return rows.map(toPublisher).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

/** Its jobs can publish no more: the tokens that they have are revoked. @returns whether the app has it */
export async function removeTrustedPublisher(
  db: Kysely<Schema>,
  { appId, id }: Pick<TrustedPublisher, 'appId' | 'id'>,
  by: Attribution,
): Promise<boolean> {
  const { now } = by;
  return transact(db, async (transaction) => {
    const [removed] = await transaction
      .deleteFrom('trusted_publishers')
      .where('id', '=', id)
      .where('app_id', '=', appId)
      .returning(['provider', 'repository', 'workflow'])
      .execute();
    const revoked = await transaction
      .updateTable('tokens')
      .set({ revoked_at: now.getTime() })
      .where('publisher_id', '=', id)
      .where('expires_at', '>', now.getTime())
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute();
    if (removed === undefined && revoked.length === 0) return false;
    const tokens = revoked.length > 0 && { revoked_tokens: revoked.map((token) => token.id) };
    const details = { publisher_id: id, ...removed, ...tokens };
    const rows = [`publisher:${id}`, ...revoked.map((token) => `token:${token.id}` as const)] as const;
    recordAudit(transaction, { by, action: 'trust.removed', appId, details, rows });
    return removed !== undefined;
  });
}

/** When an identity token is exchanged, and from where. */
export interface Exchange {
  readonly now: Date;
  readonly origin: Pick<Actor, 'address' | 'requestId'>;
}

/** An identity token that was verified, and belongs to a job of a publisher. */
export interface VerifiedIdentity {
  readonly publisher: Pick<TrustedPublisher, 'id' | 'appId'>;
  readonly job: JobIdentity;
  readonly jti: string;
  /** When the identity token is surely not accepted any more. */
  readonly usableUntil: Date;
  readonly scopes: NewToken['scopes'];
}

export type ExchangeResult =
  | { readonly kind: 'exchanged'; readonly record: TokenRecord; readonly token: string }
  /** The identity token was exchanged before. */
  | { readonly kind: 'used' }
  /** The publisher was removed, or its ids were pinned to others, since it was read. */
  | { readonly kind: 'not_trusted' };

/**
 * Exchanges an identity token for a token of the app, once. The ids of a repository and its owner that the publisher does
 * not know are pinned: from then on, no other repository of the same name can publish.
 */
export async function exchangeIdentity(
  db: Kysely<Schema>,
  { publisher, job, jti, usableUntil, scopes }: VerifiedIdentity,
  { now, origin }: Exchange,
): Promise<ExchangeResult> {
  const name = `${job.repository} run ${job.run_id}`;
  const by = { actor: { kind: 'identity', id: null, name, ...origin }, now } as const;
  return transact(db, async (transaction): Promise<ExchangeResult> => {
    if (!(await pinIds(transaction, { publisherId: publisher.id, job, by }))) return { kind: 'not_trusted' };
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('used_identities')
      .values({ issuer: job.issuer, jti, expires_at: usableUntil.getTime() })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    if (!numInsertedOrUpdatedRows) return { kind: 'used' };
    const created = await insertToken(
      transaction,
      {
        appId: publisher.appId,
        name,
        scopes,
        expiresAt: new Date(now.getTime() + TRUSTED_TOKEN_LIFE_MS),
        trusted: { publisherId: publisher.id, job },
      },
      by,
    );
    return { kind: 'exchanged', ...created };
  });
}

/** @returns whether the publisher exists, with the ids of the job */
async function pinIds(
  transaction: Transaction<Schema>,
  {
    publisherId,
    job,
    by,
  }: { readonly publisherId: string; readonly job: JobIdentity; readonly by: Attribution },
): Promise<boolean> {
  const found = transaction.selectFrom('trusted_publishers').selectAll().where('id', '=', publisherId);
  const row = await found.executeTakeFirst();
  if (row === undefined) return false;
  const pinned = {
    repository_id: row.repository_id ?? job.repository_id,
    owner_id: row.owner_id ?? job.owner_id,
  };
  if (pinned.repository_id !== job.repository_id || pinned.owner_id !== job.owner_id) return false;
  if (row.repository_id === null || row.owner_id === null) {
    await transaction.updateTable('trusted_publishers').set(pinned).where('id', '=', publisherId).execute();
    const details = { publisher_id: publisherId, ...pinned };
    const rows = [`publisher:${publisherId}`] as const;
    recordAudit(transaction, { by, action: 'trust.pinned', appId: row.app_id, details, rows });
  }
  return true;
}

/** Forgets identity tokens that are surely not accepted any more. */
export async function forgetUsedIdentities(db: Queries, now: Date): Promise<void> {
  await db.deleteFrom('used_identities').where('expires_at', '<', now.getTime()).execute();
}

function toPublisher(row: TrustedPublishersTable): TrustedPublisher {
  return {
    id: row.id,
    appId: row.app_id,
    provider: row.provider,
    issuer: row.issuer,
    repository: row.repository,
    repositoryId: row.repository_id,
    ownerId: row.owner_id,
    workflow: row.workflow,
    environment: row.environment,
    refs: row.refs === '' ? [] : row.refs.split(' '),
    protectedRefs: row.protected_refs !== 0,
    channels: row.channels === '' ? [] : row.channels.split(','),
    createdAt: row.created_at,
  };
}
