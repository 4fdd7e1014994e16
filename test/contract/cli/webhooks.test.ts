import { describe, expect, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startReceiver, verified } from '../../support/server/webhook-receiver.ts';

const SECRET = 'B00000000/XXXXXXXXXXXXXXXX';
const SLACK = `https://hooks.slack.com/services/${SECRET}`;

async function newStore() {
  const folder = await tempFolder();
  await (await openSqlite({ dataDir: folder })).close();
  const run = (...args: string[]) => runInProcess(['webhooks', ...args, '--data-dir', folder]);
  const json = async (...args: string[]) =>
    (await runJsonInProcess(['webhooks', ...args, '--data-dir', folder])).document;
  const app = ['apps', 'create', 'My App', '--slug', 'my-app', '--data-dir', folder];
  const { document } = await runJsonInProcess(app);
  const { id: appId } = document as { id: string };
  const audit = async () => {
    const { document: entries } = await runJsonInProcess(['audit', '--data-dir', folder]);
    return entries as { action: string }[];
  };
  return { folder, run, json, appId, audit };
}

describe('webhooks on the command line', () => {
  test('are added, listed, tested, and removed, and their secret and URL are shown once at most', async () => {
    const { run, json, appId, audit, folder } = await newStore();
    const receiver = await startReceiver();
    const added = await run(
      'add',
      receiver.url,
      '--app',
      'my-app',
      '--events',
      'paused,trouble',
      '--allow-private',
    );
    expect(added, added.stderr).toMatchObject({ code: 0 });
    const [secret = ''] = /whsec_\S+/.exec(added.stdout) ?? [];
    expect(added.stderr).not.toContain('whsec_');
    const slack = (await json('add', SLACK, '--format', 'slack')) as { id: string };
    const listed = (await json('list')) as { id: string }[];
    expect(listed).toMatchObject([
      { app: appId, events: ['release.paused', 'store.trouble'], format: 'json', allow_private: true },
      { id: slack.id, app: null, events: [], format: 'slack', host: 'hooks.slack.com', failing_since: null },
    ]);
    const [{ id } = { id: '' }] = listed;
    expect(await json('test', id)).toEqual({ id, message: expect.stringMatching(/^msg_/), status: 204 });
    expect(verified(receiver, { secret })).toMatchObject([{ version: 1, type: 'webhook.test', data: {} }]);
    expect(await json('deliveries', id)).toEqual([]);
    expect(await json('enable', id)).toEqual({ id, enabled: false });
    const shown = await run('list');
    expect(shown.stdout).toMatch(/my-app.*json.*release.paused store.trouble.*active/);
    const log = JSON.stringify(await audit());
    const logs = shown.stdout + shown.stderr + log + JSON.stringify(listed) + added.stderr;
    for (const text of [SECRET, 'secret-path', secret]) expect(logs).not.toContain(text);
    expect(await json('remove', slack.id)).toEqual({ id: slack.id, removed: true });
    const actions = (await audit())
      .map(({ action }) => action)
      .filter((action) => action.startsWith('webhook'));
    expect(actions).toEqual(['webhook.added', 'webhook.added', 'webhook.removed']);
    const verify = await runInProcess(['audit', 'verify', '--skip-files', '--data-dir', folder]);
    expect(verify, verify.stderr).toMatchObject({ code: 0 });
  });

  test('a test says why a message was not taken', async () => {
    const { json, run } = await newStore();
    const receiver = await startReceiver((_, response) => response.writeHead(500).end());
    const { id } = (await json('add', receiver.url, '--allow-private')) as { id: string };
    expect(await run('test', id)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('answered with 500'),
    });
  });

  test.each([
    ['ftp://example.com/x', 'must be an http(s) URL'],
    ['hooks.example.com', 'must be an http(s) URL'],
    ['https://user:pass@example.com/', 'a user or a password'],
    ['http://127.0.0.1/x', '--allow-private'],
    ['http://[::1]/x', '--allow-private'],
    ['http://10.1.2.3/x', '--allow-private'],
    ['http://localhost/x', '--allow-private'],
    ['http://0x7f.1/x', '--allow-private'],
    ['http://metadata.internal/x', '--allow-private'],
    ['http://169.254.169.254/x', 'own link'],
  ])('attack: %s is refused', async (url, reason) => {
    const { run } = await newStore();
    expect(await run('add', url)).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
    const link = await run('add', 'http://169.254.169.254/x', '--allow-private');
    expect(link.code).toBe(2);
  });

  test.each([
    [['add', 'https://example.com/', '--events', 'published,nonsense'], 'nonsense'],
    [['add', 'https://example.com/', '--format', 'teams'], 'json, slack, discord'],
    [['remove', 'none'], 'there is no webhook'],
    [['test', 'none'], 'there is no webhook'],
    [['enable', 'none'], 'there is no webhook'],
    [['deliveries', 'none'], 'there is no webhook'],
  ])('a mistake in %j is a usage error', async (args, reason) => {
    const { run } = await newStore();
    expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
  });
});
