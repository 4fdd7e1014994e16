import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DATABASE_FILE } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { sha256Of } from '../tauri/local-file.ts';

/** What is known of a version from outside; `absent` also once it is deleted. */
export type VersionState = 'absent' | 'draft' | 'draft with file' | 'live' | 'yanked';

/** What a store may have of a version: what was acknowledged, or what was asked for since. */
export interface ExpectedVersion {
  readonly allowed: readonly VersionState[];
  readonly sha256: string;
}

export interface FoundVersion {
  readonly id: string;
  readonly state: VersionState;
}

interface VersionRow {
  readonly version: string;
  readonly status: 'draft' | 'published' | 'yanked';
  readonly id: string;
  readonly storage_key: string | null;
  readonly sha256: string | null;
}

/**
 * Compares a store with what it has to have: nothing that was acknowledged is missing, and every file has its bytes.
 * @param isServed another process has it open
 * @returns the versions that it has
 */
export async function verifyStore(
  dataDir: string,
  expected: ReadonlyMap<string, ExpectedVersion>,
  isServed = true,
): Promise<ReadonlyMap<string, FoundVersion>> {
  const connection = await connectSqlite(join(dataDir, DATABASE_FILE), { readonly: isServed });
  try {
    expect(connection.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(connection.pragma('foreign_key_check')).toEqual([]);
    const rows = connection
      .prepare<[], VersionRow>(
        `select version, r.status, r.id, storage_key, sha256 from releases r
         left join artifacts a on a.release_id = r.id and a.status = 'complete'`,
      )
      .all();
    const found = new Map(rows.map((row) => [row.version, { id: row.id, state: stateOf(row) }]));
    for (const row of rows) await verifyFile(row, expected.get(row.version), dataDir);
    for (const [number, { allowed }] of expected) {
      expect(allowed, `the state of ${number}`).toContain(found.get(number)?.state ?? 'absent');
    }
    return found;
  } finally {
    connection.close();
  }
}

function stateOf({ status, storage_key }: VersionRow): VersionState {
  if (status === 'draft') return storage_key === null ? 'draft' : 'draft with file';
  return status === 'yanked' ? 'yanked' : 'live';
}

async function verifyFile(
  { version, storage_key, sha256 }: VersionRow,
  expected: ExpectedVersion | undefined,
  dataDir: string,
): Promise<void> {
  if (expected === undefined) throw new Error(`the store has ${version}, which no one created`);
  if (storage_key === null) return;
  expect(sha256).toBe(expected.sha256);
  expect(sha256Of(await readFile(join(dataDir, 'artifacts', storage_key)))).toBe(sha256);
}
