import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../../../src/database/queries/apps.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';

let folder: string;
beforeEach(async () => {
  folder = await tempFolder();
});

const COMMANDS = [
  ['apps', 'list'],
  ['apps', 'show', 'my-app'],
  ['apps', 'rename', 'my-app', 'Name'],
  ['apps', 'set-key', 'my-app', 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'],
  ['apps', 'delete', 'my-app', '--yes'],
  ['apps', 'free-slug', 'my-app'],
  ['tokens', 'list'],
  ['tokens', 'create', '--app', 'my-app'],
  ['tokens', 'revoke', 'ci'],
];

describe('where there is no store', () => {
  test.each([...COMMANDS, ['apps', 'create', 'My App']])('field 11: %s %s creates none', async (...args) => {
    const dataDir = join(folder, 'typo');
    const { code, stderr } = await runInProcess([...args, '--data-dir', dataDir]);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`no store in ${dataDir}`),
    });
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each(COMMANDS)('field 11: %s %s creates none in the default folder', async (...args) => {
    expect(await runInProcess(args, { cwd: folder })).toMatchObject({ code: 2 });
    expect(existsSync(join(folder, 'synckit-ota-data'))).toBe(false);
  });

  test('field 11: apps create creates one in the default folder, and says so', async () => {
    const { code, stderr } = await runInProcess(['apps', 'create', 'My App'], { cwd: folder });
    expect(code).toBe(0);
    expect(stderr).toContain(`Created a new store in ${join(folder, 'synckit-ota-data')}`);
  });
});

describe('on a store', () => {
  const inStore = (...args: string[]) => runJsonInProcess([...args, '--data-dir', folder]);
  const document = async (...args: string[]) => (await inStore(...args)).document as Record<string, unknown>;

  async function apps(...names: string[]) {
    const database = await openSqlite({ dataDir: folder });
    for (const name of names) {
      await createApp(database.queries, { name, ...(name === 'My App' && { slug: 'my-app' }) }, by());
    }
    await database.close();
  }

  test('field 11: every command names it', async () => {
    await apps('My App');
    for (const args of [
      ['apps', 'list'],
      ['tokens', 'list'],
      ['apps', 'show', 'my-app'],
    ]) {
      const { stderr } = await runInProcess([...args, '--data-dir', folder]);
      expect(stderr).toContain(`Store: ${join(folder, 'synckit-ota.sqlite')}`);
    }
  });

  test('field 11: an app is known by id, slug and name, and a token by id and name', async () => {
    await apps('My App', 'Twin', 'Twin');
    const { id } = await document('apps', 'show', 'my-app');
    for (const reference of ['my-app', 'My App', String(id)]) {
      expect(await document('apps', 'show', reference)).toMatchObject({ id });
      const token = await document('tokens', 'create', '--app', reference, '--name', `of ${reference}`);
      expect(token).toMatchObject({ app: id });
      expect(await document('tokens', 'list', '--app', reference)).toContainEqual(
        expect.objectContaining({ id: token.id }),
      );
      expect(await document('tokens', 'revoke', `of ${reference}`)).toMatchObject({ id: token.id });
    }
    expect(await inStore('apps', 'show', 'Twin')).toMatchObject({ code: 2 });
    for (const args of [
      ['apps', 'show'],
      ['apps', 'delete', '--yes'],
      ['tokens', 'list', '--app'],
      ['tokens', 'create', '--app'],
      ['tokens', 'revoke'],
    ]) {
      expect(await inStore(...args, 'gone')).toMatchObject({ code: 2 });
    }
  });

  test('field 11: a renamed app keeps its id and slug', async () => {
    await apps('My App');
    const before = await document('apps', 'show', 'my-app');
    await document('apps', 'rename', 'my-app', 'My Better App');
    expect(await document('apps', 'show', 'my-app')).toEqual({ ...before, name: 'My Better App' });
  });

  test('field 11: a deleted app is gone at once, and its slug is reserved until it is freed', async () => {
    const server = await startServer({}, folder);
    const publisher = await Publisher.on(server);
    await publisher.publish('1.0.0');
    await publisher.createRelease('1.1.0');
    expect(await publisher.offered()).toBe('1.0.0');

    expect(await inStore('apps', 'delete', 'my-app')).toMatchObject({ code: 2 });
    expect(await publisher.offered()).toBe('1.0.0');
    expect(await document('apps', 'delete', 'my-app', '--yes')).toMatchObject({ reserved_slugs: ['my-app'] });
    expect((await publisher.check('0.9.0')).statusCode).toBe(404);
    expect((await publisher.send('GET', '/releases')).statusCode).toBe(401);
    expect(await document('tokens', 'list')).toEqual([]);

    const create = ['apps', 'create', 'Next', '--slug', 'my-app'];
    expect(await inStore(...create)).toMatchObject({ code: 5 });
    expect(await document('apps', 'free-slug', 'my-app')).toEqual({ slug: 'my-app', freed: true });
    expect(await inStore(...create)).toMatchObject({ code: 0 });
    expect((await publisher.check('0.9.0')).statusCode).toBe(204);
    expect(await inStore('apps', 'free-slug', 'my-app')).toMatchObject({ code: 5 });
    expect(await inStore('apps', 'free-slug', 'never-seen')).toMatchObject({ code: 2 });
  });

  test('attack F9: a former slug still names its app, which is said', async () => {
    const server = await startServer({}, folder);
    const publisher = await Publisher.on(server);
    await publisher.send('PUT', '/slug', { body: { slug: 'new-name' } });
    const { code, document: tokens, stderr } = await inStore('tokens', 'list', '--app', 'my-app');
    expect([code, stderr]).toEqual([0, expect.stringContaining('my-app is a former slug of')]);
    expect(tokens).not.toEqual([]);
    expect((await inStore('tokens', 'revoke', '--all', '--app', 'my-app')).code).toBe(0);
    await apps('my-app');
    const ambiguous = await inStore('apps', 'show', 'my-app');
    expect([ambiguous.code, ambiguous.stderr]).toEqual([2, expect.stringContaining('several apps')]);
  });

  test.each(['audit', 'tokens list'])(
    'field P4: %s says that the environment limits it to an app',
    async (command) => {
      await apps('My App');
      const run = (env: Record<string, string>) =>
        runInProcess([...command.split(' '), '--data-dir', folder], { env });
      expect((await run({ SYNCKIT_OTA_APP: 'my-app' })).stderr).toContain('Only the app my-app is listed');
      expect((await run({})).stderr).not.toContain('SYNCKIT_OTA_APP');
    },
  );

  test('field 11: a freed former slug no longer answers for the app that had it', async () => {
    const server = await startServer({}, folder);
    const publisher = await Publisher.on(server);
    await publisher.publish('1.0.0');
    await publisher.send('PUT', '/slug', { body: { slug: 'new-name' } });
    expect((await publisher.check('0.9.0')).statusCode).toBe(200);
    expect(await document('apps', 'show', 'new-name')).toMatchObject({ slugs: ['my-app', 'new-name'] });
    expect(await document('apps', 'free-slug', 'my-app')).toMatchObject({ freed: true });
    expect((await publisher.check('0.9.0')).statusCode).toBe(404);
    expect((await publisher.check('0.9.0', undefined, 'new-name')).statusCode).toBe(200);
  });
});
