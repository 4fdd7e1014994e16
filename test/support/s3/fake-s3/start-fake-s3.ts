import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3_CREDENTIALS } from '../s3-credentials.ts';
import type { Defect } from './defect.ts';
import { ObjectStore } from './object-store.ts';
import { type Answer, type Operation, perform } from './operations.ts';
import { S3Error } from './s3-error.ts';
import { parseQuery, verifySignature } from './signature.ts';

export interface FakeS3Options {
  readonly bucket?: string;
  readonly region?: string;
  readonly now?: () => Date;
}

/** A small S3 store in this process, on loopback. */
export interface FakeS3 {
  readonly url: string;
  readonly bucket: string;
  readonly store: ObjectStore;
  /** Its defects: can be changed at any time. */
  readonly defects: Set<Defect>;
  /** Rights that the key lacks, in the notation of AWS: `s3:GetObject`. */
  readonly denied: Set<string>;
  /** `METHOD target` of each request so far, with the names of its headers. */
  readonly requests: { readonly line: string; readonly headers: readonly string[] }[];
  /** Answers a request in place of the store, or passes it on by returning undefined; either can be delayed. */
  intercept: ((operation: Operation) => Answer | undefined | Promise<Answer | undefined>) | undefined;
  close(): Promise<void>;
}

/** Starts a store with one bucket, which verifies every signature. The caller closes it. */
export async function startFakeS3({
  bucket = 'bucket',
  region = 'us-east-1',
  now = () => new Date(),
}: FakeS3Options = {}): Promise<FakeS3> {
  const defects = new Set<Defect>();
  const denied = new Set<string>();
  const store = new ObjectStore(defects, now);
  const requests: { line: string; headers: readonly string[] }[] = [];
  const fake = { bucket, store, defects, denied, requests, intercept: undefined } as unknown as FakeS3;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<Answer> => {
    const { method = '', url: target = '', headers } = request;
    requests.push({ line: `${method} ${target}`, headers: Object.keys(headers) });
    const chunked = headers['transfer-encoding'] !== undefined;
    if (method === 'PUT' && chunked && !defects.has('chunked_accepted')) {
      throw new S3Error('MissingContentLength');
    }
    const anyLength = defects.has('length_not_enforced') || (chunked && defects.has('chunked_accepted'));
    const rules = {
      ...S3_CREDENTIALS,
      region,
      now: now(),
      anyLength,
      twoAuth: defects.has('two_auth_accepted'),
    };
    const verify = (body: Buffer) => verifySignature({ method, target, headers, body }, rules);
    const coversBody = headers.authorization !== undefined;
    if (!coversBody) verify(Buffer.alloc(0)); // refused before the body is read
    if (headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request);
    if (coversBody) verify(body);
    const [, name = '', key = ''] = /^\/([^/?]*)\/?([^?]*)/.exec(target) ?? [];
    if (name !== bucket) throw new S3Error('NoSuchBucket');
    const header = (wanted: string) => {
      const value = headers[wanted];
      return Array.isArray(value) ? value.join(',') : value;
    };
    const query = new Map(parseQuery(target));
    const operation = { method, key: decodeURIComponent(key), query, header, body };
    return (await fake.intercept?.(operation)) ?? perform(store, operation, { defects, denied });
  };

  const serve = (request: IncomingMessage, response: ServerResponse) => {
    void answer(request, response)
      .catch((error: unknown) => {
        if (!(error instanceof S3Error)) {
          if (!response.closed) throw error;
          return { status: 400 }; // not received: the client disconnected
        }
        const { status, body, headers } = error;
        return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
      })
      .then((reply) => send(request, response, reply));
  };
  const server = http.createServer(serve).on('checkContinue', serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fake, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}

function send({ method }: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, headers = {}, body = '', cutAt } = answer;
  const length = method === 'HEAD' ? headers['content-length'] : Buffer.byteLength(body);
  response.writeHead(status, {
    ...headers,
    ...(status !== 204 && length !== undefined && { 'content-length': length }),
  });
  if (cutAt !== undefined) {
    response.write(Buffer.from(body).subarray(0, cutAt), () => response.destroy());
    return;
  }
  response.end(method === 'HEAD' ? undefined : body);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
