import type { StoreCheckResult } from '../../backup/check-store.ts';
import { formatBytes } from '../../protocol/upload/size-in-words.ts';
import type { ListedFile } from '../../storage/file-inventory.ts';
import { formatCount } from '../format.ts';
import { damagedDocument, damageItems } from './backup-report.ts';
import type { Style } from './colors.ts';

export interface FsckResult {
  readonly database: {
    /** Without credentials. */
    readonly location: string;
    /** What is wrong inside; undefined for PostgreSQL, which checks that itself. */
    readonly problems: readonly string[] | undefined;
  };
  /** Undefined, like the files, where the database is too damaged to know them. */
  readonly storage:
    | { readonly location: string; readonly locationOf: (storageKey: string) => string }
    | undefined;
  readonly hashes: boolean;
  readonly files: StoreCheckResult | undefined;
}

/** The document of `fsck --json`. */
export function fsckDocument(result: FsckResult) {
  const { database, storage, hashes, files } = result;
  return {
    status: findingsOf(result) === undefined ? 'clean' : 'damaged',
    database: { location: database.location, problems: database.problems ?? null },
    storage: storage?.location ?? null,
    files:
      files === undefined
        ? null
        : {
            recorded: files.records.length,
            bytes: sizeOf(files.records),
            checked_by: hashes ? 'sha256' : 'size',
          },
    damaged: files?.damaged.map((one) => damagedDocument(one, locate(storage, one.record.storageKey))) ?? [],
    orphans: files === undefined ? null : { files: files.orphans.length, bytes: sizeOf(files.orphans) },
    staging: files === undefined ? null : { files: files.staged.length, bytes: sizeOf(files.staged) },
  };
}

export function formatFsck(result: FsckResult, style: Style): string[] {
  const { database, storage, hashes, files } = result;
  const isClean = findingsOf(result) === undefined;
  const { problems } = database;
  const lines = [
    isClean ? style('green', 'The store is clean.') : style('red', 'The store is damaged.'),
    `Database ${database.location}: ${problems === undefined ? 'readable' : problems.length > 0 ? 'damaged' : 'sound'}.`,
  ];
  if (files === undefined || storage === undefined) return lines;
  const { records, damaged, orphans, staged } = files;
  const by = hashes ? 'size and SHA-256' : 'size';
  lines.push(
    `Files in ${storage.location}: ${countAndSize(records)}, ${damaged.length} damaged, checked by ${by}.${hashes ? '' : ' --hashes reads their content, too.'}`,
  );
  if (orphans.length > 0) {
    lines.push(
      `${countAndSize(orphans)} without a release: a crash leaves some, and so does a database that is older than the files.`,
    );
  }
  if (staged.length > 0) {
    lines.push(
      `${countAndSize(staged)} in staging: uploads in progress, or what interrupted ones have left.`,
    );
  }
  return lines;
}

/** What an error announces, and its list. */
export interface Findings {
  readonly message: string;
  readonly items: readonly string[];
}

/** What is damaged, for an error; undefined when nothing is. */
export function findingsOf({ database, storage, files }: FsckResult): Findings | undefined {
  const { problems = [] } = database;
  if (problems.length > 0)
    return { message: `the database ${database.location} is damaged:`, items: problems };
  const damaged = files?.damaged ?? [];
  if (damaged.length === 0) return undefined;
  const count = damaged.length === 1 ? '1 published file is' : `${damaged.length} published files are`;
  return { message: `${count} damaged:`, items: damageItems(damaged, (key) => locate(storage, key)) };
}

function locate(storage: FsckResult['storage'], storageKey: string): string {
  return storage?.locationOf(storageKey) ?? storageKey;
}

function countAndSize(files: readonly Pick<ListedFile, 'size'>[]): string {
  return `${formatCount(files.length, 'file')} (${formatBytes(sizeOf(files))})`;
}

function sizeOf(files: readonly Pick<ListedFile, 'size'>[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
