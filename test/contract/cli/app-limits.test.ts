import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { addApp } from '../../support/server/add-app.ts';

async function openWorld() {
  const dataDir = join(await tempFolder(), 'data');
  const database = await openSqlite({ dataDir });
  const { id } = await addApp(database).finally(() => database.close());
  return (args: readonly string[]) => ['apps', args[0] ?? '', id, ...args.slice(1), '--data-dir', dataDir];
}

test('limits are set, shown with what the app has, and set back', async () => {
  const inWorld = await openWorld();
  const before = await runJsonInProcess(inWorld(['show']));
  expect(before.document).toMatchObject({
    limits: { drafts: { used: 0, limit: 200 }, stored_bytes: { used: 0, limit: null } },
  });
  const all = ['--releases', '7', '--drafts', '0', '--pending-uploads', '8', '--channels', 'unlimited'];
  const sizes = ['--slugs', '9', '--notes-bytes', '1MiB', '--stored-bytes', '2GB', '--hourly-changes', '100'];
  const set = await runJsonInProcess(inWorld(['set-limits', ...all, ...sizes]));
  const limits = {
    releases: { used: 0, limit: 7 },
    drafts: { used: 0, limit: 0 },
    pending_uploads: { used: 0, limit: 8 },
    channels: { used: 0, limit: null },
    slugs: { used: 0, limit: 9 },
    notes_bytes: { used: 0, limit: 1024 ** 2 },
    stored_bytes: { used: 0, limit: 2e9 },
    hourly_changes: { used: 0, limit: 100 },
  };
  expect(set.document).toMatchObject({ limits });
  await runInProcess(inWorld(['set-limits', '--drafts', 'default', '--slugs', ' default ']));
  const { stdout } = await runInProcess(inWorld(['show']));
  expect(stdout).toMatch(/limit: drafts +0, of 200/);
  expect(stdout).toMatch(/limit: channels +0, no limit/);
  expect(stdout).toMatch(/limit: stored bytes +0 B, of 2 GB/);
});

test.each([
  [[], /no limit given/],
  [['--drafts', '-1'], /--drafts -1 must be a whole number/],
  [['--drafts', 'many'], /--drafts many must be a whole number/],
  [['--notes-bytes', '5 parsecs'], /--notes-bytes 5 parsecs is not a size/],
])('%j is refused, and nothing is changed', async (args, message) => {
  const inWorld = await openWorld();
  const refused = await runInProcess(inWorld(['set-limits', ...args]));
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
});
