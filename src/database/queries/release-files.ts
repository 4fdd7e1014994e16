import type { NotNull } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import { isLaterRun, type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import type { Queries } from '../schema.ts';
import { platformColumns } from './platform-columns.ts';

/** A file that a release has. */
export interface CompleteFile extends Platform {
  readonly id: string;
  readonly sha256: string;
  readonly signingKeyId: string | null;
  readonly announced: Announcement;
}

/** By which run an upload was announced, and when (milliseconds since 1970). */
export interface Announcement {
  readonly run: JobRun | undefined;
  readonly at: number;
}

export interface UnreadyPlatform {
  readonly name: string;
  readonly reason: 'missing' | 'outstanding';
}

export interface DraftFiles {
  readonly complete: readonly CompleteFile[];
  /** The platforms of uploads that were announced, have not expired, and will bring a file that is not there yet. */
  readonly outstanding: readonly Platform[];
}

/**
 * Whether a file takes the place of another one in a draft: it is other bytes, of a later run of the same job. Where
 * runs have no numbers, the one that was announced later is the later one.
 * @param sha256 null where it was not declared
 */
export function isReplacement(
  { sha256, announced }: { readonly sha256: string | null; readonly announced: Announcement },
  current: Pick<CompleteFile, 'sha256' | 'announced'>,
): boolean {
  if (sha256 === current.sha256 || !isLaterRun(announced.run, current.announced.run)) return false;
  return announced.run?.attempt !== undefined || announced.at >= current.announced.at;
}

export async function findCompleteFile(
  db: Queries,
  releaseId: string,
  platform: Platform,
): Promise<CompleteFile | undefined> {
  const rows = await completeFiles(db, releaseId)
    .where((eb) => eb.and(platformColumns(platform)))
    .execute();
  return rows.map(toCompleteFile)[0];
}

export async function listCompleteFiles(db: Queries, releaseId: string): Promise<CompleteFile[]> {
  return (await completeFiles(db, releaseId).execute()).map(toCompleteFile);
}

export async function readDraftFiles(db: Queries, releaseId: string, now: Date): Promise<DraftFiles> {
  const complete = await listCompleteFiles(db, releaseId);
  const pending = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type', 'sha256', 'created_at', 'job', 'attempt'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'pending')
    .where('expires_at', '>', now.getTime())
    .execute();
  const byName = new Map(complete.map((file) => [platformName(file), file]));
  const outstanding = pending.filter((row) => {
    const current = byName.get(platformName(platformOf(row)));
    const upload = { sha256: row.sha256, announced: toAnnouncement(row) };
    return current === undefined || isReplacement(upload, current);
  });
  return { complete, outstanding: outstanding.map(platformOf) };
}

/**
 * The names that a draft is not ready to go live with. A platform is ready when it has a file and none of its other
 * uploads is outstanding: with several kinds of bundle it does not go live with the first.
 */
export function unreadyPlatforms(
  names: readonly string[],
  { complete, outstanding }: DraftFiles,
): UnreadyPlatform[] {
  return names.flatMap((name): UnreadyPlatform[] => {
    if (!complete.some((file) => namesPlatform(name, file))) return [{ name, reason: 'missing' }];
    return outstanding
      .filter((platform) => namesPlatform(name, platform))
      .map((platform) => ({ name: platformName(platform), reason: 'outstanding' }));
  });
}

function completeFiles(db: Queries, releaseId: string) {
  return db
    .selectFrom('artifacts')
    .select([
      'id',
      'target',
      'arch',
      'bundle_type',
      'sha256',
      'signing_key_id',
      'created_at',
      'job',
      'attempt',
    ])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'complete')
    .where('sha256', 'is not', null)
    .$narrowType<{ sha256: NotNull }>();
}

type CompleteRow = Awaited<ReturnType<ReturnType<typeof completeFiles>['execute']>>[number];

function toCompleteFile(row: CompleteRow): CompleteFile {
  const { id, sha256, signing_key_id: signingKeyId } = row;
  return { id, sha256, signingKeyId, announced: toAnnouncement(row), ...platformOf(row) };
}

function toAnnouncement(row: Pick<CompleteRow, 'created_at' | 'job' | 'attempt'>): Announcement {
  return { run: jobRunOf(row), at: row.created_at };
}
