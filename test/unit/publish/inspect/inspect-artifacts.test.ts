import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findIdentity } from '../../../../src/client/transfer/file-identity.ts';
import { MAX_SIGNATURE_LENGTH } from '../../../../src/protocol/messages.ts';
import { parsePublicKey } from '../../../../src/protocol/minisign.ts';
import { inspectArtifacts } from '../../../../src/publish/inspect/inspect-artifacts.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import {
  type InspectSignedOptions,
  inspectSigned as inspectFiles,
} from '../../../support/publish/inspect-signed.ts';
import {
  generateKeyInProcess,
  type InProcessKey,
  signInProcess,
} from '../../../support/tauri/in-process-signer.ts';
import { LINUX, MAC, WINDOWS, writeArtifact } from '../../../support/tauri/local-file.ts';

const SIGN = 'Sign the bundle';

/** Of a Tauri project that cannot be read. */
const projectApp = async () => undefined;

/** Inspects one file of a fresh folder, after it was made worse. */
async function inspect(spoil: (file: string) => Promise<unknown>, options: InspectSignedOptions = {}) {
  const artifact = await writeArtifact(await tempFolder(), LINUX);
  await spoil(artifact.file);
  const found = await inspectFiles([artifact], { projectApp, ...options });
  return { ...found, artifact };
}

describe('a file without a public key', () => {
  test('is measured, hashed, and its signature trimmed', async () => {
    const { artifacts, issues, artifact } = await inspect((file) => appendFile(`${file}.sig`, ' \r\n\n'));
    expect(artifacts).toEqual([{ ...artifact, identity: await findIdentity(artifact.file) }]);
    expect(issues).toEqual([]);
  });

  test('leads to a warning if Tauri cannot read its signature', async () => {
    const { warnings, artifact } = await inspect(async () => {});
    expect(warnings).toEqual([
      `${artifact.file}.sig is not base64, so Tauri's updater would refuse it`,
      expect.stringContaining('no public key is known'),
    ]);
  });

  test.each<[string, string, string, (file: string) => Promise<unknown>, string]>([
    ['is missing', 'file.missing', 'usage', (file) => rm(file), 'Build it'],
    ['is a folder', 'file.not_a_file', 'usage', (file) => rm(file).then(() => mkdir(file)), 'not its folder'],
    ['is empty', 'file.empty', 'usage', (file) => writeFile(file, ''), 'Build it again'],
    ['has no signature', 'signature.missing', 'usage', (file) => rm(`${file}.sig`), SIGN],
    ['has an empty signature', 'signature.empty', 'usage', (file) => writeFile(`${file}.sig`, ' \n'), SIGN],
    [
      'has a folder as signature',
      'signature.not_a_file',
      'usage',
      (file) => rm(`${file}.sig`).then(() => mkdir(`${file}.sig`)),
      SIGN,
    ],
    [
      'has a signature that is too large to be one',
      'signature.too_large',
      'preflight_refused',
      (file) => writeFile(`${file}.sig`, 'a'.repeat(MAX_SIGNATURE_LENGTH + 1)),
      SIGN,
    ],
  ])('is an issue if it %s', async (_, id, code, spoil, hint) => {
    const { artifacts, issues, artifact } = await inspect(spoil);
    expect(artifacts).toEqual([]);
    expect(issues).toEqual([
      {
        id,
        code,
        message: expect.stringContaining(`${artifact.file}${id.startsWith('signature') ? '.sig' : ''} `),
        hint: expect.stringContaining(hint),
      },
    ]);
  });

  test('with the largest accepted signature is no issue', async () => {
    const { issues } = await inspect((file) => writeFile(`${file}.sig`, 'a'.repeat(MAX_SIGNATURE_LENGTH)));
    expect(issues).toEqual([]);
  });
});

describe('field 6: a file with a signature that is no text', () => {
  const BINARY = Buffer.from('f1'.repeat(64), 'hex');
  const withBinary = (options: InspectSignedOptions = { projectApp: undefined }) =>
    inspect((file) => writeFile(`${file}.sig`, BINARY), options);

  test('has it sent as base64, with a warning', async () => {
    const { artifacts, issues, warnings, artifact } = await withBinary();
    expect(artifacts).toMatchObject([{ signature: BINARY.toString('base64') }]);
    expect(issues).toEqual([]);
    expect(warnings).toEqual([
      expect.stringContaining(`${artifact.file}.sig is binary`),
      expect.stringContaining('no public key is known'),
    ]);
  });

  test('is refused where it is for Tauri, or checked against a key', async () => {
    const publicKey = parsePublicKey(generateKeyInProcess().publicKey);
    for (const options of [{ projectApp }, { projectApp: undefined, publicKey }]) {
      const { issues, artifact } = await withBinary(options);
      expect(issues).toMatchObject([
        { id: 'signature.binary', code: 'preflight_refused', file: artifact.file },
      ]);
    }
  });

  test('is refused if its base64 is too long', async () => {
    const { issues } = await inspect((file) =>
      writeFile(`${file}.sig`, Buffer.alloc(MAX_SIGNATURE_LENGTH, 0xf1)),
    );
    expect(issues).toMatchObject([{ id: 'signature.too_large' }]);
  });

  test('is refused if it is text in another encoding', async () => {
    const text = Buffer.from('untrusted comment: f\u00fcr 1.2.0\nRUT', 'latin1');
    const { issues } = await inspect((file) => writeFile(`${file}.sig`, text));
    expect(issues).toMatchObject([{ id: 'signature.encoding', code: 'usage' }]);
  });
});

test('the issues of all files are found together, and valid files are still inspected', async () => {
  const folder = await tempFolder();
  const [whole, unsigned, missing] = await Promise.all(
    [LINUX, MAC, WINDOWS].map((platform) => writeArtifact(folder, platform)),
  );
  if (!whole || !unsigned || !missing) throw new Error('three files were written');
  await rm(`${unsigned.file}.sig`);
  await rm(missing.file);
  await rm(`${missing.file}.sig`);
  const hashed: string[] = [];
  const found = await inspectFiles([unsigned, missing, whole], {
    onHashing: (file) => hashed.push(file),
  });
  expect(found.issues).toMatchObject([
    { id: 'signature.missing', message: expect.stringContaining(`${unsigned.file}.sig `) },
    { id: 'file.missing', message: expect.stringContaining(`${missing.file} `) },
  ]);
  expect(found.artifacts).toEqual([{ ...whole, identity: await findIdentity(whole.file) }]);
  expect(hashed).toEqual([whole.file]);
});

test('the BLAKE2b-512 is computed only for a signature that it can be verified with', async () => {
  const folder = await tempFolder();
  const { signature: _, ...file } = await writeArtifact(folder, LINUX);
  const signed = await readFile(await signInProcess(generateKeyInProcess(), file.file), 'utf8');
  const blake2b512 = createHash('blake2b512')
    .update(await readFile(file.file))
    .digest();
  const hashOf = async (...signatures: string[]) => {
    const inputs = signatures.map((givenSignature) => ({ ...file, givenSignature }));
    return (await inspectArtifacts(inputs, { version: '1.2.0' })).signed.get(file.file)?.blake2b512;
  };
  expect(await hashOf('not checked here')).toBeUndefined();
  expect(await hashOf(signed)).toEqual(blake2b512);
  expect(await hashOf('not checked here', signed)).toEqual(blake2b512);
  expect(await hashOf(signed, 'not checked here')).toEqual(blake2b512);
});

describe('a file with a public key', () => {
  let folder: string;
  let key: InProcessKey;
  let otherKey: InProcessKey;
  let signature: string;
  const bytes = randomBytes(100_000);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
    [key, otherKey] = [generateKeyInProcess(), generateKeyInProcess()];
    const { file } = await writeArtifact(folder, LINUX, undefined, bytes);
    signature = await readFile(await signInProcess(key, file), 'utf8');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function inspectSigned(
    fields: { bytes?: Buffer; signature?: string; key?: InProcessKey; version?: string } = {},
  ) {
    const { version = '1.2.0' } = fields;
    const artifact = await writeArtifact(
      await tempFolder(),
      LINUX,
      fields.signature ?? signature,
      fields.bytes ?? bytes,
    );
    const publicKey = parsePublicKey((fields.key ?? key).publicKey);
    const { issues, warnings } = await inspectFiles([artifact], { version, publicKey });
    expect(warnings).toEqual([]);
    return issues;
  }

  test('that it was signed for is no issue', async () => {
    expect(await inspectSigned()).toEqual([]);
  });

  test.each([
    [
      'was signed with another key',
      'signature.invalid',
      () => inspectSigned({ key: otherKey }),
      /signed with key \w{16}, but the public key is \w{16}/,
    ],
    [
      'has different bytes than were signed',
      'signature.invalid',
      () => inspectSigned({ bytes: bytes.with(0, (bytes[0] ?? 0) ^ 1) as Buffer }),
      /belongs to a different file/,
    ],
    [
      'was signed for another version',
      'signature.invalid',
      () => inspectSigned({ version: '1.3.0' }),
      /signed for version 1\.2\.0, but .* 1\.3\.0/,
    ],
    [
      'has an invalid signature',
      'signature.malformed',
      () => inspectSigned({ signature: 'dist/bundle.sig' }),
      /base64/,
    ],
    [
      'has a truncated signature',
      'signature.malformed',
      () => inspectSigned({ signature: signature.slice(0, 200) }),
      /\.sig /,
    ],
  ])('is an issue if it %s', async (_, id, found, message) => {
    expect(await found()).toEqual([
      {
        id,
        code: 'preflight_refused',
        message: expect.stringMatching(message),
        hint: expect.any(String),
        file: expect.stringMatching(/\.bin$/),
      },
    ]);
  });

  test.each([
    ['with the key', () => parsePublicKey(key.publicKey)],
    ['without a key', () => undefined],
  ])('that was signed under another name is not an issue but a warning, %s', async (_, publicKey) => {
    const file = join(await tempFolder(), 'App.app.tar.gz');
    await writeFile(file, bytes);
    await writeFile(`${file}.sig`, signature);
    // As a universal bundle: one file for two platforms.
    const inputs = [MAC, { ...MAC, arch: 'x86_64' } as const].map((platform) => ({ ...platform, file }));
    const { artifacts, issues, warnings } = await inspectFiles(inputs, {
      version: '1.2.0',
      publicKey: publicKey(),
    });
    expect(artifacts).toHaveLength(2);
    expect(issues).toEqual([]);
    expect(warnings).toEqual([
      ...(publicKey() === undefined ? [expect.stringContaining('no public key is known')] : []),
      `${file}.sig was made for a file named linux-x86_64.bin, not App.app.tar.gz: fine if the file was renamed`,
    ]);
  });
});
