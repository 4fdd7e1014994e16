import { describe } from 'vitest';
import { openPostgres } from '../../src/database/postgres.ts';
import { describeOnPostgres, usePostgres } from '../support/postgres.ts';
import { openOnDisk, openOwnServer } from './own-server.ts';
import { callInProcess, callOverLoopback } from './own-server-calls.ts';
import { runScenarios } from './run-scenarios.ts';

describeOnPostgres('the server on PostgreSQL', () => {
  const postgres = usePostgres();

  for (const [how, connect] of [
    ['in process', callInProcess],
    ['over loopback', callOverLoopback],
  ] as const) {
    describe(how, () => {
      runScenarios(
        () =>
          openOwnServer(connect, async (dataDir) => {
            const database = await openPostgres(await postgres.server.createDatabase());
            return openOnDisk(dataDir, { database });
          }),
        { lacks: ['complete-upload'] },
      );
    });
  }
});
