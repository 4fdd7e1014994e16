import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatPlan, formatRefused } from '../../../../src/cli/layout/plan-table.ts';
import { formatKeyId, parsePublicKey } from '../../../../src/protocol/minisign.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { generateKeyInProcess, signInProcess } from '../../../support/tauri/in-process-signer.ts';

const SHA = 'a'.repeat(64);
const FILE = { target: 'linux', arch: 'x86_64', size: 2048, sha256: SHA, file: 'App.deb' } as const;

test('a plan is a table of platform, bundle, size, hash, key id, action and file', async () => {
  const folder = await tempFolder();
  const key = generateKeyInProcess();
  const file = join(folder, 'App.deb');
  await writeFile(file, 'bytes');
  const signature = (await readFile(await signInProcess(key, file), 'utf8')).trim();
  const keyId = formatKeyId(parsePublicKey(key.publicKey)?.keyId ?? Buffer.alloc(0));
  const table = formatPlan([
    { ...FILE, bundleType: 'deb', signature, action: 'upload' },
    { ...FILE, target: 'darwin', signature: 'not minisign', action: 'skip', file: 'App.app.tar.gz' },
  ]);
  expect(table.map((line) => line.split(/ {2,}/))).toEqual([
    ['platform', 'bundle', 'size', 'sha256', 'key id', 'action', 'file'],
    ['linux-x86_64', 'deb', '2 kB', SHA, keyId, 'upload', 'App.deb'],
    ['darwin-x86_64', '-', '2 kB', SHA, '-', 'skip', 'App.app.tar.gz'],
  ]);
});

test('a refused plan marks each file as refused or ok', () => {
  const table = formatRefused([
    { ...FILE, signature: 's', refused: true },
    { ...FILE, signature: 's', refused: false, file: 'b' },
  ]);
  expect(table.join('\n')).toMatch(/refused {2}App\.deb\n.* ok {7}b$/);
});
