import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The stores that a tier runs on: the pairs of each commit, the remaining ones, or all. */
    stores: 'pairs' | 'others' | 'all';
  }
}

/** Where a server keeps its database and its files. */
export interface StorePair {
  readonly engine: 'SQLite' | 'PostgreSQL';
  readonly files: 'disk' | 'fake' | 'Ceph';
}

/** Each engine and each way to store files once. Ceph takes 15 seconds to start, and its requests are slow. */
const OF_EACH_COMMIT: readonly StorePair[] = [
  { engine: 'SQLite', files: 'disk' },
  { engine: 'PostgreSQL', files: 'fake' },
];

/** Whether this tier runs tests on a store. */
export function isInTier({ engine, files }: StorePair): boolean {
  const isOfEachCommit = OF_EACH_COMMIT.some((pair) => pair.engine === engine && pair.files === files);
  return isChosen(isOfEachCommit);
}

/** Whether this tier runs the tests of files in the fake store or in Ceph, where the database does not matter. */
export function isStorageInTier(files: 'fake' | 'Ceph'): boolean {
  return isChosen(files === 'fake');
}

function isChosen(isOfEachCommit: boolean): boolean {
  const stores = inject('stores');
  return stores === 'all' || isOfEachCommit === (stores === 'pairs');
}
