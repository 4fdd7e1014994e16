import { expect, test } from 'vitest';
import { publishLinux, runJson, startWorld, writeBundle } from '../support/publish/world.ts';

test('a token for a purpose may do just that, and publish warns before it expires', async () => {
  const world = await startWorld();
  const create = (purpose: string, ...more: string[]) =>
    runJson([
      ...['tokens', 'create', '--data-dir', world.dataDir, '--app', world.app.id],
      ...['--name', purpose, '--for', purpose, ...more],
    ]);
  expect((await create('read')).document.scopes).toEqual(['release:read']);
  expect((await create('upload')).document.scopes).toEqual(['release:read', 'release:upload']);
  expect((await create('everything')).code).toBe(2);
  expect((await create('read', '--scope', 'release:edit')).code).toBe(2);
  const { token } = (await create('publish', '--expires', '12h')).document;

  const file = await writeBundle(world.folder, 'App.AppImage');
  const short = await world.runJson(publishLinux('1.2.0', file), { env: { SYNCKIT_OTA_TOKEN: token } });
  expect(short).toMatchObject({ code: 0, document: { status: 'published' } });
  expect(short.document.warnings).toContainEqual(
    expect.stringMatching(/^the token expires on \d{4}-\d\d-\d\d: /),
  );
  const long = await world.runJson(publishLinux('1.2.0', file));
  expect(JSON.stringify(long.document.warnings)).not.toContain('expires');
});

test('publish --no-verify-download compares what is offered, and says that it downloads nothing', async () => {
  const world = await startWorld(['--verbose']);
  const file = await writeBundle(world.folder, 'App.AppImage');
  const { code, document } = await world.runJson(publishLinux('1.2.0', file, '--no-verify-download'));
  expect(code).toBe(0);
  expect(document).toMatchObject({ status: 'published', artifacts: [{ verified: false }] });
  expect(document.artifacts[0].url).toContain('/download/');
  expect(document.warnings).toContainEqual(
    expect.stringContaining('are not downloaded (--no-verify-download)'),
  );
  expect(JSON.stringify(world.server.logs())).not.toContain('/download/');
});
