import { atHandedOutUrl } from '../../client/handed-out-url.ts';
import { put } from '../../client/transfer/presigned-put.ts';
import { chunksOf, type FilePart, SourceFile } from '../../client/transfer/source-file.ts';
import { hasStatus, OtaError } from '../../errors.ts';
import { platformName } from '../../protocol/platform.ts';
import { type PartRange, partsOf } from '../../protocol/upload/multipart.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { completeUpload } from './complete-upload.ts';
import { PartUrls, UploadEnded } from './part-urls.ts';
import { resolveConflict } from './resolve-conflict.ts';
import { storageRefused, type UploadContext, type UploadedFile, type UploadGrant } from './upload-grant.ts';

/**
 * Extension `multipart`: uploads one file in parts, as many at once as the memory for them allows. The file is read
 * once, from start to end. Parts that an earlier run has uploaded are not sent again.
 * @param grant one that was requested before, for the first attempt
 * @throws OtaError `conflict` when the platform has a different file by now, or the release was withdrawn
 */
export async function uploadMultipart(
  context: UploadContext,
  artifact: PlannedArtifact,
  grant?: UploadGrant,
): Promise<UploadedFile> {
  const upload = async (known?: UploadGrant) => {
    const urls = await PartUrls.request(context, artifact, known);
    const wentLive = await new MultipartUpload(context, artifact, urls).run();
    return { servedSignature: artifact.servedSignature, wentLive };
  };
  try {
    return await upload(grant).catch((error) => {
      if (error instanceof UploadEnded) return upload();
      throw error;
    });
  } catch (error) {
    if (error instanceof UploadEnded) throw endedTwice(artifact, error);
    if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
    const resolve = () => resolveConflict(context, artifact, error);
    return { servedSignature: await context.publisher.retry.run(resolve), wentLive: undefined };
  }
}

function endedTwice(artifact: PlannedArtifact, cause: UploadEnded): OtaError {
  const message = `the storage aborted the upload of ${platformName(artifact)} twice`;
  return new OtaError('network', message, { cause, hint: 'Run the same command again.' });
}

/** One upload in parts, which may resume that of an earlier run. */
class MultipartUpload {
  readonly #context: UploadContext;
  readonly #artifact: PlannedArtifact;
  readonly #urls: PartUrls;
  readonly #parts: readonly PartRange[];
  readonly #etags: Map<number, string>;
  readonly #progress: Progress;

  constructor(context: UploadContext, artifact: PlannedArtifact, urls: PartUrls) {
    this.#context = context;
    this.#artifact = artifact;
    this.#urls = urls;
    this.#parts = partsOf(artifact.size, urls.partSize);
    this.#etags = new Map(urls.uploaded);
    const { report } = context.publisher;
    this.#progress = new Progress((sentBytes) => report({ type: 'upload_progress', artifact, sentBytes }));
    for (const { number, size } of this.#parts)
      if (this.#etags.has(number)) this.#progress.start(number, size);
  }

  /**
   * @returns whether the release went live by it; undefined where the server did not say
   * @throws UploadEnded when what was resumed does not count any more
   */
  async run(): Promise<boolean | undefined> {
    const resumed = this.#urls.isAssembled || this.#urls.uploaded.size > 0;
    if (!this.#urls.isAssembled) await this.#sendParts();
    return this.#assemble().catch((error) => {
      // The parts of the earlier run belong to a different file. The server has dropped them, so all are sent again.
      throw resumed && hasStatus(error, 400, 422) ? new UploadEnded(error.message, { cause: error }) : error;
    });
  }

  /**
   * Has the storage assemble the parts, and the server process the file. After a failure it is unknown how far that
   * came, so the server is asked which parts it has.
   * @throws UploadEnded when parts are missing
   */
  #assemble(): Promise<boolean | undefined> {
    let etags: ReadonlyMap<number, string> = this.#etags;
    return this.#context.publisher.retry.run(async (attempt) => {
      if (attempt > 1) {
        await this.#urls.refresh();
        etags = this.#urls.uploaded;
      }
      const body = this.#urls.isAssembled ? undefined : { parts: this.#inOrder(etags) };
      return completeUpload(this.#context, this.#urls.uploadId, body);
    });
  }

  /** @throws UploadEnded when one is missing */
  #inOrder(etags: ReadonlyMap<number, string>): string[] {
    return this.#parts.map(({ number }) => {
      const etag = etags.get(number);
      if (etag === undefined) throw new UploadEnded(`part ${number} is missing`);
      return etag;
    });
  }

  /**
   * Sends the missing parts. When one fails for good, or the file cannot be read on, those being sent are finished, and no
   * others are started.
   */
  async #sendParts(): Promise<void> {
    const failures: unknown[] = [];
    const sending = new Set<Promise<void>>();
    const { partSize } = this.#urls;
    const isWanted = (number: number) => !this.#etags.has(number);
    const options = { partSize, isWanted, buffers: this.#context.buffers };
    try {
      for await (const part of new SourceFile(this.#artifact).parts(options)) {
        if (failures.length > 0) {
          part.release();
          break;
        }
        const sent = this.#sendPart(part)
          .catch((error) => void failures.push(error))
          .finally(() => {
            part.release();
            sending.delete(sent);
          });
        sending.add(sent);
      }
    } finally {
      await Promise.all(sending);
    }
    if (failures.length > 0) throw failures[0];
  }

  async #sendPart(part: FilePart): Promise<void> {
    let refusals = 0;
    const etag = await this.#context.publisher.retry.run(async () => {
      const target = await this.#urls.targetOf(part.number);
      if (target.kind === 'uploaded') return target.etag;
      const result = await this.#put(target.url, part);
      if (result.kind === 'url_refused') {
        if (refusals++ > 0) throw storageRefused(this.#artifact, result.error);
        this.#urls.forget(part.number, target.url);
        const message = `the URL of part ${part.number} was refused: ${result.error.message}`;
        throw new OtaError('network', message, { cause: result.error, hint: result.error.hint });
      }
      const header = result.response.header('etag');
      if (header !== undefined) return header;
      throw withoutEtag(part);
    });
    this.#etags.set(part.number, etag);
  }

  async #put(url: string, { number, bytes }: FilePart) {
    const { client, transport, signal } = this.#context.publisher;
    const body = this.#progress.watch(number, bytes);
    try {
      const request = { url, size: bytes.length, body, server: client.serverKind, signal };
      return await atHandedOutUrl(url, client.server, () => put(transport, request));
    } catch (error) {
      // The storage has ended the upload. A request for another URL shows why.
      if (hasStatus(error, 404)) return { kind: 'url_refused', error } as const;
      throw error;
    }
  }
}

/** S3 and our server answer each part with one. */
function withoutEtag({ number }: FilePart): OtaError {
  return new OtaError('not_the_api', `the storage returned no ETag for part ${number}`, {
    hint: 'Something in front of the storage probably answered in its place, or removes the header ETag: let it pass PUT requests on, with their responses unchanged.',
  });
}

/** How much of a file was sent, over all of its parts. */
class Progress {
  readonly #sent = new Map<number, number>();
  readonly #onProgress: (sentBytes: number) => void;

  constructor(onProgress: (sentBytes: number) => void) {
    this.#onProgress = onProgress;
  }

  /** Counts a part that was sent before. */
  start(number: number, size: number): void {
    this.#sent.set(number, size);
  }

  async *watch(number: number, bytes: Buffer): AsyncIterable<Uint8Array> {
    let sent = 0;
    for (const chunk of chunksOf(bytes)) {
      yield chunk;
      sent += chunk.length;
      this.#sent.set(number, sent);
      this.#onProgress([...this.#sent.values()].reduce((sum, size) => sum + size, 0));
    }
  }
}
