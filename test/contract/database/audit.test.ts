import { onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { describeAudit } from './audit.contract.ts';
import { describeEditedTables } from './edited-tables.contract.ts';

async function closing(opened: Promise<Database>): Promise<Database> {
  const database = await opened;
  onTestFinished(() => database.close());
  return database;
}

async function openOnSqlite() {
  const dataDir = await tempFolder();
  const open = () => closing(openSqlite({ dataDir }));
  return { database: await open(), openAgain: open };
}

describeAudit('SQLite', openOnSqlite);
describeEditedTables('SQLite', openOnSqlite);

describeOnPostgres('PostgreSQL', () => {
  const postgres = usePostgres();

  const openOnPostgres = async () => {
    const url = await postgres.server.createDatabase();
    const open = () => closing(openPostgres({ url }));
    return { database: await open(), openAgain: open };
  };

  describeAudit('PostgreSQL', openOnPostgres);
  describeEditedTables('PostgreSQL', openOnPostgres);
});
