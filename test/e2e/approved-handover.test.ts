import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { publicKeyIdOf } from '../../src/protocol/minisign.ts';
import { startWorld } from '../support/publish/world.ts';
import { generateKeyInProcess, signInProcess } from '../support/tauri/in-process-signer.ts';

test('attack handover: who approves a release compares the new key that it hands over to', async () => {
  const { folder, dataDir, runJson } = await startWorld();
  const store = ['--data-dir', dataDir];
  const [key, next] = [generateKeyInProcess(), generateKeyInProcess()];
  const { document: app } = await runJson([
    ...['apps', 'create', 'Signed', '--slug', 'signed', '--pubkey', key.publicKey],
    ...store,
  ]);
  await runJson(['apps', 'set', app.id, '--approval', ...store]);
  const tokenFor = async (scope: string) => {
    const scopes = ['--scope', 'release:read', '--scope', scope];
    const { document } = await runJson([
      'tokens',
      'create',
      '--app',
      app.id,
      '--name',
      scope,
      ...scopes,
      ...store,
    ]);
    return { SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: document.token };
  };
  const [ci, alice] = [await tokenFor('release:upload'), await tokenFor('release:publish')];
  const file = join(folder, 'App.AppImage');
  await writeFile(file, 'an app');
  await signInProcess(key, file, '1.0.0');
  const uploaded = await runJson(
    [
      ...['publish', '--version', '1.0.0', '--artifact', `linux-x86_64=${file}`],
      ...['--pubkey', key.publicKey, '--embedded-pubkey', next.publicKey],
    ],
    { env: ci },
  );
  expect(uploaded, uploaded.stderr).toMatchObject({ code: 0, document: { status: 'draft' } });

  const finish = ['publish', 'finish', '--release', '1.0.0'];
  for (const confirmed of [[], ['--embedded-pubkey', generateKeyInProcess().publicKey]]) {
    const refused = await runJson([...finish, ...confirmed], { env: alice });
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
    expect(refused.stderr).toContain(`hands over to key ${publicKeyIdOf(next.publicKey)}`);
  }
  const approved = await runJson([...finish, '--embedded-pubkey', next.publicKey], { env: alice });
  expect(approved, approved.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
  expect(approved.document.warnings).toEqual([expect.stringContaining('hands over from key')]);
});
