import { expect, onTestFinished, test } from 'vitest';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { askEverything } from '../../../support/server/question-model.ts';

/* A million of them are asked in test/reliability/server/million-questions.test.ts. */

test.each([
  ['explain', 3],
  ['simulate', 6],
])('in any history %s says what the check answers', { timeout: 150_000 }, async (about, runs) => {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  expect(await askEverything(database, { runs, about: [about] })).toBeGreaterThan(5000);
});
