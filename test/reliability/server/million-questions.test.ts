import { expect, onTestFinished, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { askEverything } from '../../support/server/question-model.ts';

const MILLION = 1_000_000;

test('explain and simulate say what the check answers to a million questions', {
  timeout: 900_000,
}, async () => {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  let asked = 0;
  while (asked < MILLION) asked += await askEverything(database, { runs: 25 });
  expect(asked).toBeGreaterThanOrEqual(MILLION);
});
