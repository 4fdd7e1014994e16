import type { Kysely } from 'kysely';
import { SERVER } from '../attribution.ts';
import type { IssuerKeysTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { ISSUER_KEYS } from './audited-rows.ts';

/** What is known of an issuer's keys (`IssuerRecord` in src/identity). */
export interface IssuerKeysRecord {
  readonly jwks: string | null;
  readonly fetchedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly error: string | null;
}

/** The records of issuers' keys, which all processes of a server share. */
export function issuerRecords(db: Kysely<Schema>) {
  return {
    find: (issuer: string) => findIssuerKeys(db, issuer),
    start: (issuer: string, intervalMs: number, now: number) => startFetch(db, { issuer, intervalMs, now }),
    end: (issuer: string, outcome: FetchOutcome, now: number) => endFetch(db, { issuer, outcome, now }),
  };
}

type FetchOutcome = { readonly jwks: string } | { readonly error: string };

async function findIssuerKeys(db: Queries, issuer: string): Promise<IssuerKeysRecord | undefined> {
  const row = await db.selectFrom('issuer_keys').selectAll().where('issuer', '=', issuer).executeTakeFirst();
  if (row === undefined) return undefined;
  const { jwks, error, fetched_at: fetchedAt, started_at: startedAt, ended_at: endedAt } = row;
  return { jwks, error, fetchedAt, startedAt, endedAt };
}

/** One statement, so that of several processes only one starts. A start that is far in the future was by a wrong clock. */
async function startFetch(
  db: Queries,
  { issuer, intervalMs, now }: { readonly issuer: string; readonly intervalMs: number; readonly now: number },
): Promise<boolean> {
  const row: IssuerKeysTable = {
    issuer,
    jwks: null,
    fetched_at: 0,
    started_at: now,
    ended_at: 0,
    error: null,
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('issuer_keys')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('issuer')
        .doUpdateSet({ started_at: now })
        .where((eb) =>
          eb.or([
            eb('issuer_keys.started_at', '<=', now - intervalMs),
            eb('issuer_keys.started_at', '>=', now + intervalMs),
          ]),
        ),
    )
    .executeTakeFirstOrThrow();
  return Boolean(numInsertedOrUpdatedRows);
}

/** Keys that are not those of before are recorded: whoever puts others in their place could sign identity tokens. */
async function endFetch(
  db: Kysely<Schema>,
  { issuer, outcome, now }: { readonly issuer: string; readonly outcome: FetchOutcome; readonly now: number },
): Promise<void> {
  const change = 'jwks' in outcome ? { jwks: outcome.jwks, fetched_at: now, error: null } : outcome;
  await transact(db, async (transaction) => {
    const before = await findIssuerKeys(transaction, issuer);
    if (before === undefined) return;
    await transaction
      .updateTable('issuer_keys')
      .set({ ...change, ended_at: now })
      .where('issuer', '=', issuer)
      .execute();
    if (!('jwks' in outcome) || outcome.jwks === before.jwks) return;
    const by = { actor: SERVER, now: new Date(now) };
    const rows = [ISSUER_KEYS] as const;
    recordAudit(transaction, { by, action: 'issuer.keys_changed', appId: null, details: { issuer }, rows });
  });
}
