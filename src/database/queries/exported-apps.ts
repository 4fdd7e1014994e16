import Type, { type Static } from 'typebox';
import { matches } from '../../protocol/validate.ts';
import type { Queries } from '../schema.ts';
import { saveSettingOnce, setting } from './settings.ts';

/** An app that installed apps can ask for. */
export interface ExportedApp {
  readonly id: string;
  readonly slug: string;
  /** Raised by each change of what it offers. */
  readonly revision: number;
}

export async function exportedApps(db: Queries): Promise<ExportedApp[]> {
  const rows = await db
    .selectFrom('apps')
    .select(['id', 'slug', 'revision'])
    .where('slug', 'is not', null)
    .execute();
  return rows.flatMap(({ slug, ...app }) => (slug === null ? [] : [{ ...app, slug }]));
}

export interface ExportLease {
  /** The process that keeps the export. */
  readonly holder: string;
  readonly now: Date;
  readonly lifeMs: number;
}

const Lease = Type.Object({ holder: Type.String(), until: Type.Number() });

/**
 * Acquires or renews the lease of the one process that keeps the export of several.
 * @returns false while another one has it
 */
export async function holdExport(db: Queries, { holder, now, lifeMs }: ExportLease): Promise<boolean> {
  const value = JSON.stringify({ holder, until: now.getTime() + lifeMs });
  await saveSettingOnce(db, 'export-lease', value);
  const before = (await setting(db, 'export-lease')) ?? '';
  const lease = parseLease(before);
  if (lease !== undefined && lease.holder !== holder && lease.until > now.getTime()) return false;
  const { numUpdatedRows } = await db
    .updateTable('settings')
    .set({ value })
    .where('name', '=', 'export-lease')
    .where('value', '=', before)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Lets another process have the lease at once. */
export async function releaseExport(db: Queries, holder: string): Promise<void> {
  const value = await setting(db, 'export-lease');
  if (value === undefined || parseLease(value)?.holder !== holder) return;
  await db.deleteFrom('settings').where('name', '=', 'export-lease').where('value', '=', value).execute();
}

function parseLease(value: string): Static<typeof Lease> | undefined {
  try {
    const lease: unknown = JSON.parse(value);
    return matches(Lease, lease) ? lease : undefined;
  } catch {
    return undefined;
  }
}
