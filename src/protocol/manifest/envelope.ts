import { createPublicKey, sign as signEd25519, verify as verifyEd25519 } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { formatKeyId, type PublicKey } from '../minisign.ts';
import type { SigningKeyPair } from '../minisign-signer.ts';
import { matches } from '../validate.ts';

// DSSE 1.0.2 (https://github.com/secure-systems-lab/dsse), signed with the Ed25519 key of a minisign key pair.

/** Of an in-toto statement. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** Largest payload, in bytes, so that an envelope fits into the body of a request. */
const MAX_PAYLOAD_BYTES = 40 * 1024;
/** The same in base64. */
export const MAX_PAYLOAD_LENGTH = Math.ceil(MAX_PAYLOAD_BYTES / 3) * 4;
const MAX_SIGNATURES = 4;

export const Envelope = Type.Object(
  {
    payload: Type.String({
      minLength: 1,
      maxLength: MAX_PAYLOAD_LENGTH,
      description: 'a statement in base64',
    }),
    payloadType: Type.Literal(PAYLOAD_TYPE, { description: PAYLOAD_TYPE }),
    signatures: Type.Array(
      Type.Object({
        keyid: Type.Optional(Type.String({ maxLength: 100 })),
        sig: Type.String({ minLength: 1, maxLength: 200 }),
      }),
      { minItems: 1, maxItems: MAX_SIGNATURES, description: `a list of 1 to ${MAX_SIGNATURES} signatures` },
    ),
  },
  { description: 'a DSSE envelope' },
);
export type Envelope = Static<typeof Envelope>;

export type OpenedEnvelope =
  /** `payload` are the bytes that were signed with the key. */
  | { readonly kind: 'verified'; readonly payload: Buffer; readonly keyId: string }
  /** It names none of the keys. */
  | { readonly kind: 'unknown_key' }
  /** It names a key, and its signature is not of that. */
  | { readonly kind: 'forged'; readonly keyId: string };

export function sealEnvelope(payload: string, { publicKey, privateKey }: SigningKeyPair): Envelope {
  const bytes = Buffer.from(payload);
  return {
    payload: bytes.toString('base64'),
    payloadType: PAYLOAD_TYPE,
    signatures: [
      {
        keyid: formatKeyId(publicKey.keyId),
        sig: signEd25519(null, preAuthenticationEncoding(bytes), privateKey).toString('base64'),
      },
    ],
  };
}

/** Verifies the signature by one of the keys. What is not verified is never returned. */
export function openEnvelope(envelope: Envelope, keys: readonly PublicKey[]): OpenedEnvelope {
  const payload = payloadOf(envelope);
  const signed = preAuthenticationEncoding(payload);
  let forged: string | undefined;
  for (const { keyid, sig } of envelope.signatures) {
    const key = keys.find(({ keyId }) => formatKeyId(keyId) === keyid);
    if (key === undefined) continue;
    const keyId = formatKeyId(key.keyId);
    if (verifyEd25519(null, signed, ed25519Key(key), Buffer.from(sig, 'base64'))) {
      return { kind: 'verified', payload, keyId };
    }
    forged = keyId;
  }
  return forged === undefined ? { kind: 'unknown_key' } : { kind: 'forged', keyId: forged };
}

/** Not verified: for a server, which need not know the key. */
export function payloadOf({ payload }: Envelope): Buffer {
  return Buffer.from(payload, 'base64'); // also the URL-safe one
}

/** The ids of the keys that an envelope names, which prove nothing. */
export function namedKeys({ signatures }: Envelope): string[] {
  return signatures.flatMap(({ keyid }) => keyid ?? []);
}

/** The envelopes of an in-toto bundle: JSON Lines. Other lines are ignored, as its specification says. */
export function parseBundle(text: string): Envelope[] {
  return text.split('\n').flatMap((line) => {
    const value = line.trim() === '' ? undefined : parseJson(line);
    return matches(Envelope, value) ? [value] : [];
  });
}

export function formatBundle(envelopes: readonly Envelope[]): string {
  return envelopes.map((envelope) => `${JSON.stringify(envelope)}\n`).join('');
}

/** DSSE, "Signature Definition": PAE. What is signed. */
export function preAuthenticationEncoding(payload: Buffer): Buffer {
  const type = Buffer.from(PAYLOAD_TYPE);
  const head = `DSSEv1 ${type.length} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function ed25519Key({ key }: PublicKey) {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function parseJson(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    return undefined;
  }
}
