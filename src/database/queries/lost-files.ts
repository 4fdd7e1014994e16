import type { Kysely, NotNull } from 'kysely';
import { platformName, platformOf } from '../../protocol/platform.ts';
import type { ArtifactsTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { chunks } from './chunks.ts';
import { queueTroubleIn } from './webhook-outbox.ts';

// Files that are recorded, and that the storage has not got any more. Marked so, a file is not offered by any node.

export interface ComparedFile {
  readonly storageKey: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string | null;
  readonly isLost: boolean;
}

export interface NamedFile {
  readonly storageKey: string;
  readonly app: string;
  readonly release: string;
  readonly platform: string;
}

/** Files that a line of the log names at most. */
const EXAMPLES = 5;

export interface ComparedFilesPage {
  readonly files: readonly ComparedFile[];
  readonly next: string | undefined;
}

/** A page of all complete files, by storage key. @param after empty for the first page */
export async function listComparedFiles(
  db: Queries,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<ComparedFilesPage> {
  const rows = await comparedFiles(db)
    .where('storage_key', '>', after)
    .orderBy('storage_key')
    .limit(limit)
    .execute();
  const next = rows.length < limit ? undefined : rows.at(-1)?.storage_key;
  return { files: rows.filter(isComplete).map(toComparedFile), next };
}

/** Those that are marked as lost, the longest first. */
export async function listLostFiles(db: Queries, limit: number): Promise<ComparedFile[]> {
  const rows = await comparedFiles(db)
    .where('lost_at', 'is not', null)
    .orderBy('lost_at')
    .limit(limit)
    .execute();
  return rows.filter(isComplete).map(toComparedFile);
}

/** How many files were marked as lost before a time, and the names of a few. */
export async function lostBefore(
  db: Queries,
  time: Date,
): Promise<{ readonly count: number; readonly examples: readonly NamedFile[] }> {
  const lost = db
    .selectFrom('artifacts')
    .where('lost_at', 'is not', null)
    .where('lost_at', '<', time.getTime())
    .where('status', '=', 'complete');
  const { count } = await lost.select(({ fn }) => fn.countAll().as('count')).executeTakeFirstOrThrow();
  const rows = await lost.select('id').orderBy('lost_at').limit(EXAMPLES).execute();
  const named =
    rows.length === 0
      ? []
      : await nameFiles(
          db,
          rows.map(({ id }) => id),
        );
  return { count: Number(count), examples: named.map(({ appId: _, ...file }) => file) };
}

/** Marks complete files as lost, for every node. @returns those that were not marked before */
export function markLost(
  db: Kysely<Schema>,
  storageKeys: readonly string[],
  now: Date,
): Promise<NamedFile[]> {
  return setLostAt(db, storageKeys, { lostAt: now.getTime(), now });
}

/** @returns those that were marked */
export function unmarkLost(
  db: Kysely<Schema>,
  storageKeys: readonly string[],
  now: Date,
): Promise<NamedFile[]> {
  return setLostAt(db, storageKeys, { lostAt: null, now });
}

async function setLostAt(
  db: Kysely<Schema>,
  storageKeys: readonly string[],
  { lostAt, now }: { readonly lostAt: number | null; readonly now: Date },
): Promise<NamedFile[]> {
  if (storageKeys.length === 0) return [];
  return transact(db, async (transaction) => {
    const changed: NamedFile[] = [];
    const apps = new Map<string, NamedFile[]>();
    for (const keys of chunks(storageKeys)) {
      const rows = await transaction
        .updateTable('artifacts')
        .set({ lost_at: lostAt })
        .where('storage_key', 'in', keys)
        .where('status', '=', 'complete')
        .where('lost_at', lostAt === null ? 'is not' : 'is', null)
        .returning('id')
        .execute();
      const ids = rows.map(({ id }) => id);
      for (const { appId, ...file } of ids.length > 0 ? await nameFiles(transaction, ids) : []) {
        changed.push(file);
        apps.set(appId, [...(apps.get(appId) ?? []), file]);
      }
    }
    for (const [appId, files] of apps) {
      await raiseRevision(transaction, appId);
      const state = lostAt === null ? 'ended' : 'began';
      const trouble = { kind: 'file_lost', state, detail: describeFiles(files, state), appId } as const;
      await queueTroubleIn(transaction, trouble, now);
    }
    return changed;
  });
}

function describeFiles(files: readonly NamedFile[], state: 'began' | 'ended'): string {
  const named = files.slice(0, EXAMPLES).map(({ release, platform }) => `${release} ${platform}`);
  const more = files.length > EXAMPLES ? ` and ${files.length - EXAMPLES} more` : '';
  return state === 'ended'
    ? `lost files are there again: ${named.join(', ')}${more}`
    : `files are lost and not offered: ${named.join(', ')}${more}`;
}

async function nameFiles(
  db: Queries,
  ids: readonly string[],
): Promise<(NamedFile & { readonly appId: string })[]> {
  const rows = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select(['apps.id', 'apps.slug', 'version', 'target', 'arch', 'bundle_type', 'storage_key'])
    .where('artifacts.id', 'in', ids)
    .execute();
  return rows.map(({ id, slug, version, storage_key, ...platform }) => ({
    storageKey: storage_key ?? '',
    appId: id,
    app: slug ?? id,
    release: version,
    platform: platformName(platformOf(platform)),
  }));
}

/** Not restricted to complete ones: SQLite would read them all by their status, instead of a page by its keys. */
function comparedFiles(db: Queries) {
  return db
    .selectFrom('artifacts')
    .select(['status', 'storage_key', 'file_size', 'sha256', 'lost_at'])
    .where('storage_key', 'is not', null)
    .$narrowType<{ storage_key: NotNull }>();
}

function isComplete({ status }: Pick<ArtifactsTable, 'status'>): boolean {
  return status === 'complete';
}

function toComparedFile(row: {
  storage_key: string;
  file_size: number;
  sha256: string | null;
  lost_at: number | null;
}): ComparedFile {
  const { storage_key: storageKey, file_size: size, sha256, lost_at } = row;
  return { storageKey, size, sha256, isLost: lost_at !== null };
}
