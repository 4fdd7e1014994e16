import { artifactStatusOf, type RecordedFile, recordedFiles } from '../database/queries/recorded-files.ts';
import type { Queries } from '../database/schema.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import { compareListing, findContentProblem } from '../storage/compare-files.ts';
import type { FileInventory, ListedFile } from '../storage/file-inventory.ts';
import type { DamagedArtifact } from './damaged-file.ts';

const CONCURRENCY = 2;

export interface StoreCheckOptions {
  readonly queries: Queries;
  readonly inventory: FileInventory;
  /** Whether every file is read and hashed. */
  readonly hashes: boolean;
  readonly signal: AbortSignal;
  /** Called with the number of further bytes that were hashed. */
  onBytes(bytes: number): void;
}

export interface StoreCheckResult {
  readonly records: readonly RecordedFile[];
  readonly damaged: readonly DamagedArtifact[];
  /** Files that no artifact refers to: a crash leaves one, or a database that is older than the files. */
  readonly orphans: readonly ListedFile[];
  /** What has arrived and is not served: uploads in progress, and what interrupted ones have left. */
  readonly staged: readonly ListedFile[];
}

/**
 * Compares a store's records with its files, also while it is served.
 * @throws OtaError `store_unavailable` when the database or the storage cannot be read
 */
export async function checkStore(options: StoreCheckOptions): Promise<StoreCheckResult> {
  const { queries, inventory, hashes } = options;
  const records = await recordedFiles(queries);
  const { damaged: differing, unrecorded } = await compareListing(records, inventory.served());
  const damaged = new Map<RecordedFile, DamagedArtifact>();
  for (const one of await stillDamaged(differing, options)) damaged.set(one.record, one);
  if (hashes) {
    const differs = new Set(differing.map(({ record }) => record));
    const rest = records.filter((record) => !differs.has(record));
    for (const one of await findWrongContent(rest, options)) damaged.set(one.record, one);
  }
  const orphans: ListedFile[] = [];
  for (const file of unrecorded) {
    if ((await artifactStatusOf(queries, file.name)) === undefined) orphans.push(file); // else published since
  }
  const staged: ListedFile[] = [];
  for await (const file of inventory.staged()) if (!file.isSpecial) staged.push(file);
  return { records, damaged: records.flatMap((record) => damaged.get(record) ?? []), orphans, staged };
}

/** The files that are missing, or differ in size or kind. */
export async function findDamaged(
  records: readonly RecordedFile[],
  queries: Queries,
  inventory: FileInventory,
): Promise<readonly DamagedArtifact[]> {
  return stillDamaged((await compareListing(records, inventory.served())).damaged, { queries, inventory });
}

/** Looks again: a release may have been deleted since its records were read. */
async function stillDamaged(
  damaged: readonly DamagedArtifact[],
  { queries, inventory }: Pick<StoreCheckOptions, 'queries' | 'inventory'>,
): Promise<readonly DamagedArtifact[]> {
  const recorded: RecordedFile[] = [];
  for (const { record } of damaged) if (await isComplete(queries, record)) recorded.push(record);
  if (recorded.length === 0) return [];
  return (await compareListing(recorded, inventory.served())).damaged;
}

async function findWrongContent(
  records: readonly RecordedFile[],
  { queries, inventory, signal, onBytes }: StoreCheckOptions,
): Promise<DamagedArtifact[]> {
  const check = async (record: RecordedFile): Promise<DamagedArtifact[]> => {
    signal.throwIfAborted();
    const problem = await findContentProblem(inventory, record);
    onBytes(record.size);
    if (problem === undefined || !(await isComplete(queries, record))) return [];
    return [{ record, problem }];
  };
  return (await mapConcurrently(records, check, { concurrency: CONCURRENCY, signal })).flat();
}

async function isComplete(queries: Queries, { storageKey }: RecordedFile): Promise<boolean> {
  return (await artifactStatusOf(queries, storageKey)) === 'complete';
}
