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

async function check({ given, embedded, accepted, carried = [] }: Known, bytes: Buffer = BYTES) {
  const artifact = await writeArtifact(await tempFolder(), LINUX, signature, bytes);
  const keys = knownKeys(
    {
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
