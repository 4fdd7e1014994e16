import { onTestFinished } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { describeCommits } from './commits.contract.ts';
import { describeConcurrency } from './concurrency.contract.ts';
import { describeDatabase } from './database.contract.ts';
import { describeLimits } from './limits.contract.ts';
import { describeTrustedPublishers } from './trusted-publishers.contract.ts';

async function open(url: string): Promise<Database> {
  const database = await openPostgres({ url });
  onTestFinished(() => database.close());
  return database;
}

describeOnPostgres('PostgreSQL', () => {
  const postgres = usePostgres();

  describeDatabase('PostgreSQL', async () => {
    const url = await postgres.server.createDatabase();
    return { database: await open(url), openAgain: () => open(url) };
  });

  describeCommits(async () => open(await postgres.server.createDatabase()));

  describeTrustedPublishers('PostgreSQL', async () => {
    const url = await postgres.server.createDatabase();
    return [await open(url), await open(url)];
  });

  const openThrice = async () => {
    const url = await postgres.server.createDatabase();
    return [await open(url), await open(url), await open(url)];
  };

  describeConcurrency('PostgreSQL', openThrice);

  describeLimits('PostgreSQL', openThrice);
});
