import pMap from 'p-map';
import { OtaError } from '../../errors.ts';
import type { MeasuredBytes } from '../artifact-storage.ts';
import { Measure, measureAll } from '../stream-digest.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { type MultipartId, S3Multipart, s3PartSize } from './s3-multipart.ts';

/** A file that is known by its hash, and is to be in the store. */
export interface KnownFile {
  /** Bytes. */
  readonly size: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Its bytes from the first on; may be asked for again. */
  read(): AsyncIterable<Uint8Array>;
}

export interface ImportOptions {
  /** Whether what is there was verified before: then its size is looked at only. */
  readonly verified: boolean;
  /** Called with the number of bytes of each part that is there. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Larger files are sent in parts of so many bytes. */
  readonly partSize?: number | undefined;
}

/** `differs`: what was read is not the file of that hash; nothing of it is in the store. */
export type ImportOutcome = 'sent' | 'already_there' | 'differs';

/** The smallest that S3 takes: parts are sent from memory, to be sent again where need be, and several at once. */
const PART_SIZE = 5 * 1024 ** 2;
const PARTS_AT_ONCE = 2;
/** Later than any upload was begun. */
const END_OF_TIME = new Date(8.64e15);

/**
 * Sees to it that a file is under a key, and right: what is sent, or is there already, is read back and hashed. Of a
 * file in parts that an earlier try left unfinished, what arrived is not sent again.
 * @throws OtaError `verification_failed` when the store gives back other bytes than it was given
 */
export async function importFile(
  bucket: S3Bucket,
  key: string,
  file: KnownFile,
  options: ImportOptions,
): Promise<ImportOutcome> {
  const there = await bucket.head(key);
  if (there?.size === file.size && (options.verified || (await isRight(bucket, key, file)))) {
    options.onBytes?.(file.size);
    return 'already_there';
  }
  const { partSize = PART_SIZE, onBytes } = options;
  const outcome =
    file.size <= partSize
      ? await importWhole(bucket, key, file)
      : await importInParts(bucket, key, file, { partSize, onBytes });
  if (outcome === 'sent' && file.size <= partSize) onBytes?.(file.size);
  if (outcome !== 'wrong') return outcome;
  throw new OtaError(
    'verification_failed',
    `the bucket ${bucket.name} gives back other bytes than it was given`,
    {
      hint: 'Run the command again; if it comes again, the store cannot be relied on: look at its log.',
    },
  );
}

/** `wrong`: what was sent is not what is read back, and was removed. */
type SendOutcome = 'sent' | 'differs' | 'wrong';

async function importWhole(bucket: S3Bucket, key: string, file: KnownFile): Promise<SendOutcome> {
  const measure = measureOf(file);
  let whole: Buffer = Buffer.alloc(0);
  for await (const { bytes } of cut(file.read(), file.size, measure)) whole = bytes; // one part, if it is the file
  if (!isFile(measure.finish(), file)) return 'differs';
  await bucket.put(key, whole);
  return settle(bucket, key, file);
}

/** Parts of an earlier try are not known to be right before all are read back: if they are not, all is sent again. */
async function importInParts(
  bucket: S3Bucket,
  key: string,
  file: KnownFile,
  options: PartOptions,
): Promise<SendOutcome> {
  const multipart = new S3Multipart(bucket);
  const [unfinished] = await uploadsOf(multipart, key);
  let outcome = await sendParts(multipart, key, file, options, unfinished);
  if (outcome === 'sent') outcome = await settle(bucket, key, file);
  if (outcome === 'wrong' && unfinished !== undefined) {
    outcome = await sendParts(multipart, key, file, { partSize: options.partSize }, undefined);
    if (outcome === 'sent') outcome = await settle(bucket, key, file);
  }
  for (const other of await uploadsOf(multipart, key)) await multipart.abort(other);
  return outcome;
}

type PartOptions = Pick<ImportOptions, 'onBytes'> & { readonly partSize: number };

async function sendParts(
  multipart: S3Multipart,
  key: string,
  file: KnownFile,
  { partSize: wanted, onBytes }: PartOptions,
  unfinished: MultipartId | undefined,
): Promise<SendOutcome> {
  const partSize = s3PartSize(file.size, wanted);
  const upload = unfinished ?? (await multipart.start(key));
  const arrived = unfinished && (await multipart.parts(unfinished));
  const measure = measureOf(file);
  const etags: string[] = [];
  const sendPart = async ({ number, bytes }: Part) => {
    const found = arrived?.get(number);
    const isThere = found?.size === bytes.length;
    etags[number - 1] = isThere ? found.etag : await multipart.putPart(upload, number, bytes);
    onBytes?.(bytes.length);
  };
  await pMap(cut(file.read(), partSize, measure), sendPart, { concurrency: PARTS_AT_ONCE });
  if (!isFile(measure.finish(), file)) return 'differs';
  // Of two runs at once the other may have put them together: what is there is read back.
  return (await multipart.complete(upload, etags)) === 'differ' ? 'wrong' : 'sent';
}

async function settle(bucket: S3Bucket, key: string, file: KnownFile): Promise<SendOutcome> {
  const there = await bucket.head(key);
  if (there?.size === file.size && (await isRight(bucket, key, file))) return 'sent';
  await bucket.delete(key);
  return 'wrong';
}

interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** Cuts what is read into parts, and measures it; ends early when it is more than expected. */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  partSize: number,
  measure: Measure,
): AsyncGenerator<Part> {
  let number = 1;
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of chunks) {
    if (!measure.add(chunk)) return;
    while (size + chunk.length >= partSize) {
      const rest = chunk.subarray(partSize - size);
      yield { number: number++, bytes: Buffer.concat([...gathered, chunk.subarray(0, partSize - size)]) };
      [gathered, size, chunk] = [[], 0, rest];
    }
    gathered.push(chunk);
    size += chunk.length;
  }
  if (size > 0) yield { number, bytes: Buffer.concat(gathered) };
}

async function isRight(bucket: S3Bucket, key: string, file: KnownFile): Promise<boolean> {
  return isFile(await measureAll(bucket.read(key), { size: file.size, blake2b512: false }), file);
}

function measureOf({ size }: KnownFile): Measure {
  return new Measure({ size, blake2b512: false });
}

function isFile(measured: MeasuredBytes | 'size_differs', { sha256 }: KnownFile): boolean {
  return measured !== 'size_differs' && measured.sha256 === sha256;
}

/** Uploads in parts to a key that were begun and not completed. */
async function uploadsOf(multipart: S3Multipart, key: string): Promise<MultipartId[]> {
  const found: MultipartId[] = [];
  for await (const upload of multipart.unfinished(key, END_OF_TIME)) {
    if (upload.key === key) found.push(upload);
  }
  return found;
}
