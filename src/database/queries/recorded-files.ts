import { OtaError } from '../../errors.ts';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import type { ArtifactStatus, Queries } from '../schema.ts';

/** A complete artifact, with what people know it by. */
export interface RecordedFile extends Platform {
  readonly storageKey: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly appId: string;
  /** Its slug, or its name where it has none. */
  readonly app: string;
  readonly releaseId: string;
  readonly version: string;
}

/** How much a store holds. */
export interface StoreCounts {
  readonly apps: number;
  readonly releases: number;
}

/**
 * All files that must be in the storage, those of the oldest release first.
 * @throws OtaError `verification_failed` naming a row with values of other types, which SQLite keeps
 */
export async function recordedFiles(db: Queries): Promise<RecordedFile[]> {
  const rows = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select([
      'artifacts.id',
      'storage_key',
      'file_size',
      'sha256',
      'releases.app_id',
      'name',
      'slug',
      'release_id',
      'version',
      'target',
      'arch',
      'bundle_type',
    ])
    .where('artifacts.status', '=', 'complete')
    .where('storage_key', 'is not', null)
    .where('sha256', 'is not', null)
    .$narrowType<{ storage_key: string; sha256: string; release_id: string }>()
    .orderBy('releases.created_at')
    .orderBy('artifacts.created_at')
    .orderBy('artifacts.id')
    .execute();
  for (const row of rows) requireReadable(row);
  return rows.map((row) => ({
    storageKey: row.storage_key,
    size: row.file_size,
    sha256: row.sha256,
    appId: row.app_id,
    app: row.slug ?? row.name,
    releaseId: row.release_id,
    version: row.version,
    ...platformOf(row),
  }));
}

/** The columns of a file that may have any value in a SQLite database that somebody else has changed. */
interface FileColumns {
  readonly id: unknown;
  readonly file_size: unknown;
  readonly storage_key: unknown;
  readonly sha256: unknown;
  readonly name: unknown;
  readonly slug: unknown;
  readonly version: unknown;
}

function requireReadable({ id, file_size, name, slug, ...row }: FileColumns): void {
  const texts = { storage_key: row.storage_key, sha256: row.sha256, version: row.version };
  const app = slug ?? name;
  const [column, value] = isSize(file_size)
    ? (Object.entries({ ...texts, app }).find(([, text]) => typeof text !== 'string') ?? [])
    : ['file_size', file_size];
  if (column === undefined) return;
  const what = `${column} ${JSON.stringify(String(value).slice(0, 40))}`;
  throw new OtaError(
    'verification_failed',
    `the database is damaged: the file ${id} of ${app} ${row.version} has the ${what}`,
    { hint: 'Restore a backup into another folder with `synckit-ota restore`.' },
  );
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The state of the artifact that has a stored file; undefined when none has it. */
export async function artifactStatusOf(db: Queries, storageKey: string): Promise<ArtifactStatus | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .select('status')
    .where('storage_key', '=', storageKey)
    .executeTakeFirst();
  return row?.status;
}

export async function countStore(db: Queries): Promise<StoreCounts> {
  const [apps, releases] = await Promise.all(
    (['apps', 'releases'] as const).map((table) =>
      db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll().as('count'))
        .executeTakeFirstOrThrow(),
    ),
  );
  return { apps: Number(apps?.count ?? 0), releases: Number(releases?.count ?? 0) };
}

/** Whether a store has a record of anything that files can belong to. */
export async function hasRecords(db: Queries): Promise<boolean> {
  const app = await db.selectFrom('apps').select('id').limit(1).executeTakeFirst();
  const artifact = app ?? (await db.selectFrom('artifacts').select('id').limit(1).executeTakeFirst());
  return artifact !== undefined;
}
