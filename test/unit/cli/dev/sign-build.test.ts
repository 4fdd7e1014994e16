import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signBuild } from '../../../../src/cli/dev/sign-build.ts';
import { generateSigningKeyPair } from '../../../../src/protocol/minisign-signer.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { inspectSigned } from '../../../support/publish/inspect-signed.ts';

const keyPair = generateSigningKeyPair();
const SIGNING = { keyPair, version: '1.2.1', now: new Date('2026-03-13T12:00:00Z') };

test('files are signed for the offered version, and their own .sig files are neither used nor changed', async () => {
  const file = join(await tempFolder(), 'App.AppImage');
  await writeFile(file, 'the app');
  await writeFile(`${file}.sig`, 'signed for 1.2.0');
  const signed = await signBuild([{ target: 'linux', arch: 'x86_64', file }], SIGNING);
  const check = { publicKey: keyPair.publicKey, version: '1.2.1' };
  expect(await inspectSigned(signed, check)).toMatchObject({
    artifacts: signed,
    issues: [],
    warnings: [],
  });
  expect(await inspectSigned(signed, { ...check, version: '1.2.0' })).toMatchObject({
    issues: [{ message: expect.stringContaining('signed for version 1.2.1') }],
  });
  expect(await readFile(`${file}.sig`, 'utf8')).toBe('signed for 1.2.0');
});

test('a universal bundle has one signature for both archs', async () => {
  const file = join(await tempFolder(), 'App.app.tar.gz');
  await writeFile(file, 'the app');
  const [a, b] = await signBuild(
    [
      { target: 'darwin', arch: 'x86_64', bundleType: 'app', file },
      { target: 'darwin', arch: 'aarch64', bundleType: 'app', file },
    ],
    SIGNING,
  );
  expect(a).toMatchObject({ arch: 'x86_64', bundleType: 'app', givenSignature: b?.givenSignature });
  expect(b).toMatchObject({
    arch: 'aarch64',
    bundleType: 'app',
    givenSignature: expect.stringMatching(/^dW50/),
  });
});

test('a missing file is an error that names it', async () => {
  const file = join(await tempFolder(), 'gone');
  await expect(signBuild([{ target: 'linux', arch: 'x86_64', file }], SIGNING)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(`${file} cannot be read`),
  });
});
