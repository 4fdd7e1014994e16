import { createHash } from 'node:crypto';
import {
  type ExportPlace,
  notAnExport,
  otherBytes,
  overdue,
  parseState,
  STATE_FILE,
} from './export-place.ts';
import type { ExportedFile } from './static-answers.ts';

/** Sent to caches and browsers with an object. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
}

/** Objects in a bucket, by their paths below a prefix. Each method rejects with `store_unavailable` or `no_space`. */
export interface ObjectStore {
  readonly location: string;
  list(
    folder: string,
  ): AsyncIterable<{ readonly path: string; readonly size: number; readonly etag: string }>;
  readText(path: string): Promise<string>;
  writeText(path: string, text: string, headers: ObjectHeaders): Promise<void>;
  /** @returns `differs` where the bytes are not the file's: nothing of them is in the store */
  writeFile(
    path: string,
    file: { readonly size: number; readonly sha256: string; read(): AsyncIterable<Uint8Array> },
    headers: ObjectHeaders,
  ): Promise<'sent' | 'already_there' | 'differs'>;
  remove(path: string): Promise<void>;
}

/** Its path has its hash. */
const OF_FILE: ObjectHeaders = {
  contentType: 'application/octet-stream',
  cacheControl: 'public, max-age=31536000, immutable, no-transform',
};
const OF_ANSWER: ObjectHeaders = {
  contentType: 'application/json; charset=utf-8',
  cacheControl: 'public, max-age=60',
};

interface Found {
  readonly size: number;
  readonly etag: string;
}

/** The objects of one app. They are listed once; only those that differ are written. */
export class ExportBucket implements ExportPlace {
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #found: ReadonlyMap<string, Found>;
  readonly #kept = new Set<string>([STATE_FILE]);

  private constructor(store: ObjectStore, folder: string, found: ReadonlyMap<string, Found>) {
    this.#store = store;
    this.#folder = folder;
    this.#found = found;
  }

  /**
   * @param slug the folder of the app
   * @throws OtaError `usage` for one that something else has filled; as `ObjectStore`
   */
  static async open(store: ObjectStore, slug: string): Promise<ExportBucket> {
    const folder = `${slug}/`;
    const found = new Map<string, Found>();
    for await (const { path, ...object } of store.list(folder)) found.set(path.slice(folder.length), object);
    if (found.size > 0 && !found.has(STATE_FILE)) throw notAnExport(`${store.location}/${slug}`);
    const bucket = new ExportBucket(store, folder, found);
    if (found.size === 0) await bucket.write(STATE_FILE, '{"unreferenced":{}}\n');
    return bucket;
  }

  /** Most stores tag an object with the MD5 of its bytes. In others it is written each time. */
  async write(path: string, text: string): Promise<void> {
    this.#kept.add(path);
    const etag = `"${createHash('md5').update(text).digest('hex')}"`;
    if (this.#found.get(path)?.etag !== etag)
      await this.#store.writeText(this.#folder + path, text, OF_ANSWER);
  }

  /** An object of that size was verified when it was written: it is not read again. */
  async fetch({ path, size, sha256 }: ExportedFile, read: () => AsyncIterable<Uint8Array>): Promise<boolean> {
    this.#kept.add(path);
    if (this.#found.get(path)?.size === size) return false;
    const outcome = await this.#store.writeFile(this.#folder + path, { size, sha256, read }, OF_FILE);
    if (outcome === 'differs') throw otherBytes(path);
    return outcome === 'sent';
  }

  async removeOthers(now: Date, graceMs: number): Promise<string[]> {
    const text = this.#found.has(STATE_FILE) ? await this.#store.readText(this.#folder + STATE_FILE) : '';
    const others = [...this.#found.keys()].filter((path) => !this.#kept.has(path));
    const { due, state } = overdue(others, parseState(text), { now, graceMs });
    for (const path of due) await this.#store.remove(this.#folder + path);
    await this.write(STATE_FILE, `${JSON.stringify(state)}\n`);
    return [...due];
  }
}
