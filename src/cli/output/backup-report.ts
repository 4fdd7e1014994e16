import type { BackupResult } from '../../backup/backup-store.ts';
import { type DamagedArtifact, describeDamage } from '../../backup/damaged-file.ts';
import type { RestoreResult } from '../../backup/restore-store.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import { formatCount } from '../format.ts';
import type { Style } from './colors.ts';

/** A damaged file in a document. */
export function damagedDocument({ record, problem }: DamagedArtifact, location: string) {
  const { appId, app, releaseId, version, target, arch } = record;
  return {
    problem,
    app: appId,
    app_name: app,
    release: releaseId,
    version,
    target,
    arch,
    bundle_type: record.bundleType ?? null,
    path: location,
  };
}

export interface BackupPlaces {
  /** The backup's folder. */
  readonly folder: string;
  readonly dataDir: string;
  readonly locationOf: (storageKey: string) => string;
}

/** The document of `backup --json`. */
export function backupDocument(
  result: BackupResult,
  madeAt: Date,
  { folder, dataDir, locationOf }: BackupPlaces,
) {
  const { apps, releases, files, bytes, copied, removed, damaged } = result;
  return {
    status: damaged.length > 0 ? 'incomplete' : 'complete',
    folder,
    data_dir: dataDir,
    created_at: formatTimestamp(madeAt.getTime()),
    apps,
    releases,
    files: { total: files, bytes, copied: copied.files, copied_bytes: copied.bytes, removed },
    damaged: damaged.map((one) => damagedDocument(one, locationOf(one.record.storageKey))),
  };
}

export function formatBackup(
  result: BackupResult,
  { folder, dataDir }: BackupPlaces,
  style: Style,
): string[] {
  const { files, bytes, copied, removed, damaged } = result;
  const state = damaged.length > 0 ? 'yellow' : 'green';
  const first = style(state, `Backed up ${countsOf(result)} from ${dataDir} to ${folder}.`);
  const fresh = `${copied.files} of them new (${formatBytes(copied.bytes)})`;
  const gone = removed === 0 ? '' : `; ${formatCount(removed, 'file')} of deleted releases removed`;
  return [first, `${formatCount(files, 'file')} (${formatBytes(bytes)}), ${fresh}${gone}.`];
}

/** The document of `restore --json`. */
export function restoreDocument(result: RestoreResult, { folder, dataDir, locationOf }: BackupPlaces) {
  const { apps, releases, files, bytes, madeAt, damaged } = result;
  return {
    status: damaged.length > 0 ? 'incomplete' : 'complete',
    backup: folder,
    backup_created_at: madeAt === undefined ? null : formatTimestamp(madeAt.getTime()),
    data_dir: dataDir,
    apps,
    releases,
    files: { total: files, bytes },
    damaged: damaged.map((one) => damagedDocument(one, locationOf(one.record.storageKey))),
  };
}

export function formatRestore(
  result: RestoreResult,
  { folder, dataDir }: BackupPlaces,
  style: Style,
): string[] {
  const { files, bytes, madeAt } = result;
  const when = madeAt === undefined ? '' : `, made at ${formatTimestamp(madeAt.getTime())}`;
  return [
    style('green', `Restored ${countsOf(result)} from ${folder}${when}, to ${dataDir}.`),
    `${formatCount(files, 'file')} (${formatBytes(bytes)}), each verified by its hash. Publish again what was published since the backup.`,
  ];
}

/** What is wrong with each damaged file, for a list of a warning or an error. */
export function damageItems(
  damaged: readonly DamagedArtifact[],
  locationOf: (storageKey: string) => string,
): string[] {
  return damaged.map((one) => describeDamage(one, locationOf(one.record.storageKey)));
}

function countsOf({ apps, releases }: Pick<BackupResult, 'apps' | 'releases'>): string {
  return `${formatCount(apps, 'app')} with ${formatCount(releases, 'release')}`;
}
