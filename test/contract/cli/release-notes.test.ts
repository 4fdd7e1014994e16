import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { MAX_JSON_BODY_BYTES } from '../../../src/protocol/messages.ts';
import { startBaseProxy } from '../../support/network/base-proxy.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { checkLinux, publishLinux, writeBundle } from '../../support/publish/world.ts';
import { openTestServer } from '../../support/server/server.ts';

async function startApp() {
  const folder = await tempFolder();
  const server = await openTestServer(await tempFolder());
  onTestFinished(() => server.close());
  const { url } = await server.listen();
  const app = await server.createApp();
  const env = { SYNCKIT_OTA_SERVER: url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
  const options = { env, cwd: folder };
  return {
    url,
    folder,
    file: await writeBundle(folder, 'App.AppImage'),
    run: (...args: string[]) => runInProcess(args, options),
    runJson: (...args: string[]) => runJsonInProcess(args, options),
    runAt: (server: string, ...args: string[]) =>
      runJsonInProcess(args, { ...options, env: { ...env, SYNCKIT_OTA_SERVER: server } }),
  };
}

test('field 6: the notes of a live release are changed, and offered to the next app that asks', async () => {
  const { runJson, file, folder } = await startApp();
  await runJson(...publishLinux('1.2.0', file), '--notes', 'Mistaken.');
  await writeFile(join(folder, 'notes.md'), '\ufeffGrößer.\n');
  const edited = await runJson('releases', 'edit', 'v1.2.0', '--notes-file', 'notes.md');
  expect(edited).toMatchObject({
    code: 0,
    document: { version: '1.2.0', notes: 'Größer.', status: 'published' },
  });
  expect((await runJson(...checkLinux('1.1.0'))).document).toMatchObject({ notes: 'Größer.' });

  const byId = await runJson('releases', 'edit', edited.document.id, '--notes', 'Better.');
  expect(byId).toMatchObject({ code: 0, document: { notes: 'Better.' } });
  expect(await runJson('releases', 'edit', '9.9.9', '--notes', 'a')).toMatchObject({ code: EXIT.usage });

  const removed = await runJson('releases', 'edit', '1.2.0', '--remove-notes');
  expect(removed).toMatchObject({ code: 0, document: { notes: null } });
  expect((await runJson(...checkLinux('1.1.0'))).document).toMatchObject({ notes: null });
});

test('field 6: notes that are too long are refused with their source, and nothing is written', async () => {
  const { runJson, file, folder } = await startApp();
  await writeFile(join(folder, 'long.md'), 'a'.repeat(MAX_JSON_BODY_BYTES));
  const published = await runJson(...publishLinux('1.2.0', file), '--notes-file', 'long.md');
  expect(published.code).toBe(EXIT.preflightRefused);
  expect(published.document.error.message).toContain('--notes-file long.md');
  expect((await runJson('releases', 'list')).document).toEqual([]);

  await runJson(...publishLinux('1.2.0', file), '--notes', 'Short.');
  const edited = await runJson('releases', 'edit', '1.2.0', '--notes-file', 'long.md');
  expect(edited.code).toBe(EXIT.preflightRefused);
  expect(edited.document.error.message).toContain('--notes-file long.md');
  expect((await runJson('releases', 'show', '1.2.0')).document.notes).toBe('Short.');
});

test('field 6: notes cannot be changed on a server that only knows the documented API', async () => {
  const { url, file, runJson, runAt } = await startApp();
  await runJson(...publishLinux('1.2.0', file), '--notes', 'First.');
  const base = await startBaseProxy(url);
  const edited = await runAt(base.url.href, 'releases', 'edit', '1.2.0', '--notes', 'Second.');
  expect(edited).toMatchObject({
    code: EXIT.preflightRefused,
    document: { error: { code: 'preflight_refused' } },
  });
  expect((await runJson('releases', 'show', '1.2.0')).document.notes).toBe('First.');
});

test('field 6: a dry run shows the beginning of the notes, and all of them as JSON', async () => {
  const { run, runJson, file } = await startApp();
  const notes = Array.from({ length: 15 }, (_, line) => `- change ${line}`).join('\n');
  const args = [...publishLinux('1.2.0', file), '--notes', notes, '--dry-run'];
  const { stdout } = await run(...args);
  expect(stdout).toContain('\n  - change 0\n');
  expect(stdout).toContain('- change 9\n');
  expect(stdout).not.toContain('- change 10');
  expect(stdout).toContain('5 more lines');
  expect((await runJson(...args)).document).toMatchObject({ status: 'planned', notes });
  expect((await runJson(...publishLinux('1.2.0', file), '--dry-run')).document.notes).toBeUndefined();
});

test('field 6: a binary signature is served as base64, byte for byte', async () => {
  const { runJson, file } = await startApp();
  const signature = Buffer.from('f100ff0a'.repeat(16), 'hex');
  await writeFile(`${file}.sig`, signature);
  const published = await runJson(...publishLinux('1.2.0', file));
  expect(published).toMatchObject({ code: 0, document: { status: 'published' } });
  expect(published.document.warnings).toContainEqual(expect.stringContaining('is binary'));
  expect((await runJson(...checkLinux('1.1.0'))).document.signature).toBe(signature.toString('base64'));
});
