import { allows } from '../../protocol/access/scope.ts';
import type { Queries } from '../schema.ts';

/**
 * Whether what tokens have made may go live in a channel without a person: none of them is revoked, and each may publish
 * there. One that has expired since counts, as it might have expired a moment after everything was complete. Belongs
 * into the transaction that takes it live.
 * @param ids null for what was made without a token
 */
export async function mayGoLive(
  db: Queries,
  ids: readonly (string | null)[],
  channel: string,
): Promise<boolean> {
  const known = [...new Set(ids)].filter((id) => id !== null);
  if (known.length === 0) return true;
  const rows = await db
    .selectFrom('tokens')
    .innerJoin('apps', 'apps.id', 'tokens.app_id')
    .select(['scopes', 'revoked_at', 'publisher_id', 'trusted_only'])
    .where('tokens.id', 'in', known)
    .execute();
  return (
    rows.length === known.length &&
    rows.every(
      ({ scopes, revoked_at, publisher_id, trusted_only }) =>
        revoked_at === null &&
        (publisher_id !== null || trusted_only === 0) &&
        allows(scopes.split(' '), { scope: 'release:publish', channel }),
    )
  );
}

/**
 * Whether what a token was granted has ended: it was revoked, is gone with its app, or is a stored one of an app that only
 * trusted publishers publish by now.
 */
export async function hasEnded(db: Queries, id: string | null): Promise<boolean> {
  if (id === null) return false;
  const row = await db
    .selectFrom('tokens')
    .innerJoin('apps', 'apps.id', 'tokens.app_id')
    .select(['revoked_at', 'publisher_id', 'trusted_only'])
    .where('tokens.id', '=', id)
    .executeTakeFirst();
  if (row === undefined || row.revoked_at !== null) return true;
  return row.trusted_only !== 0 && row.publisher_id === null;
}
