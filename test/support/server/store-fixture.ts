import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VersionState } from '../faults/verify-store.ts';

/** Stores that each released version has written, by its number. */
export const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures', 'stores');
/** Beside the data folder of a fixture. */
export const CONTENT_FILE = 'content.json';

/** What is in a store, as its clients know it. */
export interface StoreContent {
  readonly app: { readonly id: string; readonly token: string };
  readonly slug: string;
  readonly versions: Readonly<Record<string, { readonly state: VersionState; readonly sha256: string }>>;
}

export interface StoreFixture {
  readonly version: string;
  readonly dataDir: string;
  readonly content: StoreContent;
}

export function listStoreFixtures(): StoreFixture[] {
  return readdirSync(FIXTURES).map((version) => {
    const folder = join(FIXTURES, version);
    const content = JSON.parse(readFileSync(join(folder, CONTENT_FILE), 'utf8'));
    return { version, dataDir: join(folder, 'data'), content };
  });
}
