import type { NotNull } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import type { ClosableFile, DefaultKinds } from '../../protocol/routing/default-kinds.ts';
import { isLaterRun, type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import type { Queries } from '../schema.ts';
import { chunks } from './chunks.ts';
import { parseKinds } from './default-kinds.ts';
import { platformColumns } from './platform-columns.ts';

/** A file that a release has. */
export interface CompleteFile extends ClosableFile {
  readonly id: string;
  readonly sha256: string;
  readonly signature: string | null;
  readonly signingKeyId: string | null;
  readonly storageKey: string;
  readonly fileSize: number;
  /** Whether its bytes are lost in the storage. */
  readonly isLost: boolean;
  readonly announced: Announcement;
  /** The token that its upload was granted to, where it was one. */
  readonly tokenId: string | null;
  readonly defaultKinds: DefaultKinds | null;
}

/** By which run an upload was announced, and when (milliseconds since 1970). */
export interface Announcement {
  readonly run: JobRun | undefined;
  readonly at: number;
}

export interface UnreadyPlatform {
  readonly name: string;
  readonly reason: 'missing' | 'outstanding' | 'lost';
}

export interface DraftFiles {
  readonly complete: readonly CompleteFile[];
  readonly lost: readonly CompleteFile[];
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

/** Whether an upload has the very bytes and signature of a file that is lost. @param signature its own, or the release's */
export function isRepair(
  upload: { readonly sha256: string | null; readonly signature: string | null },
  current: Pick<CompleteFile, 'sha256' | 'signature' | 'isLost'>,
): boolean {
  // Where a hash was not declared, it is compared once the bytes have arrived.
  const isSame = upload.sha256 === null || upload.sha256 === current.sha256;
  return current.isLost && isSame && upload.signature === current.signature;
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

/** All files of a release, also those with bytes that are lost. */
export async function listCompleteFiles(db: Queries, releaseId: string): Promise<CompleteFile[]> {
  return (await completeFiles(db, releaseId).execute()).map(toCompleteFile);
}

export async function readDraftFiles(db: Queries, releaseId: string, now: Date): Promise<DraftFiles> {
  const files = await listCompleteFiles(db, releaseId);
  const complete = files.filter(({ isLost }) => !isLost);
  const lost = files.filter(({ isLost }) => isLost);
  const pending = await pendingFiles(db, now).where('release_id', '=', releaseId).execute();
  return { complete, lost, outstanding: outstandingOf(pending, complete) };
}

/** The platforms that are being uploaded into drafts, by release. */
export async function readOutstanding(
  db: Queries,
  drafts: readonly string[],
  now: Date,
): Promise<ReadonlyMap<string, readonly Platform[]>> {
  const outstanding = new Map<string, readonly Platform[]>();
  for (const ids of chunks(drafts)) {
    const pending = await pendingFiles(db, now).where('release_id', 'in', ids).execute();
    for (const id of new Set(pending.map((row) => row.release_id))) {
      if (id === null) continue;
      const ofRelease = pending.filter((row) => row.release_id === id);
      const files = await listCompleteFiles(db, id);
      const complete = files.filter(({ isLost }) => !isLost);
      outstanding.set(id, outstandingOf(ofRelease, complete));
    }
  }
  return outstanding;
}

function pendingFiles(db: Queries, now: Date) {
  return db
    .selectFrom('artifacts')
    .select(['release_id', 'target', 'arch', 'bundle_type', 'sha256', 'created_at', 'job', 'attempt'])
    .where('status', '=', 'pending')
    .where('expires_at', '>', now.getTime());
}

type PendingRow = Awaited<ReturnType<ReturnType<typeof pendingFiles>['execute']>>[number];

function outstandingOf(pending: readonly PendingRow[], complete: readonly CompleteFile[]): Platform[] {
  const byName = new Map(complete.map((file) => [platformName(file), file]));
  const outstanding = pending.filter((row) => {
    const current = byName.get(platformName(platformOf(row)));
    const upload = { sha256: row.sha256, announced: toAnnouncement(row) };
    return current === undefined || isReplacement(upload, current);
  });
  return outstanding.map(platformOf);
}

/**
 * The names that a draft is not ready to go live with. A platform is ready when it has a file and none of its other
 * uploads is outstanding: with several kinds of bundle it does not go live with the first.
 */
export function unreadyPlatforms(
  names: readonly string[],
  { complete, lost, outstanding }: DraftFiles,
): UnreadyPlatform[] {
  return names.flatMap((name): UnreadyPlatform[] => {
    const lostOnes = lost.filter((file) => namesPlatform(name, file));
    if (lostOnes.length > 0) return lostOnes.map((file) => ({ name: platformName(file), reason: 'lost' }));
    if (!complete.some((file) => namesPlatform(name, file))) return [{ name, reason: 'missing' }];
    return outstanding
      .filter((platform) => namesPlatform(name, platform))
      .map((platform) => ({ name: platformName(platform), reason: 'outstanding' }));
  });
}

function completeFiles(db: Queries, releaseId: string) {
  return db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select([
      'artifacts.id',
      'target',
      'arch',
      'bundle_type',
      'sha256',
      'artifacts.signature',
      'releases.signature as release_signature',
      'artifacts.signing_key_id',
      'storage_key',
      'file_size',
      'lost_at',
      'artifacts.created_at',
      'job',
      'attempt',
      'artifacts.token_id',
      'default_kinds',
    ])
    .where('release_id', '=', releaseId)
    .where('artifacts.status', '=', 'complete')
    .where('sha256', 'is not', null)
    .where('storage_key', 'is not', null)
    .$narrowType<{ sha256: NotNull; storage_key: NotNull }>();
}

type CompleteRow = Awaited<ReturnType<ReturnType<typeof completeFiles>['execute']>>[number];

function toCompleteFile(row: CompleteRow): CompleteFile {
  const { id, sha256, signing_key_id: signingKeyId, storage_key: storageKey, file_size: fileSize } = row;
  return {
    id,
    sha256,
    signature: row.signature ?? row.release_signature,
    signingKeyId,
    storageKey,
    fileSize,
    isLost: row.lost_at !== null,
    announced: toAnnouncement(row),
    tokenId: row.token_id,
    defaultKinds: parseKinds(row.default_kinds),
    ...platformOf(row),
  };
}

function toAnnouncement(row: Pick<CompleteRow, 'created_at' | 'job' | 'attempt'>): Announcement {
  return { run: jobRunOf(row), at: row.created_at };
}
