import { sql } from 'kysely';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import type { RolledBackVersion } from '../../protocol/routing/downgrades.ts';
import type { Queries } from '../schema.ts';

/** How many versions apps are led back from at once: the highest. */
const MAX_ROLLED_BACK = 50;

export interface ReleasePolicy {
  /** Live releases that are marked as mandatory. */
  readonly mandatory: readonly { readonly version: string; readonly channel: string }[];
  readonly minimumVersion: string | undefined;
  readonly rolledBack: readonly RolledBackVersion[];
}

/** Extension `policy`: what says of an app how urgent its updates are, and who may go back. */
export async function releasePolicy(db: Queries, appId: string): Promise<ReleasePolicy> {
  const app = await db
    .selectFrom('apps')
    .select('minimum_version')
    .where('id', '=', appId)
    .executeTakeFirst();
  const mandatory = await db
    .selectFrom('releases')
    .select(['version', 'channel'])
    .where('app_id', '=', appId)
    .where('mandatory', '=', sql.lit(1)) // as the index says it
    .where('status', '=', sql.lit('published'))
    .execute();
  return {
    mandatory,
    minimumVersion: app?.minimum_version ?? undefined,
    rolledBack: await rolledBackVersions(db, appId),
  };
}

async function rolledBackVersions(db: Queries, appId: string): Promise<RolledBackVersion[]> {
  const rows = await db
    .selectFrom('releases')
    .select(['version', 'precedence', 'embedded_pubkey', 'signing_key_id'])
    .where('app_id', '=', appId)
    .where('rolled_back', '=', sql.lit(1)) // as the index says it
    .orderBy('version_order', 'desc')
    .limit(MAX_ROLLED_BACK)
    .execute();
  const found: RolledBackVersion[] = [];
  for (const { version, precedence, embedded_pubkey, signing_key_id } of rows) {
    const known =
      publicKeyIdOf(embedded_pubkey) ?? signing_key_id ?? (await signedWith(db, appId, precedence));
    found.push({ version, keyId: known ?? undefined });
  }
  return found;
}

/** A build carries the key that it is signed with, where nothing else is known. */
async function signedWith(db: Queries, appId: string, precedence: string): Promise<string | null> {
  const row = await db
    .selectFrom('published_bytes')
    .select('signing_key_id')
    .where('app_id', '=', appId)
    .where('precedence', '=', precedence)
    .where('signing_key_id', 'is not', null)
    .executeTakeFirst();
  return row?.signing_key_id ?? null;
}
