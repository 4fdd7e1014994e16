import { X509Certificate } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { MAX_PAYLOAD_LENGTH, PAYLOAD_TYPE } from '../manifest/envelope.ts';
import { matches } from '../validate.ts';

// A Sigstore bundle with an in-toto statement (https://github.com/sigstore/protobuf-specs, protos/sigstore_bundle.proto).

/** Largest bundle, in bytes of JSON: certificate, log entry and timestamp beside the payload. */
export const MAX_BUNDLE_BYTES = 96 * 1024;
const MAX_CERTIFICATE_LENGTH = 16 * 1024;
const MAX_ENTRIES = 8;

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Base64, of which nothing but the length is checked here. */
const Bytes = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, description });

export const SigstoreBundle = Type.Object(
  {
    mediaType: Type.Literal(BUNDLE_TYPE, { description: BUNDLE_TYPE }),
    verificationMaterial: Type.Object({
      certificate: Type.Object({ rawBytes: Bytes(MAX_CERTIFICATE_LENGTH, 'a certificate in base64') }),
      tlogEntries: Type.Optional(
        Type.Array(Type.Object({}), {
          maxItems: MAX_ENTRIES,
          description: `a list of at most ${MAX_ENTRIES} log entries`,
        }),
      ),
      timestampVerificationData: Type.Optional(Type.Object({})),
    }),
    dsseEnvelope: Type.Object({
      payload: Bytes(MAX_PAYLOAD_LENGTH, 'a statement in base64'),
      payloadType: Type.Literal(PAYLOAD_TYPE, { description: PAYLOAD_TYPE }),
      signatures: Type.Array(Type.Object({ sig: Bytes(1024, 'a signature in base64') }), {
        minItems: 1,
        maxItems: 1,
        description: 'a list of one signature',
      }),
    }),
  },
  { description: 'a Sigstore bundle of version 0.3 with an in-toto statement' },
);
export type SigstoreBundle = Static<typeof SigstoreBundle>;

/** What was signed. Not verified. */
export function attestedPayload({ dsseEnvelope }: SigstoreBundle): Buffer {
  return Buffer.from(dsseEnvelope.payload, 'base64');
}

/** The identity in the certificate, which proves nothing yet; undefined where it is no certificate with one. */
export function claimedIdentity({ verificationMaterial }: SigstoreBundle): string | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(verificationMaterial.certificate.rawBytes, 'base64'));
    return /^(?:URI|email):(\S{1,2000})$/.exec(certificate.subjectAltName ?? '')?.[1];
  } catch {
    return undefined;
  }
}

const Wrapped = Type.Object({ attestations: Type.Array(Type.Object({ bundle: Type.Unknown() })) });

/** The bundles in a file: one, one on each line, or the server's answer. Undefined where it has anything else. */
export function parseBundles(text: string): SigstoreBundle[] | undefined {
  const whole = parseJson(text);
  const values = matches(Wrapped, whole)
    ? whole.attestations.map(({ bundle }) => bundle)
    : whole !== undefined
      ? [whole]
      : text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map(parseJson);
  const bundles = values.filter((value) => matches(SigstoreBundle, value));
  return bundles.length > 0 && bundles.length === values.length ? bundles : undefined;
}

function parseJson(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    return undefined;
  }
}
