import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Kysely, SqliteDialect } from 'kysely';
import { OtaError } from '../../errors.ts';
import { requireCurrentSchema } from '../migrate.ts';
import type { Schema } from '../schema.ts';
import { DATABASE_FILE, type SqliteOptions } from './open-sqlite.ts';
import { openSqliteFile } from './sqlite-connection.ts';

/**
 * Opens the SQLite store of a data folder for reading, also while it is served.
 * @throws OtaError `usage` when there is none; `store_unavailable` when it cannot be read or has another schema
 */
export async function openSqliteReadOnly({ dataDir }: SqliteOptions): Promise<Kysely<Schema>> {
  const file = join(dataDir, DATABASE_FILE);
  if (!existsSync(file)) {
    throw new OtaError('usage', `there is no store in ${dataDir}: it has no ${DATABASE_FILE}`, {
      hint: 'Pass the folder that `synckit-ota serve` has as --data-dir.',
    });
  }
  const database = await openSqliteFile(file, { readonly: true });
  const queries = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
  try {
    await requireCurrentSchema(queries);
    return queries;
  } catch (error) {
    await queries.destroy();
    throw error;
  }
}
