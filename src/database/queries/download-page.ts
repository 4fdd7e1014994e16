import { sql } from 'kysely';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import type { Queries } from '../schema.ts';
import { chunks } from './chunks.ts';

/** A file that people download, as far as a page shows it. */
export interface ShownFile extends Platform {
  readonly artifactId: string;
  readonly releaseId: string;
  readonly version: string;
  /** Null where it is not known what the file was called. */
  readonly fileName: string | null;
  /** Bytes. */
  readonly fileSize: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** A live release, as far as a page shows it. */
export interface ShownRelease {
  readonly id: string;
  readonly version: string;
  readonly notes: string | null;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
}

export interface ShownReleases {
  readonly channels: readonly string[];
  readonly limit: number;
}

/** Complete files by their ids, in any order. */
export async function shownFiles(db: Queries, artifactIds: readonly string[]): Promise<ShownFile[]> {
  const found: ShownFile[] = [];
  for (const some of chunks(artifactIds)) {
    const rows = await db
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      .select([
        'artifacts.id as artifactId',
        'releases.id as releaseId',
        'version',
        'target',
        'arch',
        'bundle_type',
        'file_name as fileName',
        'file_size as fileSize',
        'sha256',
      ])
      .where('artifacts.id', 'in', some)
      .where('artifacts.status', '=', sql.lit('complete'))
      .execute();
    for (const { target, arch, bundle_type, sha256, ...row } of rows)
      found.push({ ...row, ...platformOf({ target, arch, bundle_type }), sha256: sha256 ?? '' });
  }
  return found;
}

/** The highest live releases of channels that have a file which is there, highest version first. */
export async function shownReleases(
  db: Queries,
  appId: string,
  { channels, limit }: ShownReleases,
): Promise<ShownRelease[]> {
  return db
    .selectFrom('releases')
    .select(['id', 'version', 'notes', 'pub_date as pubDate'])
    .where('app_id', '=', appId)
    .where(sql<boolean>`coalesce(channel, '') in (${sql.join(channels)})`) // else in the order of another index
    .where('status', '=', sql.lit('published'))
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('artifacts')
          .select('artifacts.id')
          .whereRef('artifacts.release_id', '=', 'releases.id')
          .where('artifacts.status', '=', sql.lit('complete'))
          .where(sql<boolean>`coalesce(artifacts.lost_at, 0) = 0`),
      ),
    )
    .orderBy('version_order', 'desc')
    .limit(limit)
    .execute();
}
