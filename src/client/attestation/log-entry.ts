import { type BundleWithDsseEnvelope, envelopeToJSON } from '@sigstore/bundle';
import { PublicKeyDetails, TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { CreateEntryRequest } from '@sigstore/protobuf-specs/rekor/v2';
import Type from 'typebox';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';
import { decodeIfMatching } from '../response.ts';
import type { SigningCertificate } from './signing-certificate.ts';
import { post, type SigstoreConnection, unexpectedAnswer } from './sigstore-requests.ts';
import type { SigstoreServices } from './sigstore-services.ts';

type Envelope = BundleWithDsseEnvelope['content']['dsseEnvelope'];
/** As a bundle has it. */
export type LogEntry = BundleWithDsseEnvelope['verificationMaterial']['tlogEntries'][number];

/** What is logged: hashes and the signature of an envelope, and the certificate. */
export interface LoggedEnvelope {
  readonly envelope: Envelope;
  readonly certificate: SigningCertificate['certificate'];
}

const REFUSAL = {
  code: 'preflight_refused',
  hint: 'Check that the log and the certificate authority belong to the same Sigstore instance.',
} as const;
const SERVICE = 'the transparency log';

/** Adds an entry to Rekor. @throws OtaError */
export async function addLogEntry(
  connection: SigstoreConnection,
  { url, version }: NonNullable<SigstoreServices['log']>,
  logged: LoggedEnvelope,
): Promise<LogEntry> {
  return version === 2 ? addToTiles(connection, url, logged) : addToLog(connection, url, logged);
}

const Logged = Type.Record(
  Type.String(),
  Type.Object({
    body: Type.String({ minLength: 1 }),
    integratedTime: Type.Integer(),
    logID: Type.String(),
    logIndex: Type.Integer(),
    verification: Type.Object({
      signedEntryTimestamp: Type.Optional(Type.String()),
      inclusionProof: Type.Optional(
        Type.Object({
          logIndex: Type.Integer(),
          treeSize: Type.Integer(),
          rootHash: Type.String(),
          hashes: Type.Array(Type.String()),
          checkpoint: Type.String(),
        }),
      ),
    }),
  }),
  { minProperties: 1, maxProperties: 1 },
);
const LoggedBody = Type.Object({ kind: Type.String(), apiVersion: Type.String() });

/** Version 1, POST /api/v1/log/entries, kind `dsse` (https://github.com/sigstore/rekor/blob/main/openapi.yaml). */
async function addToLog(
  connection: SigstoreConnection,
  base: URL,
  { envelope, certificate }: LoggedEnvelope,
): Promise<LogEntry> {
  const verifier = Buffer.from(certificate.toString()).toString('base64');
  const request = {
    ...{ base, path: '/api/v1/log/entries', service: SERVICE, refusal: REFUSAL },
    body: {
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        proposedContent: { envelope: JSON.stringify(envelopeToJSON(envelope)), verifiers: [verifier] },
      },
    },
  };
  const bytes = await post(connection, request);
  const [entry] = Object.values(decodeIfMatching(Logged, bytes.toString('utf8')) ?? {});
  const body = entry && decodeIfMatching(LoggedBody, Buffer.from(entry.body, 'base64').toString('utf8'));
  if (entry === undefined || body === undefined) throw unexpectedAnswer(request);
  const { signedEntryTimestamp, inclusionProof: proof } = entry.verification;
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: Buffer.from(entry.logID, 'hex') },
    kindVersion: { kind: body.kind, version: body.apiVersion },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: signedEntryTimestamp
      ? { signedEntryTimestamp: Buffer.from(signedEntryTimestamp, 'base64') }
      : undefined,
    inclusionProof: proof && {
      logIndex: String(proof.logIndex),
      treeSize: String(proof.treeSize),
      rootHash: Buffer.from(proof.rootHash, 'hex'),
      hashes: proof.hashes.map((hash) => Buffer.from(hash, 'hex')),
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: Buffer.from(entry.body, 'base64'),
  };
}

/** Version 2, POST /api/v2/log/entries (https://github.com/sigstore/rekor-tiles/blob/main/CLIENTS.md). */
async function addToTiles(
  connection: SigstoreConnection,
  base: URL,
  { envelope, certificate }: LoggedEnvelope,
): Promise<LogEntry> {
  const verifier = {
    keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
    verifier: { $case: 'x509Certificate', x509Certificate: { rawBytes: certificate.raw } },
  } as const;
  const entry: CreateEntryRequest = {
    spec: { $case: 'dsseRequestV002', dsseRequestV002: { envelope, verifiers: [verifier] } },
  };
  const request = {
    ...{ base, path: '/api/v2/log/entries', service: SERVICE, refusal: REFUSAL },
    body: CreateEntryRequest.toJSON(entry),
  };
  const bytes = await post(connection, request);
  const { logId, kindVersion, ...added } = parseEntry(bytes) ?? {};
  if (logId === undefined || kindVersion === undefined) throw unexpectedAnswer(request);
  return { ...(added as LogEntry), logId, kindVersion };
}

function parseEntry(bytes: Buffer): TransparencyLogEntry | undefined {
  try {
    return TransparencyLogEntry.fromJSON(parseBoundedJson(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}
