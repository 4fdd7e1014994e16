import { OtaError } from '../../errors.ts';
import { partSizeOf } from '../../protocol/upload/multipart.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { requireNotDeleted } from '../server-state/withdrawal.ts';
import type { UploadContext, UploadGrant } from './upload-grant.ts';

type MultipartGrant = Required<Pick<UploadGrant, 'upload_id' | 'multipart'>>;

/** Most parts that S3 takes. */
const MAX_PARTS = 10_000;
/** Largest part that is held in memory, in bytes, unless the file is too large for smaller ones. */
const MAX_PART_SIZE = 512 * 1024 * 1024;

/** The upload that was resumed does not count any more, or differs from what this run knows. A new grant is needed. */
export class UploadEnded extends Error {
  override readonly name = 'UploadEnded';
}

/** Where a part goes; or its ETag, where another run has uploaded it. */
export type PartTarget =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'uploaded'; readonly etag: string };

/** The URLs for the parts of one file. A server grants some at a time, and fresh ones when it is asked again. */
export class PartUrls {
  readonly uploadId: string;
  /** Bytes of each part but the last. */
  readonly partSize: number;
  readonly #first: MultipartGrant;
  readonly #requestGrant: () => Promise<MultipartGrant>;
  readonly #urls = new Map<number, string>();
  #uploaded: ReadonlyMap<number, string> = new Map();
  #isAssembled = false;
  #refreshing: Promise<void> | undefined;

  private constructor(first: MultipartGrant, requestGrant: () => Promise<MultipartGrant>) {
    this.uploadId = first.upload_id;
    this.partSize = first.multipart.part_size;
    this.#first = first;
    this.#requestGrant = requestGrant;
    this.#keep(first);
  }

  /** @param grant one that was requested before */
  static async request(
    { publisher, release }: UploadContext,
    { body, size }: PlannedArtifact,
    grant?: UploadGrant,
  ): Promise<PartUrls> {
    const { client, retry, appId } = publisher;
    const call = () => client.createArtifact(appId, release.id, body);
    const requestGrant = async () => requireMultipart(await requireNotDeleted(release.version, call));
    const first = grant ? requireMultipart(grant) : await retry.run(requestGrant);
    requireUsable(first.multipart.part_size, size);
    return new PartUrls(first, requestGrant);
  }

  /** The ETags of the parts that the server had when it was last asked. */
  get uploaded(): ReadonlyMap<number, string> {
    return this.#uploaded;
  }

  /** Whether the storage has already assembled the parts into the file. */
  get isAssembled(): boolean {
    return this.#isAssembled;
  }

  /** @throws OtaError as the request does; UploadEnded */
  async targetOf(number: number): Promise<PartTarget> {
    for (let requests = 0; requests < 2; requests++) {
      const url = this.#urls.get(number);
      if (url !== undefined) return { kind: 'url', url };
      const etag = this.#uploaded.get(number);
      if (etag !== undefined) return { kind: 'uploaded', etag };
      await this.refresh();
      if (this.#isAssembled) throw new UploadEnded();
    }
    throw new OtaError('not_the_api', `the server sent no URL for part ${number}`);
  }

  /** To be called when a URL was refused. */
  forget(number: number, url: string): void {
    if (this.#urls.get(number) === url) this.#urls.delete(number);
  }

  /**
   * Reads which parts have arrived, and gets fresh URLs. Concurrent calls share one request.
   * @throws OtaError as the request does; UploadEnded when another multipart upload took its place
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const grant = await this.#requestGrant();
    const { id, part_size } = this.#first.multipart;
    const isSame = grant.upload_id === this.uploadId && grant.multipart.id === id;
    if (!isSame || grant.multipart.part_size !== part_size) throw new UploadEnded();
    this.#keep(grant);
  }

  #keep({ multipart: { parts, done } }: MultipartGrant): void {
    for (const { number, url } of parts) this.#urls.set(number, url);
    this.#uploaded = new Map(done.map(({ number, etag }) => [number, etag]));
    this.#isAssembled = parts.length === 0 && done.length === 0;
  }
}

function requireMultipart({ upload_id, multipart }: UploadGrant): MultipartGrant {
  if (upload_id === undefined || multipart === undefined) {
    throw new OtaError(
      'not_the_api',
      'the server returned no part URLs, although it supports multipart uploads',
    );
  }
  return { upload_id, multipart };
}

/** Parts are held in memory, and listed in one request. */
function requireUsable(partSize: number, fileSize: number): void {
  const isTooLarge = partSize > Math.max(MAX_PART_SIZE, partSizeOf(fileSize));
  if (!isTooLarge && fileSize / partSize <= MAX_PARTS) return;
  const message = `the server's part size of ${partSize} bytes cannot be used for a file of ${fileSize} bytes`;
  throw new OtaError('not_the_api', message);
}
