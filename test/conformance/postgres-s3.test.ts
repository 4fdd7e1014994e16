import { describe } from 'vitest';
import { openPostgres } from '../../src/database/postgres.ts';
import { describeOnPostgres, usePostgres } from '../support/postgres.ts';
import { describeOnCeph } from '../support/s3-place.ts';
import { runScenarios } from './run-scenarios.ts';
import { openOnFakeS3, openOnS3 } from './s3-target.ts';

describeOnPostgres('the server on PostgreSQL', () => {
  const postgres = usePostgres();
  const openDatabase = async () => openPostgres(await postgres.server.createDatabase());

  describe('and the fake store', () => {
    runScenarios(() => openOnFakeS3(openDatabase), { lacks: ['own-storage'] });
  });

  describeOnCeph('and its files', (open) => {
    runScenarios(async () => openOnS3(await open(), openDatabase), { lacks: ['own-storage', 'clock'] });
  });
});
