import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Attribution } from '../../database/attribution.ts';
import type { Database, OpenOptions } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { olderStore } from '../../database/migrate.ts';
import { openPostgres, type PostgresOptions } from '../../database/postgres/open-postgres.ts';
import { isPostgresUrl } from '../../database/postgres/postgres-url.ts';
import { isInUnwritableFolder } from '../../database/sqlite/copy-where-needed.ts';
import { openUnwritableSqlite } from '../../database/sqlite/open-read-only.ts';
import { DATABASE_FILE, openSqlite } from '../../database/sqlite/open-sqlite.ts';
import { OtaError } from '../../errors.ts';
import { DiskRoom } from '../../runtime/disk-room.ts';
import { exposuresIn } from '../../runtime/exposed-file.ts';
import type { Context } from '../context.ts';
import { thisOperator } from '../this-operator.ts';
import { requireNoBackup, requireRecordsOfFiles, requireSoundStore } from './sound-store.ts';

export interface StoreOptions {
  /** The server's data folder. */
  readonly dataDir: string;
  /** A `postgres://` URL; by default SQLite in the data folder. */
  readonly database?: string | undefined;
  /** How many connections to PostgreSQL are used for queries at most. */
  readonly databaseConnections?: number | undefined;
}

export interface StoreUse extends StoreOptions {
  /** Whether the command may create a store. */
  readonly mayCreate?: boolean;
  /**
   * What the command does: `reads` works where nothing can be written, `adds` needs room on the disk, `frees` has to work
   * when it is full.
   */
  readonly effect?: 'reads' | 'adds' | 'frees';
}

/**
 * Opens the server's own store for one command, also while `serve` runs on it, and says which it is. What the command changes
 * is recorded as done by the user who runs it.
 * @throws OtaError `usage` when there is none; `no_space`; else as `openStore`
 */
export async function withStore<T>(
  { mayCreate = false, effect, ...options }: StoreUse,
  { output, environment }: Pick<Context, 'output' | 'environment'>,
  use: (database: Database, by: Attribution) => Promise<T>,
): Promise<T> {
  process.umask(0o077); // what is created in the store is for this user only
  let created: string | undefined;
  const onNewStore = (location: string) => {
    if (!mayCreate) throw noStore(location);
    created = location;
  };
  const file = options.database ? undefined : join(options.dataDir, DATABASE_FILE);
  const isUnwritable = effect === 'reads' && file !== undefined && isInUnwritableFolder(file);
  const hasRoom = file !== undefined && existsSync(options.dataDir) && !isUnwritable;
  const room = hasRoom ? new DiskRoom(options.dataDir) : undefined;
  if (effect === 'adds') room?.requireHeadroom();
  room?.makeRoom();
  const open = isUnwritable ? openUnwritable : openStore;
  const database = await open(options, { ...ONLY_EXISTING, onNewStore });
  try {
    if (created !== undefined) output.note(`Created a new store in ${created}`);
    output.note(`Store: ${database.location}`);
    if (!options.database) for (const exposure of exposuresOfStore(options.dataDir)) output.warning(exposure);
    const run = () => use(database, { actor: thisOperator(environment), now: database.clock() });
    return await (effect === 'frees' && room ? room.lend(run) : run());
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await database.close();
    room?.close();
    room?.refill();
  }
}

/** What others than its owner can read or change of a data folder: its database has the secrets that sign URLs. */
export function exposuresOfStore(dataDir: string): string[] {
  const database = join(dataDir, DATABASE_FILE);
  return exposuresIn(dataDir, [database, `${database}-wal`]);
}

/** For a command that neither creates nor migrates a store: servers of another version may be using it. */
export const ONLY_EXISTING: Required<Pick<OpenOptions, 'onNewStore' | 'onOlderStore'>> = {
  onNewStore: (location) => {
    throw noStore(location);
  },
  onOlderStore: () => {
    throw olderStore();
  },
};

/**
 * Opens the database of `--database`, else the one in the data folder.
 * @throws OtaError `usage`, `store_unavailable`
 */
export async function openStore(
  { dataDir, database, databaseConnections: connections }: StoreOptions,
  options: Omit<PostgresOptions, 'url'> = {},
): Promise<Database> {
  if (!database)
    return openSoundSqlite(dataDir, () =>
      openSqlite({
        dataDir,
        ...(options.onNewStore && { onNewStore: options.onNewStore }),
        ...(options.onOlderStore && { onOlderStore: options.onOlderStore }),
        ...(options.writesOnThread && { writesOnThread: true, onQuery: options.onQuery }),
      }),
    );
  requirePostgresUrl(database);
  return openPostgres({ url: database, ...(connections && { connections }), ...options });
}

function noStore(location: string): OtaError {
  return new OtaError('usage', `no store in ${location}`, {
    hint: 'Pass what the server runs with: --data-dir (SYNCKIT_OTA_DATA) or --database (SYNCKIT_OTA_DATABASE). `synckit-ota serve` creates a store.',
  });
}

export function noDataFolder(dataDir: string): OtaError {
  return new OtaError('usage', `there is no data folder ${dataDir}`, {
    hint: 'Pass the --data-dir, or the --storage, that `synckit-ota serve` has.',
  });
}

function openUnwritable({ dataDir }: StoreOptions): Promise<Database> {
  return openSoundSqlite(dataDir, () => openUnwritableSqlite({ dataDir }));
}

async function openSoundSqlite(dataDir: string, open: () => Promise<Database>): Promise<Database> {
  try {
    await requireNoBackup(dataDir);
    await requireSoundStore(dataDir);
    const database = await open();
    try {
      await requireRecordsOfFiles(database.queries, dataDir);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    throw databaseFailure(error) ?? error;
  }
}

/** @throws OtaError `usage`, which does not repeat the value: it may hold a password all the same */
export function requirePostgresUrl(database: string | undefined, option = '--database'): void {
  if (!database || isPostgresUrl(database)) return;
  const remedy = 'Give it like postgres://user@host:5432/database';
  throw new OtaError('usage', `${option} is not a postgres:// URL`, {
    hint: option === '--database' ? `${remedy}, or leave it out for SQLite in --data-dir.` : `${remedy}.`,
  });
}
