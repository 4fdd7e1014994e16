import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { DATABASE_FILE, openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { verifyStore } from '../../support/faults/verify-store.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { openTestServer } from '../../support/server/server.ts';
import { listStoreFixtures } from '../../support/server/store-fixture.ts';

const FIXTURES = listStoreFixtures();

test('there is a store of this version', () => {
  expect(FIXTURES.map(({ version }) => version)).toContain(packageJson.version);
});

test('the store of this version has the schema of today: else it was not written anew', async () => {
  const dataDir = await tempFolder();
  await (await openSqlite({ dataDir })).close();
  const fixture = FIXTURES.find(({ version }) => version === packageJson.version);
  const [ofFixture, ofToday] = [
    await schemaOf(join(fixture?.dataDir ?? '', DATABASE_FILE)),
    await schemaOf(join(dataDir, DATABASE_FILE)),
  ];
  expect(ofFixture, 'run `npm run fixture:store`').toEqual(ofToday);
});

async function schemaOf(file: string): Promise<unknown[]> {
  const connection = await connectSqlite(file, { readonly: true });
  try {
    return connection.prepare('select type, name, sql from sqlite_schema order by type, name').all();
  } finally {
    connection.close();
  }
}

test.each(FIXTURES)('a store that $version has written is opened with all that it has', async (fixture) => {
  const { content } = fixture;
  const dataDir = join(await tempFolder(), 'data');
  await cp(fixture.dataDir, dataDir, { recursive: true });
  const server = await openTestServer(dataDir, { clock: () => new Date() });
  onTestFinished(() => server.close());
  const expected = Object.entries(content.versions).map(
    ([number, { state, sha256 }]) => [number, { allowed: [state], sha256 }] as const,
  );
  await verifyStore(dataDir, new Map(expected));

  const app = { method: 'GET', url: `/api/sync/ota/apps/${content.app.id}` } as const;
  const headers = { authorization: `Bearer ${content.app.token}` };
  expect((await server.app.inject({ ...app, headers })).json()).toMatchObject({ slug: content.slug });
  const check = await server.app.inject({
    method: 'GET',
    url: `/api/sync/ota/${content.slug}/linux/x86_64/0.0.1`,
  });
  const highest = Object.entries(content.versions)
    .filter(([, { state }]) => state === 'live')
    .at(-1);
  expect(check.json()).toMatchObject({ version: highest?.[0] });
});
