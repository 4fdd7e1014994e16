import { createHash, sign } from 'node:crypto';
import { bundleToJSON, toDSSEBundle } from '@sigstore/bundle';
import Type from 'typebox';
import { OtaError } from '../../errors.ts';
import { type AttestationResult, readAttestation } from '../../protocol/attestation/attestation.ts';
import type { JobSource, Signer } from '../../protocol/attestation/signer.ts';
import { SigstoreBundle } from '../../protocol/attestation/sigstore-bundle.ts';
import type { SigstoreRoot } from '../../protocol/attestation/trusted-root.ts';
import { verifyBundle } from '../../protocol/attestation/verify-bundle.ts';
import { PAYLOAD_TYPE, preAuthenticationEncoding } from '../../protocol/manifest/envelope.ts';
import { matches } from '../../protocol/validate.ts';
import type { IdentitySource } from '../identity/identity-source.ts';
import type { Retry } from '../retry.ts';
import { addLogEntry } from './log-entry.ts';
import { claimsOf, requestCertificate, type SigningCertificate } from './signing-certificate.ts';
import { post, type SigstoreConnection } from './sigstore-requests.ts';
import type { SigstoreServices } from './sigstore-services.ts';

/** What identity tokens for Sigstore are issued for. */
export const SIGSTORE_AUDIENCE = 'sigstore';

/** What a timestamp authority is asked at, unless its URL names a path. */
const TIMESTAMP_PATH = '/api/v1/timestamp';

export interface SigstoreSignerOptions extends SigstoreConnection {
  readonly services: SigstoreServices;
  readonly root: SigstoreRoot;
  readonly identities: IdentitySource;
  /** Of its own: its requests go to other servers than those of a publish. */
  readonly retry: Retry;
  /** Gets each token that must not be printed. */
  readonly onSecret: (secret: string) => void;
}

export interface SignedByIdentity {
  readonly bundle: SigstoreBundle;
  readonly signer: Signer;
}

/**
 * Signs by Sigstore: for the identity of this job it gets a certificate of a few minutes, signs with a key that is then
 * thrown away, and has the signature logged, or its time attested.
 */
export class SigstoreSigner {
  readonly #options: SigstoreSignerOptions;
  #source: JobSource | undefined;

  constructor(options: SigstoreSignerOptions) {
    this.#options = options;
  }

  /** @throws OtaError `unauthorized`, `network`; `verification_failed` when the instance's own keys do not verify it */
  async attest(statement: string): Promise<SignedByIdentity> {
    const { retry, root } = this.#options;
    const certificate = await retry.run(() => this.#certificate());
    // Signed anew each time: a log takes no entry twice.
    const bundle = await retry.run(() => this.#sign(statement, certificate));
    const verified = verifyBundle(bundle, root);
    if (verified.kind === 'verified') return { bundle, signer: verified.signer };
    throw new OtaError(
      'verification_failed',
      `the attestation that was made does not verify: ${verified.reason}`,
      {
        hint: 'Nothing is live. Check that the file of --sigstore-root has the keys of the instance; without it, upgrade synckit-ota.',
      },
    );
  }

  /** Verifies what jobs of this job's repository have signed. @throws OtaError `unauthorized`, `network` */
  async verify(bundles: readonly SigstoreBundle[]): Promise<AttestationResult> {
    const { retry, root } = this.#options;
    if (bundles.length > 0 && this.#source === undefined) await retry.run(() => this.#identityToken());
    return readAttestation(bundles, { root, expected: { source: this.#source } });
  }

  async #certificate(): Promise<SigningCertificate> {
    const token = await this.#identityToken();
    return requestCertificate(this.#options, this.#options.services.certificates, token);
  }

  async #identityToken(): Promise<string> {
    const { identities, onSecret } = this.#options;
    const token = await identities.next(SIGSTORE_AUDIENCE);
    onSecret(token);
    this.#source = sourceOf(token);
    return token;
  }

  async #sign(statement: string, { certificate, privateKey }: SigningCertificate): Promise<SigstoreBundle> {
    const { services } = this.#options;
    const payload = Buffer.from(statement);
    const signature = sign('sha256', preAuthenticationEncoding(payload), privateKey);
    const bundle = toDSSEBundle({
      artifact: payload,
      artifactType: PAYLOAD_TYPE,
      signature,
      certificate: certificate.raw,
    });
    const { dsseEnvelope: envelope } = bundle.content;
    const [entry, timestamp] = await Promise.all([
      services.log && addLogEntry(this.#options, services.log, { envelope, certificate }),
      services.timestamps && this.#timestamp(services.timestamps, signature),
    ]);
    bundle.verificationMaterial.tlogEntries = entry ? [entry] : [];
    bundle.verificationMaterial.timestampVerificationData = {
      rfc3161Timestamps: timestamp ? [{ signedTimestamp: timestamp }] : [],
    };
    const json: unknown = bundleToJSON(bundle);
    if (!matches(SigstoreBundle, json)) throw new Error('the bundle is not of the expected form');
    return json;
  }

  /** https://github.com/sigstore/timestamp-authority/blob/main/openapi.yaml */
  #timestamp(url: URL, signature: Buffer): Promise<Buffer> {
    const artifactHash = createHash('sha256').update(signature).digest('base64');
    return post(this.#options, {
      base: url,
      path: url.pathname === '/' ? TIMESTAMP_PATH : '',
      service: 'the timestamp authority',
      body: { artifactHash, hashAlgorithm: 'sha256' },
      refusal: {
        code: 'preflight_refused',
        hint: 'Check the URL of the timestamp authority in the file of --sigstore-config.',
      },
    });
  }
}

const JobClaims = Type.Union([
  Type.Object({ iss: Type.String(), repository: Type.String() }), // GitHub, Forgejo
  Type.Object({ iss: Type.String(), project_path: Type.String() }), // GitLab
]);

/** Undefined for the token of no job. */
function sourceOf(identityToken: string): JobSource | undefined {
  const claims = claimsOf(identityToken);
  if (!matches(JobClaims, claims)) return undefined;
  return { issuer: claims.iss, repository: 'repository' in claims ? claims.repository : claims.project_path };
}
