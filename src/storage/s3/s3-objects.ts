import type { Clock } from '../../protocol/time.ts';
import { type ObjectHeaders, S3Bucket } from './s3-bucket.ts';
import { createS3Client, type S3ClientSettings } from './s3-client.ts';
import { importFile } from './s3-import.ts';
import type { S3Location } from './s3-location.ts';

export interface S3ObjectsOptions extends S3ClientSettings {
  readonly location: S3Location;
  readonly clock: Clock;
}

/** A file with known bytes. */
export interface SentFile {
  /** Bytes. */
  readonly size: number;
  /** Lowercase hexadecimal. */
  readonly sha256: string;
  /** Streams it from its first byte; may be called again. */
  read(): AsyncIterable<Uint8Array>;
}

/** Far more than any text that was written here. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** Objects that others read by plain URLs, by their paths below a prefix. Each method rejects with the error of `toS3Error`. */
export class S3Objects {
  readonly location: string;
  readonly #bucket: S3Bucket;
  readonly #prefix: string;

  private constructor(bucket: S3Bucket, { bucket: name, prefix }: S3Location) {
    this.location = `s3://${name}/${prefix}`.replace(/\/$/, '');
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** Sends no request. @throws OtaError `usage` when there is neither a region nor an endpoint */
  static async open(options: S3ObjectsOptions): Promise<S3Objects> {
    const { endpoint = 'S3', location, clock } = options;
    const client = await createS3Client(options);
    return new S3Objects(new S3Bucket({ client, name: location.bucket, endpoint, clock }), location);
  }

  /** @param folder with a slash at its end */
  async *list(folder: string) {
    for await (const { key, size, etag } of this.#bucket.list(this.#prefix + folder, { isDeep: true }))
      yield { path: key.slice(this.#prefix.length), size, etag };
  }

  async readText(path: string): Promise<string> {
    const read = await this.#bucket.readSmall(this.#prefix + path, MAX_TEXT_BYTES);
    return read?.bytes.toString('utf8') ?? '';
  }

  writeText(path: string, text: string, headers: ObjectHeaders): Promise<void> {
    return this.#bucket.put(this.#prefix + path, Buffer.from(text), headers);
  }

  /** Sends a file, unless it is there, and reads it back. An interrupted one goes on with its parts. */
  writeFile(path: string, file: SentFile, headers: ObjectHeaders) {
    return importFile(this.#bucket, { key: this.#prefix + path, file, headers, verified: false });
  }

  remove(path: string): Promise<void> {
    return this.#bucket.delete(this.#prefix + path);
  }

  close(): void {
    this.#bucket.client.destroy();
  }
}
