import { createHash } from 'node:crypto';
import Type from 'typebox';
import { matches } from '../../protocol/validate.ts';
import type { AuditBaselineTable, AuditTable } from '../schema.ts';

/** What the audit log says of rows: how its last entry about them left them. */
export type AuditState = Map<string, AuditBaselineTable>;

const ROWS = Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]));

export function stateOf(baseline: readonly AuditBaselineTable[]): AuditState {
  return new Map(baseline.map((row) => [row.name, row]));
}

/**
 * Applies an entry to what those before it say. With an app everything it has is deleted, but its slugs stay.
 * @returns false for an entry that cannot be read
 */
export function applyEntry(state: AuditState, entry: Pick<AuditTable, 'seq' | 'app_id' | 'rows'>): boolean {
  const rows = readRows(entry.rows);
  if (rows === undefined) return false;
  for (const [name, digest] of Object.entries(rows)) {
    if (digest !== null) state.set(name, { name, app_id: entry.app_id, digest, seq: entry.seq });
    else state.delete(name);
    if (digest === null && name === `app:${entry.app_id}`) deleteApp(state, entry.app_id);
  }
  return true;
}

function deleteApp(state: AuditState, appId: string | null): void {
  for (const [name, { app_id }] of state)
    if (app_id === appId && !name.startsWith('slug:')) state.delete(name);
}

function readRows(text: string): Readonly<Record<string, string | null>> | undefined {
  try {
    const rows: unknown = JSON.parse(text);
    return matches(ROWS, rows) ? rows : undefined;
  } catch {
    return undefined;
  }
}

/** What the entry of a pruning has recorded of what it left: with it the rest of the log can still be verified. */
export function digestOfState(state: AuditState): string {
  const lines = [...state.values()].map(({ name, app_id, digest, seq }) =>
    JSON.stringify([name, app_id, digest, seq]),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
