import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';

const COMMANDS: readonly (readonly string[])[] = [
  ['fsck'],
  ['fsck', '--hashes'],
  ['apps', 'list'],
  ['apps', 'create', 'My App'],
  ['apps', 'show', 'my-app'],
  ['tokens', 'list'],
  ['tokens', 'revoke', 'publish'],
  ['storage', 'claim', '--yes'],
];

const named = (commands: readonly (readonly string[])[]) =>
  commands.map((words) => [words.join(' '), words] as const);

describeOnPostgres('without a store on PostgreSQL', () => {
  const postgres = usePostgres();

  test.each(named(COMMANDS))('%s creates neither tables nor files', async (_, command) => {
    const url = await postgres.server.createEmptyDatabase();
    const dataDir = join(await tempFolder(), 'data');
    const refused = await runJsonInProcess([...command, ...['--data-dir', dataDir, '--database', url]]);
    expect(refused, refused.stderr).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
    expect(refused.stderr).toContain('no store in');
    const tables = "select count(*)::int4 from pg_tables where schemaname = 'public'";
    expect(await postgres.server.sql(tables, new URL(url).pathname.slice(1))).toEqual([{ count: 0 }]);
    expect(await readdir(join(dataDir, '..'))).toEqual([]);
  });
});

describeOnPostgres('without a data folder', () => {
  const postgres = usePostgres();

  test.each(named([['fsck'], ['storage', 'claim', '--yes']]))('%s creates none', async (_, command) => {
    const url = await postgres.server.createEmptyDatabase();
    await (await openPostgres({ url })).close();
    const dataDir = join(await tempFolder(), 'data');
    const refused = await runJsonInProcess([...command, '--data-dir', dataDir, '--database', url]);
    expect(refused, refused.stderr).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
    expect(refused.stderr).toContain(`there is no data folder ${dataDir}`);
    expect(await readdir(join(dataDir, '..'))).toEqual([]);
  });
});

describe('without a store in the data folder', () => {
  test.each(named([...COMMANDS, ['backup', 'backup']]))('%s creates none', async (_, command) => {
    const cwd = await tempFolder();
    for (const dataDir of ['missing', '.']) {
      const refused = await runJsonInProcess([...command, '--data-dir', join(cwd, dataDir)], { cwd });
      expect(refused, refused.stderr).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
      expect(await readdir(cwd)).toEqual([]);
    }
  });
});
