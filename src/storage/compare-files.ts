import { OtaError } from '../errors.ts';
import type { ArtifactStorage, ContentDigest, StoredState } from './artifact-storage.ts';
import type { FileInventory, ListedFile } from './file-inventory.ts';
import { digestStream } from './stream-digest.ts';

/** What is recorded of a stored file. */
export interface FileRecord {
  readonly storageKey: string;
  /** Bytes. */
  readonly size: number;
}

export interface HashedRecord extends FileRecord {
  /** Lowercase hexadecimal. */
  readonly sha256: string;
}

/** Why a recorded file cannot be served. */
export type FileProblem = 'missing' | 'wrong_size' | 'unreadable' | 'wrong_hash';

export interface DamagedFile<R extends FileRecord = FileRecord> {
  readonly record: R;
  readonly problem: FileProblem;
}

export interface LostFile<R extends FileRecord = FileRecord> extends DamagedFile<R> {
  /** What there is instead, for people. */
  readonly detail: string;
}

export interface Comparison<R extends FileRecord> {
  /** Files that differ from their records, in the order of the records. */
  readonly damaged: readonly DamagedFile<R>[];
  /** Files that are in none of the records, and nothing but files. */
  readonly unrecorded: readonly ListedFile[];
}

/**
 * Compares records with what a storage has under their keys.
 * @returns the files that cannot be served
 * @throws OtaError `store_unavailable`: then nothing is known of any of them
 */
export async function findLostFiles<R extends FileRecord>(
  storage: Pick<ArtifactStorage, 'inspect'>,
  records: readonly R[],
): Promise<LostFile<R>[]> {
  if (records.length === 0) return [];
  const states = await storage.inspect(records.map(({ storageKey }) => storageKey));
  return records.flatMap((record) => {
    const state = states.get(record.storageKey) ?? { kind: 'missing' };
    const problem = problemOf(record, state);
    return problem === undefined ? [] : [{ record, problem, detail: describeState(record, state) }];
  });
}

/**
 * Compares records with all that a storage lists. Either may change in between: what differs has to be checked again before
 * anything follows from it.
 */
export async function compareListing<R extends FileRecord>(
  records: readonly R[],
  served: AsyncIterable<ListedFile>,
): Promise<Comparison<R>> {
  const recorded = new Set(records.map(({ storageKey }) => storageKey));
  const found = new Map<string, StoredState>();
  const unrecorded: ListedFile[] = [];
  for await (const file of served) {
    if (recorded.has(file.name)) found.set(file.name, stateOf(file));
    else if (!file.isSpecial) unrecorded.push(file);
  }
  const damaged = records.flatMap((record) => {
    const problem = problemOf(record, found.get(record.storageKey) ?? { kind: 'missing' });
    return problem === undefined ? [] : [{ record, problem }];
  });
  return { damaged, unrecorded };
}

function stateOf({ size, isUnreadable, isSpecial }: ListedFile): StoredState {
  if (isSpecial) return { kind: 'unreadable', errorCode: 'NOT_A_FILE' };
  return isUnreadable ? { kind: 'unreadable', errorCode: 'EACCES' } : { kind: 'stored', size };
}

/** Reads a file, and compares it with its record. @throws OtaError when the storage cannot be reached */
export async function findContentProblem(
  inventory: Pick<FileInventory, 'read'>,
  record: HashedRecord,
): Promise<FileProblem | undefined> {
  const { storageKey, size } = record;
  try {
    return digestProblem(record, await digestStream(inventory.read(storageKey), { size, blake2b512: false }));
  } catch (error) {
    if (error instanceof OtaError) throw error;
    return 'unreadable';
  }
}

/** What is wrong with content that was hashed. */
export function digestProblem(
  { sha256 }: HashedRecord,
  digest: ContentDigest | 'size_differs',
): FileProblem | undefined {
  if (digest === 'size_differs') return 'wrong_size';
  return digest.sha256 === sha256 ? undefined : 'wrong_hash';
}

function problemOf({ size }: FileRecord, state: StoredState): FileProblem | undefined {
  if (state.kind !== 'stored') return state.kind;
  return state.size === size ? undefined : 'wrong_size';
}

function describeState({ size }: FileRecord, state: StoredState): string {
  switch (state.kind) {
    case 'missing':
      return 'it does not exist';
    case 'unreadable':
      return `it cannot be read (${state.errorCode})`;
    case 'stored':
      return `it has ${state.size} bytes instead of ${size}`;
  }
}
