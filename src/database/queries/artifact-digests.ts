import type { NotNull } from 'kysely';
import { platformOf } from '../../protocol/platform.ts';
import type { ClosableFile } from '../../protocol/routing/default-kinds.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { DigestAlgorithm, Queries } from '../schema.ts';
import { chunks } from './chunks.ts';
import { parseKinds } from './default-kinds.ts';

/** A complete file of a release that is or was live. */
export interface ReleasedFile extends ClosableFile {
  readonly artifactId: string;
  readonly releaseId: string;
  readonly version: string;
  /** Null where it is not known what the file was called. */
  readonly fileName: string | null;
  /** Bytes. */
  readonly fileSize: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Its own, else its release's. */
  readonly signature: string | null;
  readonly storageKey: string;
}

/** A digest of a file. */
export interface DigestKey {
  readonly artifactId: string;
  readonly algorithm: DigestAlgorithm;
}

/** The files of a version, also if it was yanked since. */
export async function filesOfVersion(
  db: Queries,
  { appId, version }: { readonly appId: string; readonly version: string },
): Promise<ReleasedFile[]> {
  const rows = await db
    .selectFrom('releases')
    .innerJoin('artifacts', 'artifacts.release_id', 'releases.id')
    .select([
      'artifacts.id as artifactId',
      'releases.id as releaseId',
      'version',
      'target',
      'arch',
      'bundle_type',
      'default_kinds',
      'file_name as fileName',
      'file_size as fileSize',
      'sha256',
      'artifacts.signature',
      'releases.signature as releaseSignature',
      'storage_key as storageKey',
    ])
    .where('app_id', '=', appId)
    .where('precedence', '=', precedenceOf(version))
    .where('releases.status', '!=', 'draft')
    .where('artifacts.status', '=', 'complete')
    .where('sha256', 'is not', null)
    .where('storage_key', 'is not', null)
    .$narrowType<{ sha256: NotNull; storageKey: NotNull }>()
    .execute();
  return rows.map(({ target, arch, bundle_type, default_kinds, releaseSignature, ...row }) => ({
    ...row,
    signature: row.signature ?? releaseSignature,
    defaultKinds: parseKinds(default_kinds),
    ...platformOf({ target, arch, bundle_type }),
  }));
}

/** Those that are computed, by the ids of their files. */
export async function knownDigests(
  db: Queries,
  artifactIds: readonly string[],
  algorithm: DigestAlgorithm,
): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const some of chunks(artifactIds)) {
    const rows = await db
      .selectFrom('artifact_digests')
      .select(['artifact_id', 'digest'])
      .where('artifact_id', 'in', some)
      .where('algorithm', '=', algorithm)
      .where('digest', 'is not', null)
      .$narrowType<{ digest: NotNull }>()
      .execute();
    for (const { artifact_id, digest } of rows) known.set(artifact_id, digest);
  }
  return known;
}

/**
 * Lets one process compute a digest for a time.
 * @param times milliseconds since 1970
 * @returns false if another one does, or it is computed
 */
export async function leaseDigest(
  db: Queries,
  { artifactId, algorithm }: DigestKey,
  { now, until }: { readonly now: number; readonly until: number },
): Promise<boolean> {
  const leased = await db
    .insertInto('artifact_digests')
    .values({ artifact_id: artifactId, algorithm, digest: null, leased_until: until })
    .onConflict((conflict) =>
      conflict
        .columns(['artifact_id', 'algorithm'])
        .doUpdateSet({ leased_until: until })
        .where('artifact_digests.digest', 'is', null)
        .where('artifact_digests.leased_until', '<=', now),
    )
    .returning('artifact_id')
    .executeTakeFirst();
  return leased !== undefined;
}

/** Does nothing where the file is gone. */
export async function saveDigest(
  db: Queries,
  { artifactId, algorithm }: DigestKey,
  digest: string,
): Promise<void> {
  await db
    .updateTable('artifact_digests')
    .set({ digest })
    .where('artifact_id', '=', artifactId)
    .where('algorithm', '=', algorithm)
    .execute();
}
