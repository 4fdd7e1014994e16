import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import {
  fulcioHandler,
  type HandlerFn,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  tsaHandler,
} from '@sigstore/mock';
import { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { CreateEntryRequest, Verifier } from '@sigstore/protobuf-specs/rekor/v2';
import { decodeJwt, UnsecuredJWT } from 'jose';
import { listenHttp } from '../network/loopback-server.ts';

const SERVICES = {
  certificates: '/api/v2/signingCert',
  log: '/api/v1/log/entries',
  tiles: '/api/v2/log/entries',
  timestamps: '/api/v1/timestamp',
} as const;
export type SigstoreService = keyof typeof SERVICES;

/** A Sigstore instance over real HTTP: Sigstore's own mock of its certificate authority, logs and timestamp authority. */
export interface SigstoreInstance {
  readonly url: string;
  /** Each request: its service and its body. */
  readonly requests: { readonly service: SigstoreService; readonly body: string }[];
  /** What a service answers instead, as often as that is in the list. */
  readonly faults: Map<SigstoreService, number[]>;
  /** A `trusted_root.json`, with these changes. */
  root(changes?: object): object;
  /** A `signing_config.json` with these services. */
  config(...services: readonly SigstoreService[]): object;
  /** Both as files in a folder. @returns the options that name them, for `publish` */
  files(folder: string, ...services: readonly SigstoreService[]): Promise<string[]>;
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();
const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const since = () => ({ start: new Date(Date.now() - 3_600_000).toISOString() });
const raw = (bytes: ArrayBufferView) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** It closes when the test is finished. */
export async function startSigstore(): Promise<SigstoreInstance> {
  const requests: SigstoreInstance['requests'] = [];
  const faults: SigstoreInstance['faults'] = new Map();
  const caKeys = keyPair();
  const ctlog = await initializeCTLog(caKeys);
  const ca = await initializeCA(caKeys, ctlog);
  // To the second, as the mock encodes fractions wrongly; and while the certificates that are issued are valid.
  const tsa = await initializeTSA(keyPair(), new Date(Math.ceil(Date.now() / 1000 + 60) * 1000));
  let handlers: Readonly<Record<SigstoreService, HandlerFn>> | undefined;
  const server = await listenHttp(async (request, response) => {
    const [service] = Object.entries(SERVICES).find(([, path]) => path === request.url) ?? [];
    const body = await textOf(request);
    if (handlers === undefined || service === undefined) return response.writeHead(404).end();
    requests.push({ service: service as SigstoreService, body });
    const fault = faults.get(service as SigstoreService)?.shift();
    if (fault !== undefined) return response.writeHead(fault).end('{"message":"out of order"}');
    const { statusCode, response: answer, contentType } = await handlers[service as SigstoreService](body);
    const type = { 'content-type': contentType ?? 'text/plain' };
    return response.writeHead(statusCode, type).end(typeof answer === 'string' ? answer : raw(answer));
  });
  const url = server.origin;
  const tlog = await initializeTLog(url, keyPair());
  handlers = {
    certificates: certificatesOf(fulcioHandler(ca).fn),
    log: async (body) => json(201, await tlog.log(loggedBy(JSON.parse(body)))),
    tiles: async (body) => json(201, TransparencyLogEntry.toJSON(await addTile(tlog, JSON.parse(body)))),
    timestamps: tsaHandler(tsa).fn,
  };

  const publicKey = (rawBytes: Buffer) => ({
    rawBytes: rawBytes.toString('base64'),
    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    validFor: since(),
  });
  const authority = (...chain: readonly ArrayBufferView[]) => ({
    subject: { organization: 'sigstore.mock', commonName: 'mock' },
    uri: url,
    certChain: { certificates: chain.map((one) => ({ rawBytes: raw(one).toString('base64') })) },
    validFor: since(),
  });
  const root = (changes: object = {}) => ({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [
      {
        baseUrl: url,
        hashAlgorithm: 'SHA2_256',
        publicKey: publicKey(tlog.publicKey),
        logId: { keyId: sha256(tlog.publicKey).toString('base64') },
      },
    ],
    certificateAuthorities: [authority(ca.rootCertificate)],
    ctlogs: [
      {
        baseUrl: url,
        hashAlgorithm: 'SHA2_256',
        publicKey: publicKey(ctlog.publicKey),
        logId: { keyId: raw(ctlog.logID).toString('base64') },
      },
    ],
    timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
    ...changes,
  });
  const config = (...services: readonly SigstoreService[]) => {
    const service = (version: number) => ({
      ...{ url, majorApiVersion: version, operator: 'mock', validFor: since() },
    });
    const logs = services.filter((name) => name === 'log' || name === 'tiles');
    return {
      mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
      caUrls: [service(1)],
      ...(logs.length > 0 && {
        rekorTlogUrls: logs.map((name) => service(name === 'tiles' ? 2 : 1)),
        rekorTlogConfig: { selector: 'ANY' },
      }),
      ...(services.includes('timestamps') && { tsaUrls: [service(1)], tsaConfig: { selector: 'ANY' } }),
    };
  };
  return {
    ...{ url, requests, faults, root, config },
    files: async (folder, ...services) => {
      const [rootFile, configFile] = [join(folder, 'trusted_root.json'), join(folder, 'signing_config.json')];
      await writeFile(rootFile, JSON.stringify(root()));
      await writeFile(configFile, JSON.stringify(config(...services)));
      return ['--sigstore-root', rootFile, '--sigstore-config', configFile];
    },
  };
}

/**
 * The mock, with what the real certificate authority does besides: it verifies that who asks has the key, and puts the URL
 * of a workflow of GitHub into the certificate.
 */
function certificatesOf(issue: HandlerFn): HandlerFn {
  return async (body) => {
    const request = JSON.parse(body);
    const { publicKey, proofOfPossession } = request.publicKeyRequest;
    const claims = decodeJwt(request.credentials.oidcIdentityToken);
    const proof = Buffer.from(proofOfPossession, 'base64');
    if (claims.aud !== 'sigstore') return json(401, { message: `the audience is ${claims.aud}` });
    if (!verify('sha256', Buffer.from(claims.sub ?? ''), publicKey.content, proof)) {
      return json(400, { message: 'the proof of possession is wrong' });
    }
    const workflow = claims.job_workflow_ref;
    const sub = typeof workflow === 'string' ? `https://github.com/${workflow}` : claims.sub;
    const named = new UnsecuredJWT({ ...claims, ...(sub !== undefined && { sub }) }).encode();
    return issue(JSON.stringify({ ...request, credentials: { oidcIdentityToken: named } }));
  };
}

/** What the log makes of a request, where the mock logs the request itself. */
function loggedBy({
  kind,
  spec,
}: {
  kind: string;
  spec: { proposedContent: { envelope: string; verifiers: string[] } };
}) {
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope);
  const hash = (data: string | Buffer) => ({ algorithm: 'sha256', value: sha256(data).toString('hex') });
  return {
    apiVersion: '0.0.1',
    kind,
    spec: {
      envelopeHash: hash(envelope),
      payloadHash: hash(Buffer.from(payload, 'base64')),
      signatures: [{ signature: signatures[0].sig, verifier: verifiers[0] }],
    },
  };
}

async function addTile(tlog: Awaited<ReturnType<typeof initializeTLog>>, body: unknown) {
  const { spec } = CreateEntryRequest.fromJSON(body);
  if (spec?.$case !== 'dsseRequestV002') throw new Error('not a DSSE envelope');
  const { envelope, verifiers } = spec.dsseRequestV002;
  const digest = sha256(envelope?.payload ?? Buffer.of()).toString('base64');
  const signatures = [
    {
      content: envelope?.signatures[0]?.sig.toString('base64'),
      verifier: verifiers[0] && Verifier.toJSON(verifiers[0]),
    },
  ];
  const logged = {
    apiVersion: '0.0.2',
    kind: 'dsse',
    spec: { dsseV002: { payloadHash: { algorithm: 'SHA2_256', digest }, signatures } },
  };
  const entry = await tlog.logV2(logged as unknown as CreateEntryRequest);
  const { inclusionProof } = entry;
  // The mock has one entry, at a random index; and such a log states no time.
  return {
    ...entry,
    integratedTime: '0',
    inclusionProof: inclusionProof && { ...inclusionProof, logIndex: '0' },
  };
}

function json(statusCode: number, value: unknown) {
  return { statusCode, response: JSON.stringify(value), contentType: 'application/json' };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
