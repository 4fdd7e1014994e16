import { createHash, randomUUID } from 'node:crypto';
import type { Defect } from './defect.ts';
import { type Conditions, flipped, type ObjectStore, type StoredObject } from './object-store.ts';
import { S3Error } from './s3-error.ts';

/** A request with a valid signature, to one bucket. */
export interface Operation {
  readonly method: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Send this part of the body, then abort. */
  readonly cutAt?: number;
}

type Perform = (store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>) => Answer;

/** The right that each operation needs, in the notation of AWS, and what it does. */
const OPERATIONS: Readonly<Record<string, readonly [string, Perform]>> = {
  'GET bucket list-type': ['s3:ListBucket', list],
  'GET bucket uploads': ['s3:ListBucketMultipartUploads', listUploads],
  'GET object': ['s3:GetObject', get],
  'HEAD object': ['s3:GetObject', head],
  'PUT object': ['s3:PutObject', put],
  'PUT object copy': ['s3:PutObject', copy],
  'DELETE object': ['s3:DeleteObject', remove],
  'POST object uploads': ['s3:PutObject', startUpload],
  'PUT object uploadId': ['s3:PutObject', putPart],
  'PUT object copy uploadId': ['s3:PutObject', copyPart],
  'GET object uploadId': ['s3:ListMultipartUploadParts', listParts],
  'POST object uploadId': ['s3:PutObject', completeUpload],
  'DELETE object uploadId': ['s3:AbortMultipartUpload', abortUpload],
};

/** @throws S3Error */
export function perform(
  store: ObjectStore,
  operation: Operation,
  { defects, denied }: { defects: ReadonlySet<Defect>; denied: ReadonlySet<string> },
): Answer {
  const { method, key, query, header } = operation;
  const parts = [
    method,
    key === '' ? 'bucket' : 'object',
    ...(header('x-amz-copy-source') === undefined ? [] : ['copy']),
    ...['list-type', 'uploads', 'uploadId'].filter((name) => query.has(name)),
  ];
  const [right, run] = OPERATIONS[parts.join(' ')] ?? [];
  if (right === undefined || run === undefined) throw new S3Error('MethodNotAllowed');
  if (denied.has(right)) throw new S3Error('AccessDenied');
  return run(store, operation, defects);
}

function get(store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>): Answer {
  const { key, header } = operation;
  const object = store.find(key, conditionsOf(header));
  const headers = headersOf(object, operation);
  const bytes = defects.has('read_flips_a_bit') ? flipped(object.bytes) : object.bytes;
  if (defects.has('read_cut_off')) {
    return { status: 200, headers, body: bytes, cutAt: Math.floor(bytes.length / 2) };
  }
  if (defects.has('read_too_short')) return { status: 200, headers, body: bytes.subarray(0, -1) };
  const range = /^bytes=(\d*)-(\d*)$/.exec(header('range') ?? '');
  if (range === null) return { status: 200, headers, body: bytes };
  const [first, last] = resolveRange(range, bytes.length);
  const contentRange = `bytes ${first}-${last}/${bytes.length}`;
  return {
    status: 206,
    headers: { ...headers, 'content-range': contentRange },
    body: bytes.subarray(first, last + 1),
  };
}

function resolveRange([, from = '', to = '']: RegExpExecArray, size: number): readonly [number, number] {
  const [first, last] =
    from === ''
      ? [Math.max(0, size - Number(to)), size - 1]
      : [Number(from), to === '' ? size - 1 : Math.min(Number(to), size - 1)];
  if (first >= size || first > last) {
    throw new S3Error('InvalidRange', {}, { 'content-range': `bytes */${size}` });
  }
  return [first, last];
}

function head(store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>): Answer {
  const object = store.find(operation.key, conditionsOf(operation.header));
  const size = object.bytes.length + (defects.has('head_tells_other_size') ? 1 : 0);
  const etag = defects.has('etag_changes') ? `"${randomUUID()}"` : object.etag;
  return { status: 200, headers: { ...headersOf(object, operation), etag, 'content-length': String(size) } };
}

function put(store: ObjectStore, { key, header, body }: Operation, defects: ReadonlySet<Defect>): Answer {
  if (!defects.has('checksum_not_enforced')) requireChecksums(header, body);
  const conditions = conditionsOf(header);
  const isConditional = conditions.ifMatch !== undefined || conditions.ifNoneMatch !== undefined;
  if (isConditional && defects.has('puts_with_conditions_unknown')) throw new S3Error('NotImplemented');
  store.requireWritable(key, conditions);
  const contentType = header('content-type');
  const kept = { contentEncoding: header('content-encoding'), cacheControl: header('cache-control') };
  const said = { ...kept, ...(contentType && { contentType }) };
  return { status: 200, headers: { etag: store.put(key, body, said).etag } };
}

function copy(store: ObjectStore, { key, header }: Operation, defects: ReadonlySet<Defect>): Answer {
  if (defects.has('copy_fails_in_200')) return errorIn200();
  const contentType = header('content-type');
  if (header('x-amz-metadata-directive') !== 'REPLACE' || !contentType) throw new S3Error('InvalidArgument');
  const { etag, lastModified } = store.copy(
    sourceOf(header),
    key,
    { contentType },
    copyConditions(header, defects),
  );
  return xml('CopyObjectResult', { ETag: etag, LastModified: lastModified.toISOString() });
}

function remove(store: ObjectStore, { key }: Operation): Answer {
  store.delete(key);
  return { status: 204 };
}

function list(store: ObjectStore, { query }: Operation): Answer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const max = Number(query.get('max-keys') ?? 1000);
  const found = [...store.listed()].filter(([key]) => key.startsWith(prefix) && key > after).sort();
  const page = found.slice(0, max);
  const truncated = found.length > max;
  const contents = page.map(
    ([Key, { bytes, etag, lastModified }]) =>
      `<Contents>${tags({ Key, Size: bytes.length, ETag: etag, LastModified: lastModified.toISOString() })}</Contents>`,
  );
  return xml(
    'ListBucketResult',
    {
      IsTruncated: truncated,
      ...(truncated && { NextContinuationToken: page.at(-1)?.[0] ?? '' }),
    },
    contents,
  );
}

function startUpload(store: ObjectStore, { key }: Operation): Answer {
  return xml('InitiateMultipartUploadResult', { UploadId: store.startUpload(key) });
}

function putPart(store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>): Answer {
  const { key, header, body } = operation;
  if (!defects.has('checksum_not_enforced')) requireChecksums(header, body);
  const { id, number } = partOf(operation);
  return { status: 200, headers: { etag: store.putPart(key, id, number, body).etag } };
}

function copyPart(store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>): Answer {
  if (defects.has('copy_fails_in_200')) return errorIn200();
  const { key, header } = operation;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header('x-amz-copy-source-range') ?? '') ?? [];
  const range = [Number(first), Number(last)] as const;
  const part = store.copyPart(
    { key, ...partOf(operation) },
    sourceOf(header),
    range,
    copyConditions(header, defects),
  );
  return xml('CopyPartResult', { ETag: part.etag, LastModified: part.lastModified.toISOString() });
}

function listParts(store: ObjectStore, { key, query }: Operation): Answer {
  const after = Number(query.get('part-number-marker') ?? 0);
  const max = Number(query.get('max-parts') ?? 1000);
  const parts = [...store.upload(key, query.get('uploadId') ?? '').parts].sort(([a], [b]) => a - b);
  const found = parts.filter(([number]) => number > after);
  const page = found.slice(0, max);
  const listed = page.map(
    ([PartNumber, { etag, bytes }]) => `<Part>${tags({ PartNumber, ETag: etag, Size: bytes.length })}</Part>`,
  );
  const next = { IsTruncated: found.length > max, NextPartNumberMarker: page.at(-1)?.[0] ?? 0 };
  return xml('ListPartsResult', next, listed);
}

function listUploads(store: ObjectStore, { query }: Operation): Answer {
  const prefix = query.get('prefix') ?? '';
  const uploads = [...store.uploads]
    .filter(([, { key }]) => key.startsWith(prefix))
    .map(
      ([UploadId, { key: Key, initiated }]) =>
        `<Upload>${tags({ Key, UploadId, Initiated: initiated.toISOString() })}</Upload>`,
    );
  return xml('ListMultipartUploadsResult', { IsTruncated: false }, uploads);
}

function completeUpload(store: ObjectStore, operation: Operation, defects: ReadonlySet<Defect>): Answer {
  if (defects.has('completion_fails_in_200')) return errorIn200();
  const { key, query, body } = operation;
  const id = query.get('uploadId') ?? '';
  if (defects.has('unknown_upload_fails') && !store.uploads.has(id)) throw new S3Error('InternalError');
  const parts = [...body.toString('utf8').matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
  }));
  const { etag } = store.completeUpload(key, id, parts);
  return xml('CompleteMultipartUploadResult', { Key: key, ETag: etag });
}

function abortUpload(store: ObjectStore, { key, query }: Operation): Answer {
  store.abortUpload(key, query.get('uploadId') ?? '');
  return { status: 204 };
}

function headersOf(object: StoredObject, { query }: Operation): Record<string, string> {
  const { etag, lastModified, contentType, contentEncoding, cacheControl, bytes } = object;
  const overrides = ['content-disposition', 'content-type', 'cache-control'].flatMap((name) => {
    const value = query.get(`response-${name}`);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    'accept-ranges': 'bytes',
    'content-length': String(bytes.length),
    'content-type': contentType,
    etag,
    'last-modified': lastModified.toUTCString(),
    ...(contentEncoding && { 'content-encoding': contentEncoding }),
    ...(cacheControl && { 'cache-control': cacheControl }),
    ...Object.fromEntries(overrides),
  };
}

function requireChecksums(header: Operation['header'], body: Buffer): void {
  const declared = [
    ['content-md5', 'md5'],
    ['x-amz-checksum-sha256', 'sha256'],
  ] as const;
  for (const [name, algorithm] of declared) {
    const value = header(name);
    const actual = createHash(algorithm).update(body).digest('base64');
    if (value !== undefined && value !== actual) throw new S3Error('BadDigest');
  }
}

function conditionsOf(header: Operation['header']): Conditions {
  return { ifMatch: header('if-match'), ifNoneMatch: header('if-none-match') };
}

function copyConditions(header: Operation['header'], defects: ReadonlySet<Defect>): Conditions {
  const ifMatch = header('x-amz-copy-source-if-match');
  if (ifMatch !== undefined && defects.has('conditions_unknown')) throw new S3Error('NotImplemented');
  return { ifMatch };
}

/** The key of a copy's source, in the same bucket. */
function sourceOf(header: Operation['header']): string {
  return decodeURIComponent(header('x-amz-copy-source') ?? '').replace(/^\/?[^/]+\//, '');
}

function partOf({ query }: Operation): { id: string; number: number } {
  return { id: query.get('uploadId') ?? '', number: Number(query.get('partNumber')) };
}

/** S3 starts its response before it knows the outcome ("Copying objects", "Completing a multipart upload"). */
function errorIn200(): Answer {
  return xml('Error', { Code: 'InternalError', Message: 'Please try again.' });
}

function xml(root: string, fields: Readonly<Record<string, unknown>>, more: readonly string[] = []): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><${root}>${tags(fields)}${more.join('')}</${root}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function tags(fields: Readonly<Record<string, unknown>>): string {
  const escaped = (value: unknown) => String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return Object.entries(fields)
    .map(([name, value]) => `<${name}>${escaped(value)}</${name}>`)
    .join('');
}
