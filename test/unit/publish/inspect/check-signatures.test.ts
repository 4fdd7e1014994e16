import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../../src/protocol/minisign.ts';
import { signFile } from '../../../../src/protocol/minisign-signer.ts';
import { checkSignatures } from '../../../../src/publish/inspect/check-signatures.ts';
import { inspectArtifacts } from '../../../../src/publish/inspect/inspect-artifacts.ts';
import { knownKeys } from '../../../../src/publish/known-keys.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { release } from '../../../support/publish/plan-inputs.ts';
import { generateKeyInProcess } from '../../../support/tauri/in-process-signer.ts';
import { asLegacy, hashOf } from '../../../support/tauri/legacy-signature.ts';
import { LINUX, writeArtifact } from '../../../support/tauri/local-file.ts';

const [K, K2, K3] = [generateKeyInProcess(), generateKeyInProcess(), generateKeyInProcess()];
const BYTES: Buffer = randomBytes(1000);
const signature = signFile(
  K.pair,
  {
    blake2b512: createHash('blake2b512').update(BYTES).digest(),
    fileName: 'linux-x86_64.bin',
    version: '1.2.0',
  },
  new Date(),
);

interface Known {
  readonly given?: typeof K;
  readonly embedded?: typeof K;
  readonly accepted?: readonly (typeof K)[];
  readonly carried?: readonly (typeof K)[];
}

async function check({ given, embedded, accepted, carried = [] }: Known, bytes = BYTES, text = signature) {
  const artifact = await writeArtifact(await tempFolder(), LINUX, text, bytes);
  const keys = knownKeys(
    {
      version: '1.2.0',
      publicKey: given && parsePublicKey(given.publicKey),
      embeddedKey: embedded && parsePublicKey(embedded.publicKey),
    },
    {
      acceptedPubkeys: accepted?.map(({ publicKey }) => publicKey),
      releases: carried.map(({ publicKey }) => release('1.0.0', { embedded_pubkey: publicKey })),
    },
  );
  const inspection = await inspectArtifacts([artifact], { version: '1.2.0' });
  return checkSignatures(inspection, { keys, version: '1.2.0', isTauri: true });
}

describe('field 1: a signature is verified', () => {
  const others = { embedded: K2, accepted: [K3] };
  test.each<[string, Known]>([
    ['the key that the build carries', { embedded: K }],
    ['a key that the server accepts', { embedded: K2, accepted: [K2, K] }],
    ['a key that a release carries', { ...others, carried: [K3, K] }],
    ['a key that is given, whatever others there are', { ...others, given: K }],
  ])('with %s', async (_, known) => {
    expect(await check(known)).toEqual({ issues: [], warnings: [] });
    const changed = BYTES.with(0, (BYTES[0] ?? 0) ^ 1) as Buffer;
    const { issues } = await check(known, changed);
    expect(issues).toMatchObject([
      {
        id: 'signature.invalid',
        code: 'preflight_refused',
        hint: expect.stringMatching(/^Sign the file again/),
      },
    ]);
  });

  test('only with the given key, where there is one', async () => {
    const { issues } = await check({ embedded: K, accepted: [K], given: K2 });
    expect(issues).toMatchObject([{ id: 'signature.invalid', hint: expect.stringContaining('public key') }]);
  });

  test('not at all with keys that it does not name, which is a warning', async () => {
    const { issues, warnings } = await check({ embedded: K2, accepted: [K3] });
    expect(issues).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('--pubkey')]);
  });
});

test.each<[string, Known]>([
  ['with its key', { given: K }],
  ['without any key', {}],
])('attack M1: a legacy signature is refused %s', async (_, known) => {
  const { issues } = await check(known, hashOf(BYTES), asLegacy(signature));
  expect(issues).toMatchObject([
    { id: 'signature.legacy', code: 'preflight_refused', hint: expect.stringContaining('tauri signer sign') },
  ]);
});

test('attack M13: a file that was signed under the name of another platform is refused', async () => {
  const blake2b512 = hashOf(BYTES);
  const other = signFile(
    K.pair,
    { blake2b512, fileName: 'App_1.2.0_x64_en-US.msi', version: '1.2.0' },
    new Date(),
  );
  const { issues } = await check({ given: K }, BYTES, other);
  expect(issues).toMatchObject([{ id: 'signature.wrong_platform', code: 'preflight_refused' }]);
});

describe('attack H4: a signature that names no version', () => {
  const blake2b512 = hashOf(BYTES);
  const unbound = signFile(
    K.pair,
    { blake2b512, fileName: 'linux-x86_64.bin', version: undefined },
    new Date(),
  );

  async function checkUnbound(needs: { readonly server?: boolean; readonly project?: boolean }) {
    const artifact = await writeArtifact(await tempFolder(), LINUX, unbound, BYTES);
    const inspection = await inspectArtifacts([artifact], { version: '1.2.0' });
    const [[file, signed] = []] = inspection.signed;
    if (file === undefined || signed === undefined) throw new Error('nothing was inspected');
    const projectNeedsVersion = needs.project ?? false;
    return checkSignatures(
      { ...inspection, signed: new Map([[file, { ...signed, projectNeedsVersion }]]) },
      {
        keys: knownKeys({ version: '1.2.0', publicKey: parsePublicKey(K.publicKey) }),
        version: '1.2.0',
        isTauri: true,
        serverNeedsVersion: needs.server,
      },
    );
  }

  test('is a warning that says how to sign', async () => {
    const { issues, warnings } = await checkUnbound({});
    expect(issues).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('--app-version 1.2.0')]);
  });

  test.each([{ server: true }, { project: true }])('is refused if %j needs a version', async (needs) => {
    const { issues, warnings } = await checkUnbound(needs);
    expect(issues).toMatchObject([
      { id: 'signature.unbound', code: 'preflight_refused', hint: expect.stringContaining('--app-version') },
    ]);
    expect(warnings).toEqual([]);
  });
});
