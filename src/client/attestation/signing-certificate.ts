import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { decodeJwt } from 'jose';
import Type from 'typebox';
import { OtaError } from '../../errors.ts';
import { decodeIfMatching } from '../response.ts';
import { post, type SigstoreConnection, unexpectedAnswer } from './sigstore-requests.ts';

/** A certificate for an identity, of a few minutes, and the key that it is for: nothing of it is kept. */
export interface SigningCertificate {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

const Chain = Type.Object({
  chain: Type.Object({ certificates: Type.Array(Type.String(), { minItems: 1 }) }),
});
const Issued = Type.Union([
  Type.Object({ signedCertificateEmbeddedSct: Chain }),
  Type.Object({ signedCertificateDetachedSct: Chain }),
]);

/** Fulcio, POST /api/v2/signingCert (https://github.com/sigstore/fulcio/blob/main/fulcio.proto). @throws OtaError */
export async function requestCertificate(
  connection: SigstoreConnection,
  base: URL,
  identityToken: string,
): Promise<SigningCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const proof = sign('sha256', Buffer.from(subjectOf(identityToken)), privateKey);
  const request = {
    base,
    path: '/api/v2/signingCert',
    service: 'the certificate authority',
    body: {
      credentials: { oidcIdentityToken: identityToken },
      publicKeyRequest: {
        publicKey: {
          algorithm: 'ECDSA',
          content: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
        },
        proofOfPossession: proof.toString('base64'),
      },
    },
    refusal: {
      code: 'unauthorized',
      hint: "Check that this Sigstore instance accepts identity tokens of the job's CI system, with the audience sigstore.",
    },
  } as const;
  const bytes = await post(connection, request);
  const issued = decodeIfMatching(Issued, bytes.toString('utf8'));
  const [leaf] =
    issued === undefined
      ? []
      : 'signedCertificateEmbeddedSct' in issued
        ? issued.signedCertificateEmbeddedSct.chain.certificates
        : issued.signedCertificateDetachedSct.chain.certificates;
  const certificate = leaf === undefined ? undefined : parseCertificate(leaf);
  if (!certificate?.checkPrivateKey(privateKey)) throw unexpectedAnswer(request);
  return { certificate, privateKey };
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** What the certificate authority wants signed: the address of a person, else the subject. */
function subjectOf(identityToken: string): string {
  const { sub, email, email_verified } = claimsOf(identityToken);
  const subject = email && email_verified ? email : sub;
  if (typeof subject === 'string' && subject !== '') return subject;
  throw new OtaError('unauthorized', "the job's identity token names no subject", {
    hint: 'Check what SIGSTORE_ID_TOKEN holds: it has to be an OpenID Connect token.',
  });
}

/** What an identity token says, which only its readers verify; nothing for any other text. */
export function claimsOf(identityToken: string): Readonly<Record<string, unknown>> {
  try {
    return decodeJwt(identityToken);
  } catch {
    return {};
  }
}
