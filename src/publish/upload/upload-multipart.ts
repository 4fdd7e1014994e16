import { BufferPool } from '../../client/transfer/buffer-pool.ts';
import { type FilePart, readParts } from '../../client/transfer/file-parts.ts';
import { put } from '../../client/transfer/presigned-put.ts';
import { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { partSizeOf, partsOf } from '../../protocol/multipart.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { completeArrived } from './complete-upload.ts';
import { PartUrls, UploadEnded } from './part-urls.ts';
import { resolveConflict } from './resolve-conflict.ts';
import type { SentArtifact, UploadGrant, UploadOptions } from './upload-grant.ts';
import { storageRefused } from './upload-grant.ts';

/** Bytes handed to the network at once. */
const CHUNK = 256 * 1024;

/**
 * Extension `multipart`: brings one file to the server in parts, several at once, as many as the memory for them lets.
 * The file is read once, from its begin to its end. What an earlier run has brought is not sent again.
 * @throws OtaError `conflict` when the platform got other bytes meanwhile, or the release was withdrawn
 */
export async function uploadMultipart(
  publisher: Publisher,
  release: Pick<ReleaseResponse, 'id' | 'version'>,
  artifact: PlannedArtifact,
  { promised, slug, buffers = new BufferPool() }: UploadOptions,
): Promise<SentArtifact> {
  const bring = async (upload?: UploadGrant) => {
    const urls = await PartUrls.ask(publisher, release, artifact, upload);
    const resumed = urls.isWhole || urls.done.size > 0;
    const etags = await sendParts(publisher, artifact, urls, buffers);
    const wentLive = await join(publisher, release, artifact, urls, etags).catch((error) => {
      // What an earlier run has brought is not what this file is, and is dropped by now: all of it is sent again.
      const isOther = resumed && error instanceof OtaError && error.code === 'preflight_refused';
      throw isOther ? new UploadEnded(error.message, { cause: error }) : error;
    });
    return { servedSignature: artifact.signature, wentLive };
  };
  try {
    return await bring(promised).catch((error) => {
      if (error instanceof UploadEnded) return bring();
      throw error;
    });
  } catch (error) {
    if (error instanceof UploadEnded) throw endedAgain(artifact, error);
    if (!(error instanceof OtaError) || error.code !== 'conflict') throw error;
    const settle = () => resolveConflict(publisher, { ...release, slug }, artifact, error);
    return { servedSignature: await publisher.retry.run(settle), wentLive: undefined };
  }
}

function endedAgain(artifact: PlannedArtifact, cause: UploadEnded): OtaError {
  const message = `the storage ended the upload of ${platformName(artifact)} twice`;
  return new OtaError('network', message, { cause, hint: 'Run the same command again.' });
}

/**
 * Has the parts put together, and the file taken. After a failure nobody knows how far that came: so it is asked.
 * @param sent the ETags of all parts; undefined when they were put together already
 * @returns whether the release went live by it
 * @throws UploadEnded when parts are missing
 */
function join(
  publisher: Publisher,
  release: Pick<ReleaseResponse, 'id' | 'version'>,
  { size }: PlannedArtifact,
  urls: PartUrls,
  sent: readonly string[] | undefined,
): Promise<boolean | undefined> {
  let parts = sent;
  return publisher.retry.run(async (attempt) => {
    if (attempt > 1) {
      await urls.askAgain();
      parts = urls.isWhole ? undefined : inOrder(size, urls.done);
    }
    return completeArrived(publisher, release, urls.uploadId, parts && { parts: [...parts] });
  });
}

/** @throws UploadEnded when one is missing */
function inOrder(fileSize: number, etags: ReadonlyMap<number, string>): string[] {
  return partsOf(fileSize).map(({ number }) => {
    const etag = etags.get(number);
    if (etag === undefined) throw new UploadEnded(`part ${number} is missing`);
    return etag;
  });
}

/**
 * Sends what is missing. One part that fails for good lets those under way end, and keeps the rest.
 * @returns the ETags of all parts, in order; undefined when the server has put them together already
 */
async function sendParts(
  publisher: Publisher,
  artifact: PlannedArtifact,
  urls: PartUrls,
  buffers: BufferPool,
): Promise<string[] | undefined> {
  if (urls.isWhole) return undefined;
  const { size } = artifact;
  const etags = new Map(urls.done);
  const progress = new Progress(publisher, artifact, urls);
  const failures: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  const options = { partSize: partSizeOf(size), isWanted: (number: number) => !etags.has(number), buffers };
  for await (const part of readParts(artifact, options)) {
    if (failures.length > 0) {
      part.release();
      break;
    }
    const sending = sendPart(publisher, artifact, part, urls, progress)
      .then((etag) => void etags.set(part.number, etag))
      .catch((error) => void failures.push(error))
      .finally(() => {
        part.release();
        underWay.delete(sending);
      });
    underWay.add(sending);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
  return inOrder(size, etags);
}

/** @returns its ETag */
async function sendPart(
  { transport, retry, signal }: Publisher,
  artifact: PlannedArtifact,
  { number, bytes }: FilePart,
  urls: PartUrls,
  progress: Progress,
): Promise<string> {
  let refusals = 0;
  return retry.run(async () => {
    const place = await urls.of(number);
    if ('etag' in place) return place.etag;
    const { url } = place;
    const body = inChunks(bytes, (sent) => progress.tell(number, sent));
    const outcome = await put(transport, { url, size: bytes.length, body, signal }).catch((error) => {
      // 404: the upload has ended, which asking for another URL tells more of
      if (error instanceof OtaError && error.code === 'usage') return { urlRefused: error };
      throw error;
    });
    if ('urlRefused' in outcome) {
      if (refusals++ > 0) throw storageRefused(artifact, outcome.urlRefused);
      urls.forget(number, url);
      throw new OtaError('network', `the URL of part ${number} was refused`, { cause: outcome.urlRefused });
    }
    const etag = outcome.response.header('etag');
    if (etag === undefined) throw new OtaError('not_the_api', `the storage gave part ${number} no ETag`);
    return etag;
  });
}

/** How much of a file is there, over all that is sent of it at once. */
class Progress {
  readonly #sent = new Map<number, number>();
  readonly #report: (sentBytes: number) => void;

  constructor({ report }: Publisher, artifact: PlannedArtifact, { done }: PartUrls) {
    for (const { number, size } of partsOf(artifact.size)) if (done.has(number)) this.#sent.set(number, size);
    this.#report = (sentBytes) => report({ type: 'upload_progress', artifact, sentBytes });
  }

  tell(number: number, sentOfPart: number): void {
    this.#sent.set(number, sentOfPart);
    this.#report([...this.#sent.values()].reduce((sum, bytes) => sum + bytes, 0));
  }
}

async function* inChunks(bytes: Buffer, onSent: (sent: number) => void): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const chunk = bytes.subarray(at, at + CHUNK);
    yield chunk;
    onSent(at + chunk.length);
  }
}
