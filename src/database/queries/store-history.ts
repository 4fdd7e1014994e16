import { PostgresAdapter, sql } from 'kysely';
import type { Queries } from '../schema.ts';

/** What a store knows of all that it ever had: deletions leave most of it. */
export interface StoreHistory {
  /** Of the apps that it has, by their ids. */
  readonly revisions: ReadonlyMap<string, number>;
  /** The number of each app's last change, also of deleted apps: a later change has a higher number. SQLite only. */
  readonly lastChanges: ReadonlyMap<string, number>;
  /** The complete files that it has, by their storage keys. */
  readonly files: ReadonlyMap<string, KnownFile>;
  /** All bytes that were ever live, by `nameOfBytes`, also those of deleted releases. */
  readonly published: ReadonlyMap<string, PublishedFile>;
}

export interface KnownFile {
  readonly appId: string;
  readonly isDraft: boolean;
  /** What it is published as; another file of that name is another build of the version. */
  readonly name: string;
  readonly sha256: string | null;
}

export interface PublishedFile {
  readonly sha256: string;
  /** When the present release of the version was created, in milliseconds since 1970; null where it was deleted. */
  readonly releasedAt: number | null;
}

export async function storeHistory(db: Queries): Promise<StoreHistory> {
  const apps = await db.selectFrom('apps').select(['id', 'revision']).execute();
  return {
    revisions: new Map(apps.map(({ id, revision }) => [id, revision])),
    lastChanges: await lastChanges(db),
    files: await knownFiles(db),
    published: await publishedFiles(db),
  };
}

async function lastChanges(db: Queries): Promise<ReadonlyMap<string, number>> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) return new Map(); // it notifies, and records none
  const { rows } = await sql<{ app_id: string; number: number }>`
    select app_id, number from changed_apps`.execute(db);
  return new Map(rows.map(({ app_id, number }) => [app_id, number]));
}

async function knownFiles(db: Queries): Promise<ReadonlyMap<string, KnownFile>> {
  const rows = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select([
      'storage_key',
      'app_id',
      'precedence',
      'target',
      'arch',
      'bundle_type',
      'sha256',
      'releases.status',
    ])
    .where('artifacts.status', '=', 'complete')
    .where('storage_key', 'is not', null)
    .$narrowType<{ storage_key: string }>()
    .execute();
  return new Map(
    rows.map(({ storage_key, app_id: appId, sha256, status, ...row }) => [
      storage_key,
      { appId, isDraft: status === 'draft', name: nameOfBytes({ ...row, app_id: appId }), sha256 },
    ]),
  );
}

async function publishedFiles(db: Queries): Promise<ReadonlyMap<string, PublishedFile>> {
  const rows = await db
    .selectFrom('published_bytes as was')
    .leftJoin('releases', (join) =>
      join.onRef('releases.app_id', '=', 'was.app_id').onRef('releases.precedence', '=', 'was.precedence'),
    )
    .select([
      'was.app_id',
      'was.precedence',
      'target',
      'arch',
      'bundle_type',
      'sha256',
      'releases.created_at',
    ])
    .execute();
  return new Map(
    rows.map(({ sha256, created_at, ...row }) => [nameOfBytes(row), { sha256, releasedAt: created_at }]),
  );
}

function nameOfBytes(row: {
  readonly app_id: string;
  readonly precedence: string;
  readonly target: string;
  readonly arch: string;
  readonly bundle_type: string;
}): string {
  return JSON.stringify([row.app_id, row.precedence, row.target, row.arch, row.bundle_type]);
}
