import type { Kysely } from 'kysely';
import { hashToken } from '../../protocol/token.ts';
import type { Attribution } from '../attribution.ts';
import type { Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { saveSetting, setting } from './settings.ts';

const NAME = 'operator-link';

/** Lets whoever has a secret sign in once, until a time, in place of any secret before. Only its SHA-256 is stored. */
export async function saveOperatorLink(
  db: Kysely<Schema>,
  { secret, until }: { readonly secret: string; readonly until: Date },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    await saveSetting(transaction, NAME, `${until.getTime()} ${hashToken(secret)}`);
    recordAudit(transaction, { by, action: 'operator.link_created', appId: null });
  });
}

/** @returns whether the secret lets sign in, which it does once */
export async function takeOperatorLink(
  db: Kysely<Schema>,
  secret: string,
  by: Attribution,
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const value = (await setting(transaction, NAME)) ?? '';
    const [until = '', hash = ''] = value.split(' ');
    if (hash !== hashToken(secret) || Number(until) <= by.now.getTime()) return false;
    const { numDeletedRows } = await transaction
      .deleteFrom('settings')
      .where('name', '=', NAME)
      .where('value', '=', value)
      .executeTakeFirstOrThrow();
    if (numDeletedRows === 0n) return false; // another request was faster
    recordAudit(transaction, { by, action: 'operator.signed_in', appId: null });
    return true;
  });
}
