import type { Queries } from '../schema.ts';

/** The ids of apps, by every slug that they have or had. */
export async function everySlug(db: Queries): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom('slugs').select(['slug', 'app_id']).execute();
  return new Map(rows.flatMap(({ slug, app_id }) => (app_id === null ? [] : [[slug, app_id] as const])));
}

/** The versions of releases, without build metadata, by their ids. */
export async function everyVersion(db: Queries): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom('releases').select(['id', 'precedence']).execute();
  return new Map(rows.map(({ id, precedence }) => [id, precedence]));
}
