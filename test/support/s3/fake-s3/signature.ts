import { createHash, createHmac } from 'node:crypto';
import { S3Error } from './s3-error.ts';

/** A request as its signature covers it. */
export interface SignedRequest {
  readonly method: string;
  /** As received: path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface SignatureRules {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  /** The clock for the expiry of presigned URLs; other requests use the machine's clock, as the SDK does. */
  readonly now: Date;
  /** Accepts a signature for a different length. */
  readonly anyLength: boolean;
  readonly twoAuth: boolean;
}

const MAX_SKEW_MS = 15 * 60 * 1000;

/**
 * AWS Signature Version 4, of a header or of a query ("Authenticating Requests"). Written from AWS's documentation,
 * and without the SDK, which it verifies.
 * @throws S3Error
 */
export function verifySignature(request: SignedRequest, rules: SignatureRules): void {
  const query = parseQuery(request.target);
  const presigned = query.some(([name]) => name === 'X-Amz-Signature');
  const header = single(request.headers.authorization);
  if (presigned && header !== undefined && !rules.twoAuth) throw new S3Error('InvalidArgument');
  if (presigned) verifyQuery(request, query, rules);
  else if (header !== undefined) verifyHeader(request, query, header, rules);
  else throw new S3Error('AccessDenied');
}

function verifyQuery(request: SignedRequest, query: Query, rules: SignatureRules): void {
  const value = (name: string) => query.find(([found]) => found === name)?.[1] ?? '';
  const signed = query.filter(([name]) => name !== 'X-Amz-Signature');
  const date = value('X-Amz-Date');
  const signature = { credential: value('X-Amz-Credential'), date, headers: value('X-Amz-SignedHeaders') };
  const payload = value('X-Amz-Content-Sha256') || 'UNSIGNED-PAYLOAD';
  const expiresAt = parseDate(date).getTime() + Number(value('X-Amz-Expires')) * 1000;
  requireEqual(sign(request, signed, signature, payload, rules), value('X-Amz-Signature'), () => {
    const lengthIsSigned = signature.headers.split(';').includes('content-length');
    return rules.anyLength && lengthIsSigned;
  });
  if (!(rules.now.getTime() < expiresAt))
    throw new S3Error('AccessDenied', { Message: 'Request has expired' });
  if (parseDate(date).getTime() - rules.now.getTime() > MAX_SKEW_MS)
    throw new S3Error('AccessDenied', { Message: 'Request is not yet valid' });
}

function verifyHeader(request: SignedRequest, query: Query, header: string, rules: SignatureRules): void {
  const [, credential = '', headers = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(header) ??
    [];
  const date = single(request.headers['x-amz-date']) ?? '';
  const payload = single(request.headers['x-amz-content-sha256']) ?? '';
  if (Math.abs(parseDate(date).getTime() - Date.now()) > MAX_SKEW_MS) {
    throw new S3Error('RequestTimeTooSkewed');
  }
  requireEqual(sign(request, query, { credential, date, headers }, payload, rules), signature);
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(request.body)) {
    throw new S3Error('XAmzContentSHA256Mismatch');
  }
}

function sign(
  request: SignedRequest,
  query: Query,
  { credential, date, headers }: { credential: string; date: string; headers: string },
  payload: string,
  rules: SignatureRules,
): string {
  const [accessKey, day = '', region = '', service = '', end = ''] = credential.split('/');
  if (accessKey !== rules.accessKey) throw new S3Error('InvalidAccessKeyId');
  if (region !== rules.region) throw new S3Error('AuthorizationHeaderMalformed', { Region: rules.region });
  if (!date.startsWith(day) || service !== 's3' || end !== 'aws4_request') {
    throw new S3Error('AuthorizationHeaderMalformed');
  }
  const names = headers.split(';');
  if (!names.includes('host')) throw new S3Error('SignatureDoesNotMatch');
  const unsigned = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !names.includes(name),
  );
  if (unsigned !== undefined) throw new S3Error('AccessDenied', { Message: `${unsigned} was not signed` });
  const canonical = [
    request.method,
    request.target.split('?', 1)[0],
    query
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${(single(request.headers[name]) ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    headers,
    payload,
  ].join('\n');
  const scope = `${day}/${region}/${service}/${end}`;
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
  const key = [day, region, service, end].reduce<Buffer | string>(hmac, `AWS4${rules.secretKey}`);
  return hmac(key, text).toString('hex');
}

type Query = readonly (readonly [string, string])[];

export function parseQuery(target: string): Query {
  const text = target.split('?')[1] ?? '';
  if (text === '') return [];
  return text.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split('=').map((part) => decodeURIComponent(part));
    return [name, value] as const;
  });
}

function requireEqual(expected: string, actual: string, unless: () => boolean = () => false): void {
  if (expected !== actual && !unless()) throw new S3Error('SignatureDoesNotMatch');
}

/** RFC 3986, as AWS requires: everything but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `20261124T122326Z` */
function parseDate(text: string): Date {
  const date = new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(date.getTime())) throw new S3Error('AccessDenied');
  return date;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
