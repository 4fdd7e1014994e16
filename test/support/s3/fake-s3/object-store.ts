import { createHash, randomUUID } from 'node:crypto';
import type { Defect } from './defect.ts';
import { S3Error } from './s3-error.ts';

export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly cacheControl: string | undefined;
  readonly lastModified: Date;
}

export interface MultipartUploadKey {
  readonly key: string;
  readonly initiated: Date;
  readonly parts: Map<number, StoredObject>;
}

export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** How often a read meets `stale_read` or `not_yet_there` after a change. */
const LATE_READS = 1;
/** One bucket in memory, with its defects. */
export class ObjectStore {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, MultipartUploadKey>();
  /** The smallest size of a part but the last, in bytes: that of S3, unless a test changes it. */
  minPart = 5 * 1024 * 1024;
  readonly #defects: ReadonlySet<Defect>;
  readonly #now: () => Date;
  #listed: ReadonlyMap<string, StoredObject> | undefined;
  readonly #late = new Map<string, { before: StoredObject | undefined; reads: number }>();

  constructor(defects: ReadonlySet<Defect>, now: () => Date) {
    this.#defects = defects;
    this.#now = now;
  }

  put(key: string, bytes: Buffer, said: Partial<StoredObject> = {}): StoredObject {
    const kept = this.#written(bytes);
    return this.#keep(key, { ...this.#object(kept), ...said });
  }

  /** Checks the conditions of a PUT. @throws S3Error */
  requireWritable(key: string, conditions: Conditions): void {
    const object = this.objects.get(key);
    if (object !== undefined) this.#require(object, conditions);
    else if (conditions.ifMatch !== undefined && !this.#defects.has('conditions_ignored'))
      throw new S3Error('NoSuchKey');
  }

  /** The result of a read. @throws S3Error */
  find(key: string, conditions: Conditions = {}): StoredObject {
    const late = this.#late.get(key);
    let object = this.objects.get(key);
    if (late !== undefined && late.reads-- > 0) object = late.before;
    if (object === undefined) throw new S3Error('NoSuchKey');
    this.#require(object, conditions);
    return object;
  }

  /** The result of a list: with `stale_list`, what the previous one should have found. */
  listed(): ReadonlyMap<string, StoredObject> {
    const before = this.#listed ?? new Map();
    this.#listed = new Map(this.objects);
    return this.#defects.has('stale_list') ? before : this.#listed;
  }

  copy(from: string, to: string, said: Partial<StoredObject>, conditions: Conditions): StoredObject {
    const copied = this.#copied(this.find(from, conditions).bytes);
    const object = { ...this.#object(copied), ...said };
    return this.#defects.has('copy_not_made') ? object : this.#keep(to, object);
  }

  delete(key: string): void {
    if (this.#defects.has('delete_ignored')) return;
    const before = this.objects.get(key);
    this.objects.delete(key);
    if (before !== undefined && this.#defects.has('stale_read'))
      this.#late.set(key, { before, reads: LATE_READS });
  }

  startUpload(key: string): string {
    const id = randomUUID();
    this.uploads.set(id, { key, initiated: this.#now(), parts: new Map() });
    return id;
  }

  upload(key: string, id: string): MultipartUploadKey {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) throw new S3Error('NoSuchUpload');
    return upload;
  }

  putPart(key: string, id: string, number: number, bytes: Buffer): StoredObject {
    const part = this.#object(this.#written(bytes));
    this.upload(key, id).parts.set(number, part);
    return part;
  }

  copyPart(
    { key, id, number }: { key: string; id: string; number: number },
    from: string,
    range: readonly [number, number],
    conditions: Conditions,
  ): StoredObject {
    const source = this.find(from, conditions).bytes;
    const part = this.#object(this.#copied(source.subarray(range[0], range[1] + 1)));
    this.upload(key, id).parts.set(number, part);
    return part;
  }

  completeUpload(key: string, id: string, named: readonly { number: number; etag: string }[]): StoredObject {
    const { parts } = this.upload(key, id);
    const chosen = named.map(({ number, etag }, i) => {
      const part = parts.get(number);
      if (part === undefined || part.etag !== quoted(etag)) throw new S3Error('InvalidPart');
      if (i < named.length - 1 && part.bytes.length < this.minPart) throw new S3Error('EntityTooSmall');
      return part;
    });
    if (this.#defects.has('parts_mixed_up')) chosen.reverse();
    const digests = chosen.map(({ etag }) => Buffer.from(etag.slice(1, -1), 'hex'));
    const etag = `"${md5(Buffer.concat(digests)).toString('hex')}-${chosen.length}"`;
    this.uploads.delete(id);
    return this.#keep(key, { ...this.#object(Buffer.concat(chosen.map(({ bytes }) => bytes))), etag });
  }

  abortUpload(key: string, id: string): void {
    this.upload(key, id);
    this.uploads.delete(id);
  }

  #keep(key: string, object: StoredObject): StoredObject {
    const before = this.objects.get(key);
    const stale = this.#defects.has('stale_read') && before !== undefined;
    if (stale || (this.#defects.has('not_yet_there') && before === undefined)) {
      this.#late.set(key, { before, reads: LATE_READS });
    }
    this.objects.set(key, object);
    return object;
  }

  #require(object: StoredObject, { ifMatch, ifNoneMatch }: Conditions): void {
    if (this.#defects.has('conditions_ignored')) return;
    const met = (wanted: string) =>
      wanted === '*' || (!this.#defects.has('wrong_etag') && quoted(wanted) === object.etag);
    if (ifMatch !== undefined && !met(ifMatch)) throw new S3Error('PreconditionFailed');
    if (ifNoneMatch !== undefined && met(ifNoneMatch)) throw new S3Error('PreconditionFailed');
  }

  #written(bytes: Buffer): Buffer {
    if (this.#defects.has('put_truncated')) return bytes.subarray(0, -1);
    return this.#defects.has('put_flips_a_bit') ? flipped(bytes) : bytes;
  }

  #copied(bytes: Buffer): Buffer {
    if (this.#defects.has('copy_truncated')) return bytes.subarray(0, -1);
    return this.#defects.has('copy_of_other_bytes') ? flipped(bytes) : bytes;
  }

  #object(bytes: Buffer): StoredObject {
    return {
      bytes,
      etag: `"${md5(bytes).toString('hex')}"`,
      contentType: 'binary/octet-stream',
      contentEncoding: undefined,
      cacheControl: undefined,
      lastModified: this.#now(),
    };
  }
}

/** The bytes with one bit changed, in the middle. */
export function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest();
}
