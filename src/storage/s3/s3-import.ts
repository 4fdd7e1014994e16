import { OtaError } from '../../errors.ts';
import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { ContentDigest } from '../artifact-storage.ts';
import { digestStream, StreamDigest } from '../stream-digest.ts';
import type { ObjectHeaders, S3Bucket } from './s3-bucket.ts';
import { type MultipartId, S3Multipart, s3PartSize } from './s3-multipart.ts';

export interface KnownFile {
  /** Bytes. */
  readonly size: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Streams the file from its first byte; may be called again. */
  read(): AsyncIterable<Uint8Array>;
}

export interface ImportOptions {
  /** Whether an existing object was verified before: then only its size is compared. */
  readonly verified: boolean;
  /** Called with the number of bytes of each part that has arrived. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Larger files are uploaded in parts of this many bytes. */
  readonly partSize?: number | undefined;
}

export interface ImportRequest extends ImportOptions {
  readonly key: string;
  readonly file: KnownFile;
  /** By default those of the server's own files. */
  readonly headers?: ObjectHeaders | undefined;
}

/** `differs`: the file does not have the known hash; nothing of it is in the store. */
export type ImportOutcome = 'sent' | 'already_there' | 'differs';

/** The smallest that S3 accepts: parts are held in memory, several at once, so that they can be sent again. */
const PART_SIZE = 5 * 1024 ** 2;
const PARTS_AT_ONCE = 2;

/**
 * Makes a key hold a file, verified: an object that was sent, or that exists already, is read back and hashed. Parts that
 * an interrupted import uploaded are not sent again.
 * @throws OtaError `verification_failed` when the store returns other bytes than were sent; `store_unavailable`,
 *   `no_space`
 */
export async function importFile(bucket: S3Bucket, request: ImportRequest): Promise<ImportOutcome> {
  return new FileImport(bucket, request).run();
}

/** `wrong`: what is read back differs from what was sent, and was removed. */
type SendOutcome = 'sent' | 'differs' | 'wrong';

class FileImport {
  readonly #bucket: S3Bucket;
  readonly #multipart: S3Multipart;
  readonly #key: string;
  readonly #file: KnownFile;
  readonly #verified: boolean;
  readonly #onBytes: (bytes: number) => void;
  readonly #partSize: number;
  readonly #headers: ObjectHeaders | undefined;

  constructor(
    bucket: S3Bucket,
    { key, file, headers, verified, partSize = PART_SIZE, onBytes = () => {} }: ImportRequest,
  ) {
    this.#bucket = bucket;
    this.#multipart = new S3Multipart(bucket);
    this.#key = key;
    this.#file = file;
    this.#verified = verified;
    this.#onBytes = onBytes;
    this.#partSize = partSize;
    this.#headers = headers;
  }

  async run(): Promise<ImportOutcome> {
    const { size } = this.#file;
    const found = await this.#bucket.head(this.#key);
    if (found?.size === size && (this.#verified || (await this.#isVerified()))) {
      this.#onBytes(size);
      return 'already_there';
    }
    const outcome = size <= this.#partSize ? await this.#sendWhole() : await this.#sendInParts();
    if (outcome !== 'wrong') return outcome;
    throw new OtaError(
      'verification_failed',
      `the bucket ${this.#bucket.name} returns different bytes than were uploaded`,
      { hint: 'Run the command again; if it keeps happening, the store is not reliable: check its log.' },
    );
  }

  async #sendWhole(): Promise<SendOutcome> {
    const { size } = this.#file;
    const digest = this.#newDigest();
    let whole: Buffer = Buffer.alloc(0);
    for await (const { bytes } of cut(this.#file.read(), size, digest)) whole = bytes; // one part, if it is the file
    if (!this.#isFile(digest.finish())) return 'differs';
    await this.#bucket.put(this.#key, whole, this.#headers);
    const outcome = await this.#verify();
    if (outcome === 'sent') this.#onBytes(size);
    return outcome;
  }

  /** Parts of an earlier import are verified only with the whole file: if it is wrong, everything is sent again. */
  async #sendInParts(): Promise<SendOutcome> {
    const [unfinished] = await this.#unfinishedUploads();
    let outcome = await this.#sendParts(unfinished, this.#onBytes);
    if (outcome === 'sent') outcome = await this.#verify();
    if (outcome === 'wrong' && unfinished !== undefined) {
      outcome = await this.#sendParts(undefined, () => {}); // its bytes were reported above
      if (outcome === 'sent') outcome = await this.#verify();
    }
    for (const other of await this.#unfinishedUploads()) await this.#multipart.abort(other);
    return outcome;
  }

  async #sendParts(
    unfinished: MultipartId | undefined,
    onBytes: (bytes: number) => void,
  ): Promise<SendOutcome> {
    const partSize = s3PartSize(this.#file.size, this.#partSize);
    const upload = unfinished ?? (await this.#multipart.start(this.#key, this.#headers));
    const arrived = unfinished && (await this.#multipart.parts(unfinished));
    const digest = this.#newDigest();
    const etags: string[] = [];
    const sendPart = async ({ number, bytes }: Part) => {
      const found = arrived?.get(number);
      const hasArrived = found?.size === bytes.length;
      etags[number - 1] = hasArrived ? found.etag : await this.#multipart.putPart(upload, number, bytes);
      onBytes(bytes.length);
    };
    await mapConcurrently(cut(this.#file.read(), partSize, digest), sendPart, { concurrency: PARTS_AT_ONCE });
    if (!this.#isFile(digest.finish())) return 'differs';
    // Of two imports at once the other may have assembled them: `gone` is as good, as the object is read back.
    return (await this.#multipart.complete(upload, etags)) === 'differ' ? 'wrong' : 'sent';
  }

  async #verify(): Promise<SendOutcome> {
    const found = await this.#bucket.head(this.#key);
    if (found?.size === this.#file.size && (await this.#isVerified())) return 'sent';
    await this.#bucket.delete(this.#key);
    return 'wrong';
  }

  /** Reads the object back and compares its hash. */
  async #isVerified(): Promise<boolean> {
    const { size } = this.#file;
    return this.#isFile(await digestStream(this.#bucket.read(this.#key), { size, blake2b512: false }));
  }

  #isFile(digest: ContentDigest | 'size_differs'): boolean {
    return digest !== 'size_differs' && digest.sha256 === this.#file.sha256;
  }

  #newDigest(): StreamDigest {
    return new StreamDigest({ size: this.#file.size, blake2b512: false });
  }

  async #unfinishedUploads(): Promise<MultipartId[]> {
    const found: MultipartId[] = [];
    for await (const upload of this.#multipart.unfinished(this.#key)) {
      if (upload.key === this.#key) found.push(upload);
    }
    return found;
  }
}

interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** Cuts a stream into parts and hashes it; ends early when it is longer than expected. */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  partSize: number,
  digest: StreamDigest,
): AsyncGenerator<Part> {
  let number = 1;
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (let chunk of chunks) {
    if (!digest.update(chunk)) return;
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
