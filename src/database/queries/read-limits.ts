import { Problem } from '../../protocol/problem.ts';
import { sizeInWords } from '../../protocol/upload/size-in-words.ts';
import { type AppLimits, DEFAULT_LIMITS, isSizeLimit, type LimitName } from '../app-limits.ts';
import type { Queries } from '../schema.ts';

/** What a limit counts, for messages. */
const COUNTS: Readonly<Record<LimitName, string>> = {
  releases: 'releases, with deleted versions that were live',
  drafts: 'drafts',
  pending_uploads: 'uploads that are announced and have not arrived',
  channels: 'channels',
  slugs: 'slugs, with former ones',
  notes_bytes: 'bytes of notes, signatures and statements',
  stored_bytes: 'bytes of files, with those that are announced',
  hourly_changes: 'changes in this hour',
};

/** What an app may have. */
export async function readLimits(db: Queries, appId: string): Promise<AppLimits> {
  const rows = await db
    .selectFrom('app_limits')
    .select(['name', 'value'])
    .where('app_id', '=', appId)
    .execute();
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(rows.map(({ name, value }) => [name, value])) };
}

/** @param until when it may have more again, where that is known */
export function limitReached(
  appId: string,
  name: LimitName,
  { used, limit, until }: { readonly used: number; readonly limit: number; readonly until?: string },
): Problem {
  const option = `--${name.replaceAll('_', '-')}`;
  const detail = `The app has ${inWords(used)} ${COUNTS[name]}, and may have ${isSizeLimit(name) ? sizeInWords(limit) : inWords(limit)}${until === undefined ? '' : ` (more from ${until} on)`}. The operator of the server can raise that: synckit-ota apps set-limits ${appId} ${option} <more>.`;
  return new Problem('limit_reached', detail, [{ field: name, message: `may be at most ${limit}` }]);
}

export function inWords(count: number): string {
  return count.toLocaleString('en');
}
