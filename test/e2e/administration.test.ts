import { describe, expect, test } from 'vitest';
import { publicKeyIdOf } from '../../src/protocol/minisign.ts';
import { isWellFormedToken } from '../../src/protocol/token.ts';
import { checkLinux, runJson, startWorld } from '../support/publish/world.ts';
import { generateKeyInProcess } from '../support/tauri/in-process-signer.ts';

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);

describe('apps', () => {
  test('that are created while serve runs can be used at once', async () => {
    const { run, server, dataDir } = await startWorld();
    const store = ['--data-dir', dataDir];
    const check = checkLinux('1.0.0', '--server', server.url).map((arg) =>
      arg === 'my-app' ? 'other-app' : arg,
    );
    expect(await run(check)).toMatchObject({ code: 2 });

    const created = await runJson(['apps', 'create', 'Other App', '--slug', 'other-app', ...store]);
    expect(created).toMatchObject({ code: 0 });
    const { token } = created.document;
    expect(created.document).toEqual({ id: expect.any(String), name: 'Other App', slug: 'other-app', token });
    expect(isWellFormedToken(token)).toBe(true);
    expect(created.stderr).not.toContain(token); // which ends up in logs
    expect(await runJson(check)).toMatchObject({ code: 0, document: { update: false } });
    const remote = ['--server', server.url, '--app', created.document.id, '--token', token];
    expect(await runJson(['releases', 'list', ...remote])).toMatchObject({ code: 0, document: [] });

    const { document: apps } = await runJson(['apps', 'list', ...store]);
    expect(apps).toContainEqual({
      id: created.document.id,
      name: 'Other App',
      slug: 'other-app',
      pubkey: null,
      require_bound_signatures: expect.any(Boolean),
      approval: false,
      created_at: TIME,
    });
    expect(apps).toHaveLength(2);
    const taken = await runJson(['apps', 'create', 'Third', '--slug', 'other-app', ...store]);
    expect(taken).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
  });

  test('are also shown as text, and the token only once', async () => {
    const { run, dataDir } = await startWorld();
    const env = { SYNCKIT_OTA_DATA: dataDir };
    const { stdout } = await run(['apps', 'create', 'Other App'], { env });
    const token = /\bsko_\w+/.exec(stdout)?.[0] ?? '';
    expect(isWellFormedToken(token)).toBe(true);
    const lists = await Promise.all([run(['apps', 'list'], { env }), run(['tokens', 'list'], { env })]);
    for (const { code, stdout: list } of lists) {
      expect(code).toBe(0);
      expect(list).not.toContain(token.slice(4));
    }
    expect(lists[0].stdout).toContain('Other App');
    const all = await run(['tokens', 'list'], { env: { ...env, SYNCKIT_OTA_APP: '' } });
    expect(all.stdout).toMatch(/ {2}(?:other-app|Other App) {2}/);
    const own = await run(['tokens', 'list', '--app', 'Other App'], { env });
    expect(own.code).toBe(0);
    expect(own.stdout).not.toMatch(/other.app/i); // every line is of that app
  });
});

describe('field 1: apps set-key', () => {
  test('sets the key that uploads are verified with, by id or slug', async () => {
    const { run, dataDir } = await startWorld();
    const store = ['--data-dir', dataDir];
    const { document: app } = await runJson(['apps', 'create', 'Other App', '--slug', 'other-app', ...store]);
    const [first, second] = [generateKeyInProcess().publicKey, generateKeyInProcess().publicKey];
    for (const args of [
      [app.id, first],
      ['other-app', '--pubkey', second],
    ]) {
      const { code, document } = await runJson(['apps', 'set-key', ...args, ...store]);
      expect(code).toBe(0);
      const pubkey = args.includes(first) ? first : second;
      expect(publicKeyIdOf(document.pubkey)).toBe(publicKeyIdOf(pubkey));
      expect(document.accepted_pubkeys).toEqual([document.pubkey]);
    }
    const { stdout } = await run(['apps', 'set-key', 'other-app', first, ...store]);
    expect(stdout).toContain(publicKeyIdOf(first));
  });

  test('refuses an unknown app, a missing key, and two', async () => {
    const { runJson: inWorld, dataDir } = await startWorld();
    const store = ['--data-dir', dataDir];
    const { publicKey } = generateKeyInProcess();
    for (const args of [
      ['other', publicKey],
      ['my-app'],
      ['my-app', publicKey, '--pubkey', publicKey],
      ['my-app', 'x'],
    ]) {
      expect(await inWorld(['apps', 'set-key', ...args, ...store])).toMatchObject({ code: 2 });
    }
  });
});

describe('tokens', () => {
  test('are created, listed, and refused at once when revoked', async () => {
    const { run, runJson: inWorld, app, dataDir } = await startWorld();
    const store = ['--data-dir', dataDir];
    const created = await inWorld(['tokens', 'create', '--name', 'CI', ...store]);
    const { token, ...record } = created.document;
    expect(isWellFormedToken(token)).toBe(true);
    expect(record).toEqual({
      id: expect.any(String),
      app: app.id,
      name: 'CI',
      kind: 'stored',
      scopes: ['release:read', 'release:upload', 'release:publish'],
      created_at: TIME,
      expires_at: TIME,
      revoked_at: null,
    });
    const days = (Date.parse(record.expires_at) - Date.parse(record.created_at)) / 86_400_000;
    expect(days).toBe(90);
    expect((await inWorld(['tokens', 'list', ...store])).document).toContainEqual({
      ...record,
      last_used_at: null,
    });
    expect(await run(['releases', 'list', '--token', token])).toMatchObject({ code: 0 });

    const revoked = await inWorld(['tokens', 'revoke', record.id, ...store]);
    expect(revoked).toMatchObject({ code: 0, document: { id: record.id, revoked: true } });
    expect(await run(['releases', 'list', '--token', token])).toMatchObject({ code: 3 });
    expect((await inWorld(['tokens', 'list', ...store])).document).toContainEqual(
      expect.objectContaining({ ...record, revoked_at: TIME }), // its last use is written some time later
    );
    expect(await run(['tokens', 'revoke', 'unknown', ...store])).toMatchObject({ code: 2 });
  });

  test('allow what their scopes say, and nothing else', async () => {
    const { run, runJson: inWorld, dataDir } = await startWorld();
    const create = [
      'tokens',
      'create',
      '--scope',
      'release:read',
      '--expires',
      'never',
      '--data-dir',
      dataDir,
    ];
    const { document } = await inWorld(create);
    expect(document).toMatchObject({ scopes: ['release:read'], expires_at: null });
    expect(await run(['releases', 'list', '--token', document.token])).toMatchObject({ code: 0 });
    const slug = await run(['publish', 'slug', 'my-app'], { env: { SYNCKIT_OTA_TOKEN: document.token } });
    expect(slug).toMatchObject({ code: 3, stderr: expect.stringContaining('scope') });
  });

  test('are read from stdin or a file in preference to the environment', async () => {
    const { run, app } = await startWorld();
    const env = { SYNCKIT_OTA_TOKEN: 'wrong' };
    const list = ['releases', 'list'];
    expect(await run(list, { env })).toMatchObject({ code: 3 });
    expect(await run([...list, '--token-file', '-'], { env, input: `${app.token}\n` })).toMatchObject({
      code: 0,
    });
    expect(await run([...list, '--token', app.token], { env })).toMatchObject({ code: 0 });
  });
});
