import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
import { expect, test } from 'vitest';
import { PAYLOAD_TYPE } from '../../../src/protocol/manifest/envelope.ts';
import { identityToken, startAttestedWorld } from '../../support/attestation/attested-world.ts';
import type { SigstoreInstance } from '../../support/attestation/sigstore-instance.ts';
import { attestedStatement } from '../../support/publish/signed-envelope.ts';

/** What differs each time, as its kind. */
const RANDOM = /^(content|proofOfPossession|oidcIdentityToken|artifactHash|sig|rawBytes|verifiers)$/;

function shapeOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => shapeOf(one, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .sort()
        .map(([name, one]) => [name, shapeOf(one, name)]),
    );
  }
  if (key === 'envelope') return shapeOf(JSON.parse(String(value)));
  return RANDOM.test(key) ? kindOf(String(value)) : value;
}

function kindOf(text: string): string {
  const decoded = Buffer.from(text, 'base64');
  if (text.startsWith('-----')) return text.split('\n')[0] ?? '';
  if (decoded.toString('latin1').startsWith('-----')) return `base64 ${decoded.toString().split('\n')[0]}`;
  if (text.split('.').length === 3) return 'a token';
  return decoded[0] === 0x30 ? 'base64 DER' : `base64, ${decoded.length} bytes`;
}

function taken({ requests }: SigstoreInstance): Record<string, unknown> {
  const all = requests.splice(0).map(({ service, body }) => [service, shapeOf(JSON.parse(body))] as const);
  return Object.fromEntries(all);
}

test.each([
  ['1', 'log'],
  ['2', 'tiles'],
] as const)("a log of version %s is asked as Sigstore's own client does", async (version, log) => {
  const { sigstore, signer } = await startAttestedWorld();
  const statement = attestedStatement({});
  await signer({}, log, 'timestamps').attest(statement);
  const ours = taken(sigstore);
  const { url } = sigstore;
  const builder = new DSSEBundleBuilder({
    signer: new FulcioSigner({
      fulcioBaseURL: url,
      identityProvider: { getToken: async () => identityToken() },
    }),
    witnesses: [
      new RekorWitness({ rekorBaseURL: url, majorApiVersion: Number(version) }),
      new TSAWitness({ tsaBaseURL: url }),
    ],
  });
  await builder.create({ data: Buffer.from(statement), type: PAYLOAD_TYPE });
  expect(ours).toEqual(taken(sigstore));
  expect(Object.keys(ours).sort()).toEqual(['certificates', log, 'timestamps'].sort());
});
