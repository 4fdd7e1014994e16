import { type DefaultKinds, placeOf, type RecordedKinds } from '../../protocol/routing/default-kinds.ts';
import type { Queries, ReleasesTable } from '../schema.ts';

/*
 * Extension `close`: which files of a version are the default of a platform, for apps that do not say how they were
 * installed. It is recorded with the bytes of the version when the first of them goes live, and never changes.
 */

type Version = Pick<ReleasesTable, 'app_id' | 'precedence'>;

export async function recordedKinds(db: Queries, { app_id, precedence }: Version): Promise<RecordedKinds> {
  const rows = await db
    .selectFrom('published_bytes')
    .select(['target', 'arch', 'default_kinds'])
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .where('default_kinds', 'is not', null)
    .execute();
  return new Map(rows.map((row) => [placeOf(row), parseKinds(row.default_kinds) ?? []]));
}

/** A version that may get other files may be answered with others too: `serve --allow-version-reuse`. */
export async function forgetKinds(transaction: Queries, { app_id, precedence }: Version): Promise<void> {
  await transaction
    .updateTable('published_bytes')
    .set({ default_kinds: null })
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .execute();
}

/** An empty text is the kind of files that are for all apps. */
export function parseKinds(text: string | null): DefaultKinds | null {
  return text === null ? null : (text.split(',') as DefaultKinds[number][]);
}

export function formatKinds(kinds: DefaultKinds | null): string | null {
  return kinds?.join(',') ?? null;
}
