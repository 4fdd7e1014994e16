import { describe, expect, test } from 'vitest';
import { readAttestation, unattested } from '../../../src/protocol/attestation/attestation.ts';
import type { ExpectedSigner } from '../../../src/protocol/attestation/signer.ts';
import {
  claimedIdentity,
  parseBundles,
  type SigstoreBundle,
} from '../../../src/protocol/attestation/sigstore-bundle.ts';
import { publicRoot } from '../../../src/protocol/attestation/trusted-root.ts';
import { readManifest } from '../../../src/protocol/manifest/manifest.ts';
import {
  GITHUB,
  requireRoot,
  startAttestedWorld,
  WORKFLOW,
} from '../../support/attestation/attested-world.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { COMMIT } from '../../support/identity/job-claims.ts';
import {
  attestedStatement,
  MANIFEST_KEY,
  signedEnvelope,
  signedFile,
} from '../../support/publish/signed-envelope.ts';

const EVIL = {
  repository: 'evil/app',
  job_workflow_ref: 'evil/app/.github/workflows/release.yml@refs/heads/main',
};
const RUN = 'https://github.com/Octo/my-app/actions/runs/9001/attempts/2';
const JOB = { issuer: GITHUB, repository: 'Octo/my-app', commit: COMMIT, ref: 'refs/tags/v1.0.0', run: RUN };

describe('an attestation', () => {
  test('is verified, and says who has signed what', async () => {
    const { root, attest } = await startAttestedWorld();
    const bundle = await attest({ version: '1.2.0' });
    const result = readAttestation([bundle], { root, expected: {} });
    expect(result).toMatchObject({
      kind: 'attestation',
      attestation: {
        stated: { version: '1.2.0', missing: [] },
        signers: [
          {
            identity: `${WORKFLOW}@refs/tags/v1.0.0`,
            issuer: GITHUB,
            repository: 'https://github.com/octo/my-app',
            commit: COMMIT,
            ref: 'refs/tags/v1.0.0',
            run: 'https://github.com/octo/my-app/actions/runs/9001/attempts/2',
          },
        ],
      },
    });
    expect(claimedIdentity(bundle)).toBe(`${WORKFLOW}@refs/tags/v1.0.0`);
  });

  test('consists of a bundle for each job, which together are about all files', async () => {
    const { root, attest } = await startAttestedWorld();
    const expects = ['linux-x86_64', 'darwin-aarch64'];
    const linux = await attest({ expects });
    const mac = await attest({ expects, files: [signedFile(['darwin-aarch64'])] });
    const one = readAttestation([linux], { root, expected: {} });
    expect(one).toMatchObject({ attestation: { stated: { missing: ['darwin-aarch64'] } } });
    const both = readAttestation([linux, mac], { root, expected: {} });
    expect(both).toMatchObject({ attestation: { stated: { missing: [] } } });
    expect(both.kind === 'attestation' && both.attestation.signers).toHaveLength(1);
  });

  test.each<[string, ExpectedSigner]>([
    ['its workflow at any ref', { identity: WORKFLOW, issuer: GITHUB }],
    ['its workflow at its ref', { identity: `${WORKFLOW}@refs/tags/v1.0.0`, issuer: GITHUB }],
    ['the job that created the release', { job: JOB }],
    [
      'a job at another commit of a release with files of several',
      { job: { ...JOB, commit: 'x', mixed: true } },
    ],
  ])('is by %s', async (_, expected) => {
    const { root, attest } = await startAttestedWorld();
    expect(readAttestation([await attest({})], { root, expected }).kind).toBe('attestation');
  });

  test.each<[string, ExpectedSigner]>([
    ['another workflow', { identity: WORKFLOW.replace('release', 'other'), issuer: GITHUB }],
    ['a workflow with a longer name', { identity: WORKFLOW.slice(0, -1), issuer: GITHUB }],
    ['another ref', { identity: `${WORKFLOW}@refs/tags/v1`, issuer: GITHUB }],
    ['a pattern', { identity: `${WORKFLOW}@.*`, issuer: GITHUB }],
    ['another issuer', { identity: WORKFLOW, issuer: 'https://gitlab.com' }],
    [
      'a job of another repository',
      { job: { ...JOB, repository: 'octo/my', run: RUN.replace('my-app', 'my') } },
    ],
    ['a job of another host', { job: { ...JOB, run: RUN.replace('github.com', 'github.com/x') } }],
    ['a job at another commit', { job: { ...JOB, commit: COMMIT.replace('0', '1') } }],
    ['a job of another CI system', { job: { ...JOB, issuer: 'https://ci.example' } }],
  ])('is not by %s', async (_, expected) => {
    const { root, attest } = await startAttestedWorld();
    expect(readAttestation([await attest({})], { root, expected }).kind).toBe('unexpected');
  });

  test('of others than the expected signer counts for nothing', async () => {
    const { root, attest } = await startAttestedWorld();
    const expected = { identity: WORKFLOW, issuer: GITHUB };
    const own = await attest({});
    const other = await attest({ files: [signedFile(['darwin-aarch64'])] }, EVIL);
    const result = readAttestation([own, other], { root, expected });
    expect(result.kind === 'attestation' && [...result.attestation.stated.files.keys()]).toEqual([
      'linux-x86_64',
    ]);
  });

  test('attack: is not spoiled by bundles that cannot be verified, whoever they say to be by', async () => {
    const { root, attest } = await startAttestedWorld();
    const bundle = await attest({});
    const forged = structuredClone(bundle);
    forged.dsseEnvelope.payload = (await attest({ version: '9.0.0' })).dsseEnvelope.payload;
    const nonsense = unverifiedBundle({});
    for (const expected of [{}, { job: JOB }, { identity: WORKFLOW, issuer: GITHUB }]) {
      const result = readAttestation([forged, nonsense, bundle, nonsense], { root, expected });
      expect(result).toMatchObject({ kind: 'attestation', attestation: { stated: { version: '1.2.0' } } });
      expect(readAttestation([forged, nonsense], { root, expected }).kind).toBe('invalid');
    }
  });

  test('attack: is not spoiled by what another repository attests, where one is expected', async () => {
    const { root, attest } = await startAttestedWorld();
    const otherFile = signedFile(['linux-x86_64'], { digest: { sha256: 'b'.repeat(64) } });
    const evil = await attest({ files: [otherFile], createdAt: '2026-02-01T00:00:00Z' }, EVIL);
    const bundles = [await attest({}), evil];
    for (const expected of [{ job: JOB }, { source: { issuer: GITHUB, repository: 'Octo/my-app' } }]) {
      const result = readAttestation(bundles, { root, expected });
      expect(result.kind === 'attestation' && result.attestation.signers).toMatchObject([
        { identity: `${WORKFLOW}@refs/tags/v1.0.0` },
      ]);
    }
    const anyone = readAttestation(bundles, { root, expected: {} });
    expect(anyone).toMatchObject({ kind: 'invalid', reason: expect.stringContaining('evil/app') });
  });

  test('that a later job of the same repository made of other files counts instead', async () => {
    const { root, attest } = await startAttestedWorld();
    const rebuilt = signedFile(['linux-x86_64'], { digest: { sha256: 'b'.repeat(64) } });
    const [before, later] = [
      await attest({}),
      await attest({ files: [rebuilt], createdAt: '2026-02-01T00:00:00Z' }, { run_id: '9002' }),
    ];
    for (const bundles of [
      [before, later],
      [later, before],
    ]) {
      const result = readAttestation(bundles, { root, expected: {} });
      if (result.kind !== 'attestation') throw new Error(result.kind);
      expect(result.attestation.stated.files.get('linux-x86_64')).toMatchObject({ digest: rebuilt.digest });
      expect(result.attestation.signers).toMatchObject([{ run: expect.stringContaining('9002') }]);
    }
  });

  test('and a manifest have to say the same', async () => {
    const { root, attest } = await startAttestedWorld();
    const result = readAttestation([await attest({})], { root, expected: {} });
    if (result.kind !== 'attestation') throw new Error(result.kind);
    const manifestOf = (fields: Parameters<typeof signedEnvelope>[0]) => {
      const read = readManifest(JSON.stringify(signedEnvelope(fields)), [MANIFEST_KEY.pair.publicKey]);
      if (read.kind !== 'manifest') throw new Error(read.kind);
      return unattested(read.manifest, result.attestation);
    };
    expect(manifestOf({})).toEqual([]);
    expect(manifestOf({ releaseId: 'other' })).toHaveLength(1);
    expect(manifestOf({ files: [signedFile(['darwin-aarch64'])] })).toHaveLength(1);
    const other = signedFile(['linux-x86_64'], { digest: { sha256: 'b'.repeat(64) } });
    expect(manifestOf({ files: [other] })).toHaveLength(1);
  });
});

/** A bundle as it is on the wire. */
interface Wire {
  verificationMaterial: {
    certificate: { rawBytes: string };
    tlogEntries: { inclusionPromise?: object; inclusionProof?: object; integratedTime: string }[];
  };
  dsseEnvelope: { payload: string; signatures: { sig: string }[] };
}
type Change = (bundle: Wire, other: Wire) => void;

function entryOf(bundle: Wire) {
  const [entry] = bundle.verificationMaterial.tlogEntries;
  if (entry === undefined) throw new Error('there is no log entry');
  return entry;
}

describe('an attestation is not verified', () => {
  test.each<[string, Change]>([
    ['without a log entry', (bundle) => void bundle.verificationMaterial.tlogEntries.splice(0)],
    [
      'with the log entry of another',
      (bundle, other) => {
        bundle.verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries;
      },
    ],
    [
      'without a promise of the log, which is its timestamp',
      (bundle) => void delete entryOf(bundle).inclusionPromise,
    ],
    ['without a proof of the log', (bundle) => void delete entryOf(bundle).inclusionProof],
    [
      'at another time of the log',
      (bundle) => {
        const entry = entryOf(bundle);
        entry.integratedTime = String(Number(entry.integratedTime) + 3600);
      },
    ],
    [
      'with another statement',
      (bundle, other) => {
        bundle.dsseEnvelope.payload = other.dsseEnvelope.payload;
      },
    ],
    [
      'with another signature',
      (bundle, other) => {
        bundle.dsseEnvelope.signatures = other.dsseEnvelope.signatures;
      },
    ],
    [
      'with the certificate of another',
      (bundle, other) => {
        bundle.verificationMaterial.certificate = other.verificationMaterial.certificate;
      },
    ],
    [
      'with something else than a certificate',
      (bundle) => {
        bundle.verificationMaterial.certificate.rawBytes = 'AAAA';
      },
    ],
  ])('%s', async (_, change) => {
    const { root, attest } = await startAttestedWorld();
    const [bundle, other] = [await attest({}), await attest({ version: '9.0.0' })];
    expect(readAttestation([bundle], { root, expected: {} }).kind).toBe('attestation');
    const changed = structuredClone(bundle);
    change(changed as unknown as Wire, other as unknown as Wire);
    expect(readAttestation([changed], { root, expected: {} }).kind).toBe('invalid');
  });

  test.each([
    ['an instance with other keys', undefined],
    ['an instance with another log', 'tlogs'],
    ['an instance with another certificate authority', 'certificateAuthorities'],
    ['an instance with another log of certificates', 'ctlogs'],
  ])('by the keys of %s', async (_, part) => {
    const { sigstore, attest } = await startAttestedWorld();
    const others = (await startAttestedWorld()).sigstore.root() as Record<string, unknown>;
    const root = requireRoot(part === undefined ? others : sigstore.root({ [part]: others[part] }));
    expect(readAttestation([await attest({})], { root, expected: {} }).kind).toBe('invalid');
  });

  test('by the public instance, if a private one has signed it', async () => {
    const { attest } = await startAttestedWorld();
    expect(readAttestation([await attest({})], { root: publicRoot(), expected: {} }).kind).toBe('invalid');
  });
});

describe('the services of an instance', () => {
  test.each([[['log']], [['log', 'timestamps']], [['tiles', 'timestamps']]] as const)(
    'sign with %j',
    async (services) => {
      const { root, sigstore, signer } = await startAttestedWorld();
      const { bundle } = await signer({}, ...services).attest(attestedStatement({}));
      expect(readAttestation([bundle], { root, expected: {} }).kind).toBe('attestation');
      expect(new Set(sigstore.requests.map(({ service }) => service))).toEqual(
        new Set(['certificates', ...services]),
      );
    },
  );

  test('have to state a time, which a log of version 2 does not', async () => {
    const { signer } = await startAttestedWorld();
    await expect(signer({}, 'tiles').attest(attestedStatement({}))).rejects.toMatchObject({
      code: 'verification_failed',
    });
  });

  test('need no log where the instance has none', async () => {
    const { sigstore, signer, root } = await startAttestedWorld();
    const attested = signer({}, 'timestamps').attest(attestedStatement({}));
    await expect(attested).rejects.toMatchObject({ code: 'verification_failed' });
    const withoutLog = requireRoot(sigstore.root({ tlogs: [] }));
    expect([root.hasLogs, withoutLog.hasLogs]).toEqual([true, false]);
  });
});

describe('a file with bundles', () => {
  test('has one, one on each line, or the answer of the server', async () => {
    const { attest } = await startAttestedWorld();
    const bundle = await attest({});
    const text = JSON.stringify(bundle);
    const two: SigstoreBundle[] = [bundle, bundle];
    expect(parseBundles(text)).toEqual([bundle]);
    expect(parseBundles(JSON.stringify(bundle, null, 2))).toEqual([bundle]);
    expect(parseBundles(`${text}\n${text}\n`)).toEqual(two);
    expect(parseBundles(JSON.stringify({ attestations: [{ bundle }, { bundle }] }))).toEqual(two);
    for (const other of ['', '{}', '[]', 'x', `${text}\n{}`, '{"attestations":[]}']) {
      expect(parseBundles(other), other).toBeUndefined();
    }
  });
});
